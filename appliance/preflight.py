"""What `voiceprint up` makes sure of before it starts anything."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from appliance.access.door import require_keys
from appliance.port import certificate
from appliance.settings import PREFIX, Settings, child_environment
from schemas import plain_file
from schemas.errors import ConfigurationError

# Without one of these no CUDA driver works, and loading the runtime to hear so takes a third of a second.
_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg")
# What the extra [grpc] brings.
_GRPC_PACKAGES = ("grpc", "grpc_health", "grpc_reflection", "phonexia")


def require_models(settings: Settings) -> None:
    """Raises ConfigurationError, naming the cure, when a network that the workers need is not installed."""
    from onnx_models import registry  # noqa: PLC0415

    for name in (*settings.served_models, registry.VOICE_ACTIVITY_MODEL):
        if not registry.installed(registry.card(name, settings.models), settings.models):
            raise ConfigurationError(
                f"model {name} is not installed in {settings.models}: install what is served with "
                f"`voiceprint models install`, or set {PREFIX}MODELS_DIR to where it is"
            )


def gpus(settings: Settings) -> list[str]:
    """The GPUs to work on, as CUDA_VISIBLE_DEVICES names them; none when the CPU works.

    Raises ConfigurationError when the settings ask for a GPU and there is none that can be used.
    """
    if settings.device == "cpu":
        return []
    found: list[str] = []
    if any(Path(file).exists() for file in _GPU_FILES):
        from onnx_models import session  # noqa: PLC0415

        if "cuda" in session.available_devices():
            found = session.cuda_devices()
    if settings.device == "cuda" and not found:
        raise ConfigurationError(
            f"{PREFIX}DEVICE is cuda, and no CUDA device can be used here: check the driver with `nvidia-smi`, "
            "install the extra [gpu], or set it to auto or cpu; `voiceprint doctor` says more"
        )
    chosen = child_environment(settings).get("CUDA_VISIBLE_DEVICES", "").split(",")
    return [chosen[n] if n < len(chosen) and chosen[n] else str(n) for n in range(len(found))]


def grpc_installed() -> bool:
    """Whether the extra [grpc] is there. Looked for and not imported: nothing of it is needed in this process."""
    return all(find_spec(package) for package in _GRPC_PACKAGES)


def require_doors(settings: Settings, *, supervised: bool = False) -> None:
    """Raises ConfigurationError where anyone could come in without a key though nobody said so, for API keys that
    cannot be read, and for a certificate of the HTTP port that cannot be used.

    A process that is `supervised` was started before: it is the door that is closed while keys cannot be read.
    """
    if not supervised:
        require_keys(settings)
    certificate.load(settings, "HTTP")


def require_grpc(settings: Settings) -> None:
    """Raises ConfigurationError when the gRPC interface cannot be served for want of packages or of a certificate."""
    if not grpc_installed():
        raise ConfigurationError(
            "the gRPC interface needs packages that are not installed: pip install 'voiceprint-appliance[grpc]', "
            f"or do without it with {PREFIX}GRPC=off"
        )
    certificate.load(settings, "GRPC")


def serves_grpc(settings: Settings) -> bool:
    """Whether `up` serves gRPC. Raises ConfigurationError as `require_grpc` does where it is to."""
    if settings.grpc == "off" or (settings.grpc == "auto" and not grpc_installed()):
        return False
    require_grpc(settings)
    return True


def worker_count(settings: Settings, devices: list[str]) -> int:
    """One worker per GPU, or else per core that this process may use."""
    return settings.workers or len(devices) or len(os.sched_getaffinity(0))


def require_store(settings: Settings) -> None:
    """Raises ConfigurationError when the folder for uploads and results cannot be written to, or has only a part of a
    backup in it."""
    if restore_mark(settings.data_dir).exists():
        raise ConfigurationError(
            f"the restore of a backup into {settings.data_dir} was interrupted: repeat `voiceprint restore` with the "
            "same backup"
        )
    try:
        settings.store.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{settings.store} cannot be made: {error.strerror}") from error
    if not os.access(settings.store, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{settings.store} cannot be written to: make it yours, or set {PREFIX}STORE_DIR")


def restore_mark(data_dir: Path) -> Path:
    """What lies in the data folder from the first step of a restore to its last."""
    return data_dir / "restoring"


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Keeps a second appliance away from `data_dir`, until the end of the context or of this process.

    Raises ConfigurationError when it is in use, naming the process, or cannot be written to.
    """
    path = data_dir / "up.lock"
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with plain_file.no_link():
            file = os.fdopen(os.open(path, flags, 0o600), "a+", encoding="ascii")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror}): make {data_dir} yours, or set {PREFIX}DATA_DIR to another"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ConfigurationError(
                f"{data_dir} is in use by another `voiceprint up` (process {file.read().strip() or 'unknown'}): "
                f"stop that one, or set {PREFIX}DATA_DIR to another folder"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
