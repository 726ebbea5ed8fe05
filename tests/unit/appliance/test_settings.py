"""Settings: where they come from, which source wins, and what is refused how."""

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import platformdirs
import pydantic
import pytest

from appliance.settings import Settings, child_environment, load
from schemas.errors import ConfigurationError

SECRET = "hunter2-hunter2"  # noqa: S105  # what must not be seen
REDIS = f"redis://:{SECRET}@redis.example:6379/0"
DUMP = """
import json
from appliance.settings import load
settings = load()
print(json.dumps(settings.model_dump(mode="json") | {
    "redis_url": settings.redis_url and settings.redis_url.get_secret_value(),
}))
"""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def written(folder: Path, environment: pytest.MonkeyPatch, text: str) -> None:
    """A settings file that the environment points to."""
    (folder / "settings.toml").write_text(text)
    environment.setenv("VOICEPRINT_SETTINGS_FILE", str(folder / "settings.toml"))


def test_defaults() -> None:
    """Without any source: loopback, port 8000, the published limits, one day's retention."""
    settings = load()
    assert (settings.host, settings.http_port, settings.public_url) == ("127.0.0.1", 8000, None)
    assert (settings.single_file_upload_size, settings.single_file_upload_timeout) == (500_000_000, 120.0)
    assert (settings.input_storage_size, settings.max_audio_length, settings.retention) == (1 << 30, 7200.0, 86400.0)
    assert (settings.redis_fsync, settings.device, settings.workers) == ("always", "auto", None)
    assert settings.data_dir == platformdirs.user_data_path("voiceprint")


def test_folders_follow_the_data_folder(tmp_path: Path) -> None:
    """The store lies in the data folder unless it is set; the models do not, because they are no state."""
    assert load(data_dir=tmp_path).store == tmp_path / "store"
    assert load(data_dir=tmp_path, store_dir=tmp_path / "shared").store == tmp_path / "shared"
    assert load(data_dir=tmp_path).models == platformdirs.user_data_path("voiceprint") / "models"
    assert load(models_dir=tmp_path / "models").models == tmp_path / "models"


@pytest.mark.parametrize(
    ("sources", "port"),
    [
        ((None, None, None), 8000),
        ((1, None, None), 1),
        ((None, 2, None), 2),
        ((None, None, 3), 3),
        ((1, 2, None), 2),
        ((1, None, 3), 3),
        ((None, 2, 3), 3),
        ((1, 2, 3), 3),
        ((None, None, 0), 0),
        ((1, 0, None), 0),
    ],
)
def test_which_source_wins(
    tmp_path: Path, environment: pytest.MonkeyPatch, sources: tuple[int | None, int | None, int | None], port: int
) -> None:
    """The command line over the environment over the file over the default; 0 is a value as well."""
    file, variable, override = sources
    if file is not None:
        written(tmp_path, environment, f"http_port = {file}")
    if variable is not None:
        environment.setenv("VOICEPRINT_HTTP_PORT", str(variable))
    assert load(http_port=override).http_port == port


def test_each_source_gives_what_the_others_do_not(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    """The sources are merged setting by setting."""
    written(tmp_path, environment, "workers = 3\nretention = 60")
    environment.setenv("VOICEPRINT_RETENTION", "120.5")
    settings = load(device="cpu")
    assert (settings.workers, settings.retention, settings.device) == (3, 120.5, "cpu")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("WORKERS", "4", 4),
        ("ALLOW_ANONYMOUS", "true", True),
        ("ALLOW_ANONYMOUS", "False", False),
        ("SINGLE_FILE_UPLOAD_SIZE", "500MB", 500_000_000),
        ("SINGLE_FILE_UPLOAD_SIZE", "1GiB", 1 << 30),
        ("SINGLE_FILE_UPLOAD_SIZE", "123", 123),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        ("TRUSTED_PROXIES", "", ()),
        ("QUALITY_MINIMUM_SNR", "20, 12.5", (20.0, 12.5)),
        ("PUBLIC_URL", "https://speech.example/voice/", "https://speech.example/voice"),
        ("DATA_DIR", "/somewhere/else", Path("/somewhere/else")),
    ],
)
def test_values_as_text(environment: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    """Numbers, switches, sizes, lists and folders as the environment can say them."""
    environment.setenv(f"VOICEPRINT_{name}", text)
    assert getattr(load(), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("QUALITY_MINIMUM_SPEECH", "1,3", "the second must not be higher"),
        ("QUALITY_MAXIMUM_CLIPPING", "0.1,0.01", "the second must not be lower"),
        ("QUALITY_MINIMUM_LEVEL", "-45", "QUALITY_MINIMUM_LEVEL"),
        ("QUALITY_MINIMUM_SNR", "15,10,5", "QUALITY_MINIMUM_SNR"),
        ("QUALITY_MINIMUM_SNR", "nan,nan", "finite"),
    ],
)
def test_thresholds_of_quality_are_a_good_and_a_usable_value(
    environment: pytest.MonkeyPatch, name: str, text: str, reason: str
) -> None:
    """Two finite numbers, of which the one for a good recording asks for no less than the other."""
    environment.setenv(f"VOICEPRINT_{name}", text)
    with pytest.raises(ConfigurationError, match=reason):
        load()


def test_thresholds_of_quality_reach_every_process(environment: pytest.MonkeyPatch) -> None:
    """A child process arrives at the same thresholds."""
    settings = load(quality_minimum_speech=(9.5, 2.0), quality_maximum_clipping=(1e-05, 0.5))
    for name, value in child_environment(settings).items():
        environment.setenv(name, value)
    assert load().quality == settings.quality
    assert settings.quality.speech == (9.5, 2.0)


def test_values_in_a_file(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    """A file has lists and numbers of its own kind, and sizes as text."""
    written(
        tmp_path,
        environment,
        'cors_origins = ["https://one", "https://two"]\ninput_storage_size = "2GB"\nmax_audio_length = 60\n'
        'trusted_proxies = ["10.0.0.1"]',
    )
    settings = load()
    assert settings.cors_origins == ("https://one", "https://two")
    assert (settings.input_storage_size, settings.max_audio_length) == (2_000_000_000, 60.0)
    assert settings.trusted_proxies == ("10.0.0.1",)


def test_relative_folders_become_absolute(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder means the same in every process, wherever that is started; `~` is one's home."""
    environment.chdir(tmp_path)
    assert load(data_dir="data").data_dir == tmp_path / "data"
    assert load(data_dir="~/data").data_dir == Path.home() / "data"


def test_an_empty_folder_is_refused(environment: pytest.MonkeyPatch) -> None:
    """A variable that was meant to hold a folder and is empty does not mean the current one."""
    environment.setenv("VOICEPRINT_DATA_DIR", "")
    with pytest.raises(ConfigurationError, match="VOICEPRINT_DATA_DIR: must not be empty"):
        load()


def test_a_misspelt_variable_is_refused(environment: pytest.MonkeyPatch) -> None:
    """A variable with our prefix that is no setting is named, however many there are."""
    environment.setenv("VOICEPRINT_HTTPPORT", "1")
    environment.setenv("VOICEPRINT_WORKER", "1")
    with pytest.raises(ConfigurationError, match=r"HTTPPORT \(did you mean \S+\), VOICEPRINT_WORKER \(did"):
        load()


def test_other_variables_are_no_concern_of_ours(environment: pytest.MonkeyPatch) -> None:
    """What does not have our prefix is not looked at."""
    environment.setenv("HTTP_PORT", "not a port")
    assert load().http_port == 8000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("httpport = 1", "VOICEPRINT_HTTPPORT"),
        ("http_port = 'x'", "VOICEPRINT_HTTP_PORT"),
        ("[http]\nport = 1", "VOICEPRINT_HTTP"),
        ("http_port = ", "is not TOML"),
        ("a = " + "[" * 30_000, "is not TOML: it is nested too deeply"),
        ("#" * (1 << 20) + "#", "cannot be read: it has more than 1,048,576 bytes"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, environment: pytest.MonkeyPatch, text: str, said: str) -> None:
    """A misspelt key, a wrong value and a file that is not TOML are named."""
    written(tmp_path, environment, text)
    with pytest.raises(ConfigurationError, match=said):
        load()


def test_a_settings_file_is_a_plain_one(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    """A pipe that nobody writes into, and a device without an end, are refused at once."""
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (tmp_path / "pipe.toml", Path("/dev/zero")):
        environment.setenv("VOICEPRINT_SETTINGS_FILE", str(path))
        with pytest.raises(ConfigurationError, match=f"{path} cannot be read: it is not a plain file"):
            load()


def test_a_missing_file_is_refused(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    """A settings file that was named must be there."""
    environment.setenv("VOICEPRINT_SETTINGS_FILE", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigurationError, match=r"VOICEPRINT_SETTINGS_FILE: .*none\.toml cannot be read"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "65536"),
        ("HTTP_PORT", "-1"),
        ("HTTP_PORT", "http"),
        ("GRPC_PORT", "1.5"),
        ("PUBLIC_URL", "speech.example"),
        ("PUBLIC_URL", ""),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "desk.example"),
        ("CORS_ORIGINS", "https://*.desk.example"),
        ("CORS_ORIGINS", "https://desk.example/page"),
        ("CORS_ORIGINS", "https://user@desk.example"),
        ("CORS_ORIGINS", "https://desk.example:port"),
        ("CORS_ORIGINS", "https://desk.example, file://"),
        ("ALLOW_ANONYMOUS", "perhaps"),
        ("REDIS_FSYNC", "no"),
        ("DEVICE", "tpu"),
        ("WORKERS", "0"),
        ("WORKERS", ""),
        ("SINGLE_FILE_UPLOAD_SIZE", "0"),
        ("SINGLE_FILE_UPLOAD_SIZE", "large"),
        ("SINGLE_FILE_UPLOAD_TIMEOUT", "nan"),
        ("RETENTION", "0"),
        ("RETENTION", "inf"),
        ("MAX_QUEUE_LENGTH", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_named(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that cannot be is refused with the variable that holds it."""
    environment.setenv(f"VOICEPRINT_{name}", value)
    with pytest.raises(ConfigurationError, match=f"VOICEPRINT_{name}: "):
        load()


def test_every_bad_value_is_named(environment: pytest.MonkeyPatch) -> None:
    """Whoever has two mistakes learns of both at once."""
    environment.setenv("VOICEPRINT_WORKERS", "none")
    environment.setenv("VOICEPRINT_DEVICE", "tpu")
    with pytest.raises(ConfigurationError, match=r"VOICEPRINT_DEVICE: .*VOICEPRINT_WORKERS: "):
        load()


@pytest.mark.parametrize("value", ["one,two", ""])
def test_keys_are_no_setting_any_more(tmp_path: Path, environment: pytest.MonkeyPatch, value: str) -> None:
    """Whoever still sets keys learns what to do instead, wherever they stand, and is not repeated."""
    environment.setenv("VOICEPRINT_API_KEYS", value)
    told = r"VOICEPRINT_API_KEYS is no setting .* `voiceprint keys create"
    with pytest.raises(ConfigurationError, match=told) as one:
        load()
    environment.delenv("VOICEPRINT_API_KEYS")
    written(tmp_path, environment, f'api_keys = ["{SECRET}"]')
    with pytest.raises(ConfigurationError, match=told) as two:
        load()
    assert not {"two", SECRET} & {*f"{one.value} {two.value}".split()}


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Desk.Example/", "https://desk.example"),
        ("https://desk.example:443", "https://desk.example"),
        ("http://desk.example:443", "http://desk.example:443"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://localhost:5173", "http://localhost:5173"),
    ],
)
def test_origins_are_as_browsers_write_them(given: str, origin: str) -> None:
    """However they are given, they are what a browser sends."""
    assert load(cors_origins=given).cors_origins == (origin,)


LOOPBACK = ["127.0.0.1", "127.0.0.53", "::1", "localhost"]
REACHABLE = ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "speech.example", "localhost.example"]  # noqa: S104


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_known(host: str) -> None:
    """Where only this machine can reach the server."""
    assert load(host=host).loopback


@pytest.mark.parametrize("host", REACHABLE)
def test_what_others_can_reach_is_known(host: str) -> None:
    """Everything else may be reached from elsewhere."""
    assert not load(host=host).loopback


def test_keys_lie_in_the_data_folder(tmp_path: Path) -> None:
    """Their file is state, unless it is somewhere else."""
    assert load(data_dir=tmp_path).keys_file == tmp_path / "api-keys.json"
    assert load(api_keys_file=tmp_path / "keys").keys_file == tmp_path / "keys"


def test_authorities_need_a_port_with_tls(tmp_path: Path) -> None:
    """Who wants certificates of clients and forgot that of the server would have been left in the clear."""
    with pytest.raises(ConfigurationError, match="VOICEPRINT_TLS_CLIENT_AUTHORITIES is for a port with TLS"):
        load(tls_client_authorities=tmp_path)
    pair = {"http_tls_certificate": tmp_path, "http_tls_key": tmp_path}
    assert load(tls_client_authorities=tmp_path, **pair).tls_client_authorities == tmp_path


def test_secrets_are_not_shown() -> None:
    """Neither the secret of webhooks nor the password in the Redis address is in what a log would print."""
    settings = load(webhook_secret=f"{SECRET}-{SECRET}", redis_url=REDIS)
    assert SECRET not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == REDIS


@pytest.mark.parametrize(
    "wrong", [{"workers": SECRET}, {"api_keys": [SECRET]}, {"webhook_secret": f"whsec_{SECRET}"}, {"unknown": SECRET}]
)
def test_secrets_are_not_in_errors(wrong: dict[str, Any]) -> None:
    """Nor are they in the error about a setting, its causes included."""
    with pytest.raises(ConfigurationError) as refused:
        load(redis_url=REDIS, **wrong)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_settings_do_not_change() -> None:
    """Nobody sets a setting while the appliance runs."""
    with pytest.raises(pydantic.ValidationError):
        load().http_port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {
            "host": "0.0.0.0",  # noqa: S104
            "http_port": 0,
            "public_url": "https://speech.example",
            "trusted_proxies": "10.0.0.0/8,192.0.2.1",
            "cors_origins": ["https://one", "https://two"],
            "redis_url": REDIS,
            "data_dir": "/data with blanks",
            "workers": 3,
            "single_file_upload_size": "123MB",
            "retention": 0.1,
            "device": "cpu",
        },
        {"allow_anonymous": True, "cors_origins": [], "trusted_proxies": []},
    ],
    ids=["defaults", "many", "empty lists"],
)
def test_a_child_arrives_at_the_same_settings(
    tmp_path: Path, environment: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """A process with the child environment has every setting as its parent, wherever that had it from."""
    written(tmp_path, environment, "max_queue_length = 7")
    environment.setenv("VOICEPRINT_DRAIN_TIMEOUT", "1.25")
    settings = load(**given)
    said = subprocess.run(
        [sys.executable, "-c", DUMP], env=child_environment(settings), capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == settings.model_dump(mode="json") | {
        "redis_url": settings.redis_url and settings.redis_url.get_secret_value(),
    }
    assert (settings.max_queue_length, settings.drain_timeout) == (7, 1.25)


def test_a_child_gets_changes_and_everything_else(environment: pytest.MonkeyPatch) -> None:
    """Changes replace what the parent had, variables of others pass through, the settings file is not read twice."""
    environment.setenv("SOMEBODY_ELSES", "1")
    environment.setenv("VOICEPRINT_HTTP_PORT", "1")
    made = child_environment(Settings(http_port=2, workers=1), VOICEPRINT_WORKERS="5")
    assert (made["SOMEBODY_ELSES"], made["VOICEPRINT_HTTP_PORT"], made["VOICEPRINT_WORKERS"]) == ("1", "2", "5")
    assert "VOICEPRINT_SETTINGS_FILE" not in made
    assert "VOICEPRINT_PUBLIC_URL" not in child_environment(Settings(public_url=None))
