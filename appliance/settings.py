"""Every setting, in one place: `VOICEPRINT_` environment variables over an optional TOML file over the defaults.

This is the only file that reads the environment. `docs/settings.md` lists the same table.
"""

import ipaddress
import os
from pathlib import Path
from typing import Any, Literal, Self

import platformdirs
import pydantic
from pydantic import ByteSize, Field, SecretStr

from appliance.setting_kinds import (
    Address,
    Falling,
    Folder,
    Given,
    Names,
    Networks,
    Origins,
    Port,
    Rising,
    Seconds,
    SigningSecret,
    Size,
)
from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.faults import Place, faults
from schemas.keyring import KeyRing
from schemas.quality import DEFAULT_THRESHOLDS, Thresholds
from schemas.suggestion import meant

PREFIX = "VOICEPRINT_"
# Read first, because it says where the other source is.
FILE_VARIABLE = f"{PREFIX}SETTINGS_FILE"
# Of the command line that calls an appliance, which may run in the same shell.
_CLIENT_PREFIX = f"{PREFIX}CLIENT_"
_MOST_FILE_BYTES = 1 << 20
# What was a setting once, and what to do instead.
_GONE = {
    "api_keys": "make a key for each caller with `voiceprint keys create NAME`, which prints it and keeps only its "
    "hash, give it to them in place of the old one, and take this out"
}


def _data_dir() -> Path:
    return platformdirs.user_data_path("voiceprint")


class Settings(pydantic.BaseModel):
    """The appliance's settings. Sizes take `500MB` (decimal) or `1GiB` (binary), times are seconds."""

    # Inputs hold secrets: they must not reach a log by way of an error.
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Given = Field("127.0.0.1", description="address to listen on")
    http_port: Port = Field(8000, description="port of the REST interface; 0 takes a free one")
    grpc: Literal["auto", "on", "off"] = Field(
        "auto", description="the gRPC interface: auto, which is where the extra `[grpc]` is installed, on or off"
    )
    grpc_port: Port = Field(8080, description="port of the gRPC interface; 0 takes a free one")
    grpc_tls_certificate: Folder | None = Field(
        None, description="PEM file with the certificate, and those that lead to its root, for TLS on the gRPC port"
    )
    grpc_tls_key: Folder | None = Field(None, description="PEM file with the private key of that certificate")
    http_tls_certificate: Folder | None = Field(
        None, description="PEM file with the certificate, and those that lead to its root, for TLS on the HTTP port"
    )
    http_tls_key: Folder | None = Field(None, description="PEM file with the private key of that certificate")
    tls_client_authorities: Folder | None = Field(
        None, description="PEM file with the authorities of which every client on a TLS port must show a certificate"
    )
    public_url: Address | None = Field(
        None, description="address under which clients reach the appliance, for `Location` behind a proxy"
    )
    trusted_proxies: Networks = Field(
        (), description="addresses or networks whose `X-Forwarded-Proto`, `-Host` and `-For` are believed"
    )
    allow_anonymous: bool = Field(
        False, description="serve on an address that is not loopback though there is no API key"
    )
    api_keys_file: Folder | None = Field(
        None,
        description="file of the API keys, made by `voiceprint keys create`, of which it holds only hashes; "
        "`<data_dir>/api-keys.json` when not set",
    )
    cors_origins: Origins = Field(
        (), description="origins of other web pages that may call the REST interface, as `https://desk.example`"
    )
    key_ring: Folder | None = Field(
        None,
        description="file with the appliance's own secrets, made by `voiceprint keyring create`: voiceprints and task "
        "records are signed, the store is encrypted and the audit log kept; none of it without",
    )
    unsigned_voiceprints: Literal["refuse", "accept"] = Field(
        "refuse", description="with a key ring, what is done with voiceprints that are not signed: refuse or accept"
    )
    encrypt_store: bool = Field(True, description="with a key ring, encrypt uploads and results in the store folder")
    audit_log: Folder | None = Field(
        None, description="with a key ring, the audit log; `<data_dir>/audit.log` when not set"
    )
    qdrant_api_key: SecretStr | None = Field(
        None, description="API key of the Qdrant server into which `voiceprint convert` puts vectors"
    )
    rate_limit: int | None = Field(
        None,
        ge=1,
        description="tasks that one API key, or address without keys, may submit in a minute; no limit when not set",
    )
    webhook_secret: SigningSecret | None = Field(
        None,
        description="secret that signs what is sent to a `callback_url`, `whsec_…` or a word; none is sent without it",
    )
    webhook_networks: Networks = Field(
        (), description="private networks or addresses to which a `callback_url` may lead nevertheless"
    )

    redis_url: SecretStr | None = Field(
        None, description="`redis://`, `rediss://` or `unix://` address; without it `up` runs a Redis of its own"
    )
    redis_fsync: Literal["always", "everysec"] = Field(
        "always",
        description="`appendfsync` of the embedded Redis: always, or everysec and a 202 may not survive a power cut",
    )
    data_dir: Folder = Field(default_factory=_data_dir, description="state: store folder, embedded Redis")
    store_dir: Folder | None = Field(
        None, description="uploads and results, shared by all machines; `<data_dir>/store` when not set"
    )
    models_dir: Folder | None = Field(
        None, description="installed networks, only read while serving; `models` in the user's data folder when not set"
    )

    model: str = Field("ge2e", description="speaker model that is served when a request names none")
    more_models: Names = Field((), description="speaker models served besides, for the request parameter `model`")
    profile: str | None = Field(
        None,
        description="audio source profile of scores when a request names none; the model's own when not set",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where networks run: auto, cpu or cuda")
    workers: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="worker processes; one per core or GPU when not set; several may share a GPU",
    )
    spare_worker: bool = Field(
        True, description="keep one worker more with the models open, to take the place of one that dies at once"
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="threads over which a worker spreads one long recording, on cores that nobody else wants; one per "
        "core when not set",
    )
    attempts: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="tasks that a worker has under way at a time, more only of those that take no time; 2 on a CPU, "
        "where one computes while the other decodes, and 16 on a GPU when not set",
    )

    single_file_upload_size: Size = Field(ByteSize(500_000_000), description="largest request body")
    single_file_upload_timeout: Seconds = Field(120.0, description="longest time one upload may take")
    bulk_upload_size: Size | None = Field(
        None, description="largest body of the bulk conversion; whatever `input_storage_size` has room for when not set"
    )
    bulk_upload_timeout: Seconds = Field(3600.0, description="longest time such a body may take")
    input_storage_size: Size = Field(ByteSize(1 << 30), description="room for uploads whose tasks have not ended")
    max_audio_length: Seconds = Field(7200.0, description="longest recording")
    max_queue_length: int = Field(100_000, ge=1, description="tasks that may wait or run at one time")
    retention: Seconds = Field(86400.0, description="how long a task and its result stay after it has ended")
    minimum_free_space: Size = Field(ByteSize(256 << 20), description="disk space below which nothing is accepted")

    quality_minimum_speech: Falling = Field(
        DEFAULT_THRESHOLDS.speech,
        description="net speech in seconds: below the first a recording is usable, below the second poor",
    )
    quality_maximum_clipping: Rising = Field(
        DEFAULT_THRESHOLDS.clipping,
        description="clipped share of the speech, 0 to 1: above the first usable, above the second poor",
    )
    quality_minimum_level: Falling = Field(
        DEFAULT_THRESHOLDS.level,
        description="level of the speech in dBFS: below the first usable, below the second poor",
    )
    quality_minimum_snr: Falling = Field(
        DEFAULT_THRESHOLDS.snr, description="signal-to-noise ratio in dB: below the first usable, below the second poor"
    )
    quality_minimum_bandwidth: Falling = Field(
        DEFAULT_THRESHOLDS.bandwidth,
        description="effective bandwidth in hertz: below the first usable, below the second poor",
    )

    drain_timeout: Seconds = Field(60.0, description="after SIGTERM, how long running tasks may take to finish")
    otel_endpoint: Address | None = Field(
        None,
        description="OTLP receiver for traces, as `http://127.0.0.1:4318`, with the extra `[otel]`; none when not set",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is logged: debug, info, warning or error"
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="lines of the log: console, for people, or json, for programs"
    )

    @pydantic.model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        for face, certificate, key in (
            ("GRPC", self.grpc_tls_certificate, self.grpc_tls_key),
            ("HTTP", self.http_tls_certificate, self.http_tls_key),
        ):
            if (certificate is None) != (key is None):
                raise ValueError(f"{PREFIX}{face}_TLS_CERTIFICATE and {PREFIX}{face}_TLS_KEY go together")
        if self.tls_client_authorities and not (self.grpc_tls_certificate or self.http_tls_certificate):
            raise ValueError(
                f"{PREFIX}TLS_CLIENT_AUTHORITIES is for a port with TLS: set {PREFIX}HTTP_TLS_CERTIFICATE and _KEY, "
                f"{PREFIX}GRPC_TLS_CERTIFICATE and _KEY, or both"
            )
        return self

    def ring(self) -> KeyRing | None:
        """The key ring as it is now, None without. Raises ConfigurationError when it cannot be used."""
        return None if self.key_ring is None else KeyRing.read(self.key_ring)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def keys_file(self) -> Path:
        return self.api_keys_file or self.data_dir / "api-keys.json"

    @property
    def audit(self) -> Path:
        """Where the audit log is, if one is kept."""
        return self.audit_log or self.data_dir / "audit.log"

    @property
    def store(self) -> Path:
        return self.store_dir or self.data_dir / "store"

    @property
    def served_models(self) -> tuple[str, ...]:
        """The names of the speaker models that are served, the default first."""
        return tuple(dict.fromkeys((self.model, *self.more_models)))

    @property
    def quality(self) -> Thresholds:
        """What a good and a usable recording keeps."""
        return Thresholds(
            speech=self.quality_minimum_speech,
            clipping=self.quality_maximum_clipping,
            level=self.quality_minimum_level,
            snr=self.quality_minimum_snr,
            bandwidth=self.quality_minimum_bandwidth,
        )

    @property
    def models(self) -> Path:
        return self.models_dir or _data_dir() / "models"


def load(**overrides: Any) -> Settings:
    """The settings: `overrides` that are not None over the environment over the file over the defaults.

    Raises ConfigurationError that names each setting at fault.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    given = _read_file(os.environ.get(FILE_VARIABLE)) | _read_environment() | given
    for name, cure in _GONE.items():
        if name in given:
            raise ConfigurationError(f"{_variable((name,))} is no setting any more: {cure}")
    try:
        return Settings(**given)
    except pydantic.ValidationError as error:
        raise ConfigurationError(f"settings: {faults(error, _variable)}") from error


def _variable(place: Place) -> str:
    return f"{PREFIX}{str(place[0]).upper()}" if place else ""


def _read_file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return plain_file.read_toml(Path(path), _MOST_FILE_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{FILE_VARIABLE}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{FILE_VARIABLE}: {path} is not TOML: {error}") from error


def _read_environment() -> dict[str, str]:
    """A misspelt variable is an error, not silence."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name != FILE_VARIABLE and not name.startswith(_CLIENT_PREFIX)
    }
    values = {name.removeprefix(PREFIX).lower(): value for name, value in variables.items()}
    if unknown := sorted(values.keys() - Settings.model_fields.keys() - _GONE.keys()):
        known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
        names = ", ".join(f"{name}{meant(name, known)}" for name in (f"{PREFIX}{name.upper()}" for name in unknown))
        raise ConfigurationError(f"unknown settings in the environment: {names}; see docs/settings.md")
    return values


def colour() -> bool | None:
    """False where people ask for none, https://no-color.org; None where a terminal decides."""
    return False if os.environ.get("NO_COLOR") else None


def child_environment(settings: Settings, **changes: str) -> dict[str, str]:
    """The environment with which a child process of the supervisor arrives at these `settings`, plus `changes`."""
    given = {
        f"{PREFIX}{name.upper()}": _as_text(getattr(settings, name))
        for name in settings.model_fields_set
        if getattr(settings, name) is not None
    }
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | given | changes


def _as_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_as_text, value))
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value)
