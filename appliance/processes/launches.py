"""How the processes of an appliance are started: their words, their environment and what is passed on to them."""

import socket
import sys

from appliance.port import listener
from appliance.processes.child import Launch
from appliance.processes.telling import Telling
from appliance.settings import Settings, child_environment


class Launches:
    """Of the appliance with `settings` whose Redis is at `redis_url`."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self._settings, self._redis_url = settings, redis_url

    def http(self, listening: socket.socket, telling: Telling) -> Launch:
        # The socket stays ours: while the process is replaced, connections wait in it and none is refused.
        passed = (listening.fileno(), telling.writing)
        name = listener.url(listening, secure=self._settings.http_tls_certificate is not None)
        return Launch(name, *self._command("serve", *_passed(*passed)), pass_fds=passed)

    def grpc(self, reserved: socket.socket, telling: Telling) -> Launch:
        # The port stays ours while the process is replaced; connections cannot wait in it, so clients try again.
        passed = (reserved.fileno(), telling.writing)
        # Its threads copy large messages: what each of them had would stay with it.
        command = self._command("grpc", *_passed(*passed), MALLOC_ARENA_MAX="2")
        return Launch(listener.address(reserved), *command, pass_fds=passed)

    def worker(self, device: str | None, name: str, standby: int | None) -> Launch:
        """One that works at once, or waits to be told through `standby`; on the GPU `device` where one is named."""
        variables = {} if device is None else {"CUDA_VISIBLE_DEVICES": device}
        waiting = () if standby is None else (standby,)
        words = ("--standby-fd", str(standby)) if waiting else ()
        return Launch(name, *self._command("worker", "--name", name, *words, **variables), pass_fds=waiting)

    def _command(self, *words: str, **variables: str) -> tuple[list[str], dict[str, str]]:
        # Nothing in the folder in which it was started is a module of ours.
        return [sys.executable, "-P", "-m", "appliance", *words], child_environment(
            self._settings, VOICEPRINT_REDIS_URL=self._redis_url, **variables
        )


def _passed(port: int, telling: int) -> tuple[str, ...]:
    return "--fd", str(port), "--ready-fd", str(telling)
