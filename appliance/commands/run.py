"""`voiceprint up`, `serve`, `grpc` and `worker`: the appliance whole, or one of its processes."""

import asyncio
import signal
import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from appliance import log_lines
from appliance.commands.own import own
from appliance.exit_codes import ExitCode
from appliance.loading import loading
from appliance.settings import PREFIX, Settings, load
from schemas.errors import ConfigurationError

# Far more than the longest recording needs on a slow core: an attempt that takes longer hangs.
_ATTEMPT_SECONDS, _ATTEMPT_SECONDS_PER_SECOND = 600.0, 2.0

if TYPE_CHECKING:
    from tasks.worker import WorkerConfig

Host = Annotated[str | None, typer.Option(help=f"Address to listen on, over {PREFIX}HOST.", show_default=False)]
Port = Annotated[
    int | None, typer.Option(help=f"Port to listen on, 0 for a free one, over {PREFIX}HTTP_PORT.", show_default=False)
]
GrpcPort = Annotated[
    int | None,
    typer.Option(help=f"Port of the gRPC interface, 0 for a free one, over {PREFIX}GRPC_PORT.", show_default=False),
]


def up(host: Host = None, port: Port = None, grpc_port: GrpcPort = None) -> None:
    """Run the whole appliance: Redis unless one is configured, the HTTP and the gRPC server, and the workers.

    Prints one line on standard output when it is ready. Ctrl-C gives back to the queue what runs and stops within 5 s;
    SIGTERM lets it finish first.
    """
    settings = _settings("supervisor", host=host, http_port=port, grpc_port=grpc_port)

    with loading():
        from importlib.metadata import version  # noqa: PLC0415

        from appliance import preflight  # noqa: PLC0415
        from appliance.embedded_redis import redis_server  # noqa: PLC0415
        from appliance.port import listener  # noqa: PLC0415
        from appliance.supervisor import Supervisor  # noqa: PLC0415
        from tasks.audit import Audit  # noqa: PLC0415

    preflight.require_doors(settings)
    preflight.require_models(settings)
    serves_grpc = preflight.serves_grpc(settings)
    devices = preflight.gpus(settings)
    binary = None if settings.redis_url else redis_server.find(settings.models)
    with ExitStack() as held:
        held.enter_context(preflight.locked(settings.data_dir))
        preflight.require_store(settings)
        listening = held.enter_context(listener.listen(settings.host, settings.http_port))
        reserved = held.enter_context(listener.reserve(settings.host, settings.grpc_port)) if serves_grpc else None
        server = (
            held.enter_context(redis_server.prepared(binary, settings.data_dir, settings.redis_fsync))
            if binary
            else None
        )
        count = preflight.worker_count(settings, devices)
        audit = Audit.open(settings.audit, settings.ring())
        held.enter_context(
            audit.running("supervisor", "appliance", version=version("voiceprint-appliance"), workers=count)
        )
        supervisor = Supervisor(
            settings,
            listening,
            server.url if server else _redis_url(settings),
            reserved=reserved,
            server=server,
            workers=count,
            devices=devices,
            audit=audit,
        )
        code = asyncio.run(supervisor.run())
    raise typer.Exit(code)


def serve(
    host: Host = None,
    port: Port = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only ask the one that runs here whether it is alive: exit code 0 if so.")
    ] = False,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
    ready_fd: Annotated[int | None, typer.Option(hidden=True, help="Told once when it serves.")] = None,
) -> None:
    """Run the HTTP server alone; it needs a Redis that others share, and the store folder of the workers."""
    _end_quietly_while_starting()
    settings = _settings("http", only_asks=check, host=host, http_port=port)

    from appliance import asking, preflight  # noqa: PLC0415
    from appliance.port import listener  # noqa: PLC0415

    if check:
        raise typer.Exit(ExitCode.DONE if asking.alive(settings) else ExitCode.FAULT)
    _redis_url(settings)
    preflight.require_doors(settings, supervised=fd is not None)

    with loading():
        from appliance.app import serve as serve_http  # noqa: PLC0415

    listening = listener.listen(settings.host, settings.http_port) if fd is None else socket.socket(fileno=fd)
    serve_http(settings, listening, ready_fd)


def grpc(
    host: Host = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            "--grpc-port",
            help=f"Port to listen on, 0 for a free one, over {PREFIX}GRPC_PORT.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only ask the one that runs here whether it serves: exit code 0 if so.")
    ] = False,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A socket that holds the port already.")] = None,
    ready_fd: Annotated[int | None, typer.Option(hidden=True, help="Told once when it serves.")] = None,
) -> None:
    """Run the gRPC server alone; it needs a Redis that others share, and the store folder of the workers."""
    _end_quietly_while_starting()
    settings = _settings("grpc", only_asks=check, host=host, grpc_port=port)

    from appliance import preflight  # noqa: PLC0415
    from appliance.port import listener  # noqa: PLC0415

    preflight.require_grpc(settings)
    if check:
        from appliance.grpc_face import asking  # noqa: PLC0415

        raise typer.Exit(ExitCode.DONE if asking.serves(settings) else ExitCode.FAULT)
    _redis_url(settings)
    preflight.require_doors(settings, supervised=fd is not None)

    try:
        with loading():
            from appliance.grpc_face.process import serve as serve_grpc  # noqa: PLC0415
            from appliance.grpc_face.services import services  # noqa: PLC0415

            services()
    except ConfigurationError:
        raise
    except Exception as error:
        # Stubs of another protobuf say so with an exception of their own.
        raise ConfigurationError(
            f"the packages of the gRPC interface do not go together ({error}): "
            f"pip install --upgrade 'voiceprint-appliance[grpc]', or do without it with {PREFIX}GRPC=off"
        ) from error
    reserved = listener.reserve(settings.host, settings.grpc_port) if fd is None else socket.socket(fileno=fd)
    serve_grpc(settings, reserved, ready_fd)


def worker(
    name: Annotated[
        str | None, typer.Option(help="A name that no other worker has or had; one is made up when not given.")
    ] = None,
    standby_fd: Annotated[
        int | None, typer.Option(hidden=True, help="Where it is told to begin, once it is needed.")
    ] = None,
) -> None:
    """Run one worker; it needs a Redis that others share, and their store folder."""
    _end_quietly_while_starting()
    from tasks.store import new_worker_name  # noqa: PLC0415

    name = name or new_worker_name()
    settings = _settings(f"worker {name}")

    with loading():
        from appliance.processes import promotion  # noqa: PLC0415
        from tasks.jobs import jobs  # noqa: PLC0415
        from tasks.worker import open_models, run  # noqa: PLC0415

        jobs()

    models = open_models(worker_config(settings, name))
    if standby_fd is not None:
        promotion.wait(standby_fd)
    # Only now: the key ring may have changed while it waited.
    run(worker_config(settings, name), models)


def worker_config(settings: Settings, name: str) -> "WorkerConfig":
    """What a worker named `name` needs of the settings."""
    redis_url = _redis_url(settings)

    from tasks.worker import WorkerConfig  # noqa: PLC0415

    return WorkerConfig(
        name=name,
        redis_url=redis_url,
        store_dir=settings.store,
        models_dir=settings.models,
        models=settings.served_models,
        profile=settings.profile,
        device=settings.device,
        max_audio_length=settings.max_audio_length,
        retention=settings.retention,
        drain_timeout=settings.drain_timeout,
        quality=settings.quality,
        ring=settings.ring(),
        encrypt_store=settings.encrypt_store,
        unsigned_voiceprints=settings.unsigned_voiceprints,
        audit_log=settings.audit,
        longest_attempt=_ATTEMPT_SECONDS + _ATTEMPT_SECONDS_PER_SECOND * settings.max_audio_length,
        threads=settings.threads,
        attempts=settings.attempts,
        otel_endpoint=settings.otel_endpoint,
    )


def _settings(process: str, *, only_asks: bool = False, **overrides: str | int | None) -> Settings:
    # Who only asks a process that runs touches nothing of what it keeps.
    settings = (load if only_asks else own)(**overrides)
    log_lines.begin(settings.log_level, settings.log_format, process)
    return settings


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise ConfigurationError(
            f"{PREFIX}REDIS_URL is not set: give the Redis that all processes share, "
            "or run everything here with `voiceprint up`, which brings its own"
        )
    return settings.redis_url.get_secret_value()


def _end_quietly_while_starting() -> None:
    """Until the server or worker has its own handlers, a signal just ends it: there is nothing to give back yet."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.DONE))
