"""What is made sure of before anything starts: whether gRPC is served."""

from pathlib import Path

import pytest

from appliance import preflight
from appliance.settings import Settings
from schemas.errors import ConfigurationError


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where one of its packages is not installed."""
    monkeypatch.setattr(preflight, "_GRPC_PACKAGES", ("grpc", "phonexia_is_not_there"))


@pytest.mark.parametrize(("asked", "served"), [("auto", True), ("on", True), ("off", False)])
def test_with_the_extra(asked: str, served: bool) -> None:
    """It is served unless it is switched off."""
    assert preflight.serves_grpc(Settings.model_validate({"grpc": asked})) is served


@pytest.mark.usefixtures("without_the_extra")
def test_without_the_extra() -> None:
    """By default it is left out; asked for, it is refused with the command that installs it."""
    assert not preflight.serves_grpc(Settings())
    assert not preflight.serves_grpc(Settings(grpc="off"))
    with pytest.raises(ConfigurationError, match=r"pip install 'voiceprint-appliance\[grpc\]'"):
        preflight.serves_grpc(Settings(grpc="on"))


def test_its_certificate_is_looked_at(tmp_path: Path) -> None:
    """A certificate that is not there is an error before anything starts, except where nothing would use it."""
    files = {"grpc_tls_certificate": tmp_path / "none", "grpc_tls_key": tmp_path / "none"}
    with pytest.raises(ConfigurationError, match="VOICEPRINT_GRPC_TLS_CERTIFICATE"):
        preflight.serves_grpc(Settings.model_validate(files))
    assert not preflight.serves_grpc(Settings.model_validate(files | {"grpc": "off"}))
