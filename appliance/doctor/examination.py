"""What is looked at, in the order in which faults are best put right."""

import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis

from appliance import asking
from appliance.access import key_file
from appliance.doctor.finding import Finding
from appliance.embedded_redis import redis_server
from appliance.embedded_redis.redis_server import Binary
from appliance.ownership import require_own
from appliance.port import certificate, listener
from appliance.settings import PREFIX, Settings
from schemas import private_file
from schemas.errors import ConfigurationError
from tasks.connection import shown as printable

_PACKAGES = ("aiohttp", "arq", "numpy", "redis", "soundfile", "soxr")
_NEWEST_TESTED = (3, 13)
# The usual limit of a login session; every upload and every waiting client takes one.
_FEW_FILES = 1024
_PATIENCE_SECONDS = 3.0


def examine(settings: Settings) -> Iterator[tuple[str, Finding]]:
    """Every check by name, in the order in which faults are best put right."""
    for name, look in _checks(settings).items():
        try:
            yield name, look()
        except ConfigurationError as error:
            finding, _, cure = error.message.partition(": ")
            yield name, Finding("fail", finding, cure)
        except OSError as error:
            # One check that may not look must not hide what the others find.
            found = f"{error.filename or name}: {error.strerror or error}"
            yield name, Finding("fail", found, "run this as the user of the appliance")


def _checks(settings: Settings) -> dict[str, Callable[[], Finding]]:
    from appliance.doctor import audit_log, grpc, key_ring, models, salvaged, sandbox  # noqa: PLC0415
    from onnx_models import registry  # noqa: PLC0415

    return {
        "python": _python,
        "onnxruntime": _runtime,
        "device": partial(_device, settings),
        "media": _media,
        "sandbox": sandbox.sandbox,
        **{
            f"model {name}": partial(models.model, settings, name)
            for name in (*settings.served_models, registry.VOICE_ACTIVITY_MODEL)
        },
        "cards": partial(models.cards, settings),
        "heads": partial(models.told_by_heads, settings),
        "profiles": partial(models.saved_profiles, settings),
        "redis": partial(_redis, settings),
        "append-only file": partial(salvaged.salvaged, settings),
        "data folder": partial(_folder, settings.data_dir, "DATA_DIR"),
        "store folder": partial(_folder, settings.store, "STORE_DIR"),
        "free space": partial(_space, settings),
        "certificate": partial(_certificate, settings),
        "port": partial(_port, settings),
        "grpc": partial(grpc.grpc, settings),
        "doors": partial(_doors, settings),
        "key ring": partial(key_ring.key_ring, settings),
        "audit log": partial(audit_log.audit_log, settings),
        "open files": _open_files,
    }


def _python() -> Finding:
    found = f"{platform.python_version()}, voiceprint-appliance {version('voiceprint-appliance')}"
    found += "".join(f", {package} {version(package)}" for package in _PACKAGES)
    if sys.version_info[:2] > _NEWEST_TESTED:
        return Finding("warn", found, "not tested on this Python yet: take {}.{}".format(*_NEWEST_TESTED))
    return Finding("ok", found)


def _runtime() -> Finding:
    builds = {name: _version(name) for name in ("onnxruntime", "onnxruntime-gpu")}
    found = ", ".join(f"{name} {number}" for name, number in builds.items() if number)
    if not found:
        return Finding("fail", "not installed", "pip install --force-reinstall voiceprint-appliance")
    if all(builds.values()):
        return Finding(
            "warn", f"{found} overwrite each other", "pip uninstall both, then pip install --force-reinstall one"
        )
    return Finding("ok", found)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _device(settings: Settings) -> Finding:
    from onnx_models import session  # noqa: PLC0415

    devices = session.available_devices()
    found = f"{settings.device} asked for; here: " + "; ".join(f"{name} ({text})" for name, text in devices.items())
    gpu_cure = "pip install 'voiceprint-appliance[gpu]', and check the driver with `nvidia-smi`"
    if settings.device == "cuda" and "cuda" not in devices:
        return Finding("fail", found, f"{gpu_cure}, or set {PREFIX}DEVICE=auto")
    if settings.device == "auto" and "cuda" not in devices and session.cuda_devices():
        return Finding("warn", f"{found}; a GPU is present but not used", gpu_cure)
    return Finding("ok", found)


def _media() -> Finding:
    if find_spec("av") is None:
        return Finding(
            "warn", "m4a, mp4, AMR, 3gp and webm are refused", "pip install 'voiceprint-appliance[media]' to take them"
        )
    return Finding("ok", f"PyAV {version('av')} reads what libsndfile does not")


def _redis(settings: Settings) -> Finding:
    if settings.redis_url is not None:
        return _configured_redis(settings.redis_url.get_secret_value())
    return judge_embedded(settings, redis_server.find(settings.models))


def judge_embedded(settings: Settings, binary: Binary) -> Finding:
    """The server that `voiceprint up` would run."""
    found = f"`voiceprint up` runs {binary.path} {binary.version}, appendfsync {settings.redis_fsync}, noeviction"
    if binary.bundled:
        return Finding(
            "warn" if settings.loopback else "fail",
            f"{found}; it is older than the fix of CVE-2025-49844, so it is for demonstrations on this machine only",
            "install your distribution's redis-server or valkey-server",
        )
    if settings.redis_fsync != "always":
        return Finding("warn", f"{found}: a power cut may lose accepted tasks", f"set {PREFIX}REDIS_FSYNC=always")
    return Finding("ok", found)


def _configured_redis(url: str) -> Finding:
    shown = printable(url)
    try:
        with closing(
            redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=_PATIENCE_SECONDS,
                socket_connect_timeout=_PATIENCE_SECONDS,
            )
        ) as client:
            information: dict[str, Any] = client.info()  # type: ignore[assignment]  # sync clients share async's types
            found = f"{shown} answers, version {information['redis_version']}"
            configured: dict[str, str] = client.config_get()  # type: ignore[assignment]
    except redis.ResponseError as error:
        return Finding(
            "warn", f"{shown} keeps its settings to itself: {error}", "see docs/settings.md for what it needs"
        )
    except (redis.RedisError, ValueError) as error:
        return Finding("fail", f"{shown} does not answer: {error}", f"start it, or correct {PREFIX}REDIS_URL")
    return judge_redis(found, configured)


def judge_redis(found: str, configured: dict[str, str]) -> Finding:
    """What `CONFIG GET` of a running server answered, as far as it decides whether tasks can be lost."""
    if configured.get("maxmemory", "0") != "0" and configured["maxmemory-policy"] != "noeviction":
        return Finding(
            "fail",
            f"{found}; with maxmemory-policy {configured['maxmemory-policy']} it may drop tasks",
            "CONFIG SET maxmemory-policy noeviction, and in redis.conf",
        )
    if configured.get("appendonly") != "yes":
        return Finding(
            "fail",
            f"{found}; without appendonly a restart forgets tasks",
            "CONFIG SET appendonly yes, and in redis.conf",
        )
    if configured.get("appendfsync") != "always":
        return Finding(
            "warn",
            f"{found}; with appendfsync {configured.get('appendfsync')} a power cut may lose accepted tasks",
            "CONFIG SET appendfsync always, and in redis.conf",
        )
    return Finding("ok", f"{found}, appendfsync always, noeviction")


def _folder(folder: Path, setting: str) -> Finding:
    place = _existing(folder)
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        return Finding("fail", f"{place} cannot be written to", f"make it yours, or set {PREFIX}{setting}")
    require_own(folder)
    if fault := private_file.folder_amiss(folder):
        finding, _, cure = fault.partition(": ")
        return Finding("fail", finding, cure)
    return Finding("ok", f"{folder} is writable" if place == folder else f"{folder} will be made")


def _space(settings: Settings) -> Finding:
    minimum, uploads = settings.minimum_free_space, settings.input_storage_size
    for folder in dict.fromkeys((settings.data_dir, settings.store)):
        free = shutil.disk_usage(_existing(folder)).free
        found = f"{free / 1e9:.1f} GB free for {folder}"
        cure = f"free some space, or set {PREFIX}{'DATA' if folder == settings.data_dir else 'STORE'}_DIR"
        if free < minimum:
            return Finding("fail", f"{found}; below {minimum / 1e9:.1f} GB nothing is accepted", cure)
        if free < minimum + uploads:
            return Finding("warn", f"{found}; waiting uploads may take {uploads / 1e9:.1f} GB", cure)
    return Finding("ok", found)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _port(settings: Settings) -> Finding:
    secure = settings.http_tls_certificate is not None
    try:
        with listener.listen(settings.host, settings.http_port) as free:
            return Finding("ok", f"{listener.url(free, secure=secure)} is free")
    except ConfigurationError:
        if not asking.alive(settings):
            raise
    url = listener.address_url(settings.host, settings.http_port, secure=secure)
    return Finding("ok", f"{url} is served by an appliance that runs already")


def _certificate(settings: Settings) -> Finding:
    try:
        pair = certificate.load(settings, "HTTP")
    except ConfigurationError as error:
        setting = certificate.chain_setting("HTTP")
        return Finding("fail", error.message, f"correct {setting} and {PREFIX}HTTP_TLS_KEY, or unset both")
    if pair is None:
        return Finding("ok", "none: the HTTP port speaks in the clear")
    if pair.warning:
        return Finding("warn", f"{settings.http_tls_certificate}: {pair.warning}", "renew it; no restart is needed")
    shown = "; every client must show one as well" if pair.authorities else ""
    return Finding("ok", f"{settings.http_tls_certificate} is for {pair.host or 'no name'}{shown}")


def _doors(settings: Settings) -> Finding:
    try:
        keys = key_file.read(settings.keys_file)
    except ConfigurationError as error:
        finding, _, cure = error.message.partition(": ")
        return Finding("fail", f"nobody is let in: {finding}", cure)
    made = "`voiceprint keys create NAME`"
    if keys:
        valid = [key for key in keys if key.state(datetime.now(UTC)) == "valid"]
        if not valid:
            return Finding("warn", f"nobody is let in: of {len(keys)} API keys none is valid any more", made)
        return Finding("ok", f"callers need an API key: of {len(keys)} that were made, {len(valid)} are valid")
    if settings.loopback:
        return Finding("ok", f"open to this machine only ({settings.host})")
    if settings.allow_anonymous:
        return Finding("warn", f"open to everyone who reaches {settings.host}", f"{made}, unless a proxy asks for keys")
    return Finding(
        "fail",
        f"the servers do not start: {settings.host} can be reached from other machines, and there is no API key",
        f"{made}, or {PREFIX}ALLOW_ANONYMOUS=true",
    )


def _open_files() -> Finding:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < _FEW_FILES:
        return Finding("warn", f"{limit} per process", f"`ulimit -n {_FEW_FILES}`, or LimitNOFILE in the systemd unit")
    return Finding("ok", f"{limit} per process")
