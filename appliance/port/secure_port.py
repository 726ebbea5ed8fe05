"""TLS on the HTTP port: the handshake, and an answer for those who speak in the clear."""

import asyncio
import logging
import socket
import ssl

from aiohttp import web

from appliance import answers
from appliance.port import certificate
from appliance.port.connection import Connection
from appliance.port.crowd import Crowd
from appliance.port.renewal import Renewed
from appliance.settings import Settings
from schemas.errors import RequestInvalid

log = logging.getLogger(__name__)

# For the handshake. Whoever opens a connection must say what for.
_HANDSHAKE_SECONDS = 20.0
# When the process may open no more files, it tries again after so long.
_PAUSE_SECONDS = 1.0
# Of the first record of TLS: the client's hello.
_HELLO = b"\x16"
# Of TLS 1.2; those of 1.3 are all good. Keys that are stolen later read nothing that was said before.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class SecurePort:
    """Takes the connections of a listening socket, from `open` to `close`.

    asyncio's own server would not do: it has one certificate for as long as it lives, and lets go of a client that
    speaks in the clear without a word.
    """

    def __init__(self, settings: Settings, listening: socket.socket, server: web.Server, crowd: Crowd) -> None:
        """Raises ConfigurationError for a certificate or key that cannot be used."""
        files = certificate.paths(settings, "HTTP")
        assert files is not None  # noqa: S101  # whoever makes one has looked
        self._renewed = Renewed(files, lambda: _context(settings))
        self._listening, self._server, self._crowd = listening, server, crowd
        self._misdirected = web.Server(_misdirected)
        self._loop = asyncio.get_running_loop()
        self._greetings: set[_Greeting] = set()

    def open(self) -> None:
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening, self._accept)

    def close(self) -> None:
        """Takes no more, and lets go of those with whom no handshake has ended."""
        self._loop.remove_reader(self._listening)
        self._listening.close()
        for greeting in self._greetings:
            greeting.drop()

    def _accept(self) -> None:
        try:
            connection, address = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            log.error("no connection can be taken: %s", error.strerror)
            self._loop.remove_reader(self._listening)
            self._loop.call_later(_PAUSE_SECONDS, self._resume)
            return
        connection.setblocking(False)
        greeting = _Greeting()
        if not self._crowd.admit(greeting, address[0]):
            connection.close()
            return
        greeting.task = self._loop.create_task(self._greet(connection, greeting))
        self._greetings.add(greeting)

    def _resume(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._accept)

    async def _greet(self, connection: socket.socket, greeting: "_Greeting") -> None:
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                secured = await self._first(connection) == _HELLO
                if secured:
                    self._renewed.changed()
                server = self._server if secured else self._misdirected
                await self._loop.connect_accepted_socket(
                    lambda: _Greeted(server, self._crowd, greeting),
                    connection,
                    ssl=self._renewed.made if secured else None,
                )
        except ssl.SSLError as error:
            # Of a client that does not trust us, or has no certificate to show where one is asked for.
            log.info("a handshake failed: %s", error.reason)
        except (OSError, TimeoutError) as error:
            log.debug("no handshake: %s", error)
        finally:
            self._crowd.leave(greeting)
            self._greetings.discard(greeting)

    async def _first(self, connection: socket.socket) -> bytes:
        """The first byte that comes, which stays where it is; none from a client that has left."""
        come, refused = asyncio.Event(), False
        self._loop.add_reader(connection, come.set)
        try:
            await come.wait()
            return connection.recv(1, socket.MSG_PEEK)
        except BaseException:
            refused = True
            raise
        finally:
            self._loop.remove_reader(connection)
            if refused:
                connection.close()


class _Greeting:
    """A client that has not said yet what it wants: one of the crowd, and the first to go."""

    at_work = False
    task: "asyncio.Task[None] | None" = None

    def drop(self) -> None:
        if self.task is not None:
            self.task.cancel()


class _Greeted(Connection):
    """The same client, once it has."""

    def __init__(self, server: web.Server, crowd: Crowd, greeting: _Greeting) -> None:
        super().__init__(server, crowd)
        self._greeting = greeting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._crowd.leave(self._greeting)
        super().connection_made(transport)


def _context(settings: Settings) -> ssl.SSLContext:
    pair = certificate.load(settings, "HTTP")
    files = certificate.paths(settings, "HTTP")
    assert pair is not None  # noqa: S101  # its files are configured
    assert files is not None  # noqa: S101
    if pair.warning:
        log.warning("the certificate in %s: %s", certificate.chain_setting("HTTP"), pair.warning)
    context = certificate.server_context("HTTP", files[0], files[1])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    if pair.authorities:
        context.load_verify_locations(cadata=pair.authorities.decode("ascii", "ignore"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _misdirected(request: web.BaseRequest) -> web.StreamResponse:
    response = answers.error(RequestInvalid("HTTP is not spoken here, but HTTPS: is it the right address?"))
    answers.put_headers(request, response)
    response.force_close()
    return response
