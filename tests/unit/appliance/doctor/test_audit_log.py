"""What the doctor says of the audit log."""

import os
from pathlib import Path

import pytest

from appliance.doctor.audit_log import audit_log
from appliance.settings import Settings
from tasks.audit.segments import kept_head
from tests.integration.keyed import ring_in
from tests.unit.tasks.audit.logs import filled


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", key_ring=ring_in(tmp_path))


def test_without_a_ring_there_is_none(tmp_path: Path) -> None:
    """And nothing is wrong with that."""
    assert audit_log(Settings(data_dir=tmp_path)).status == "ok"


def test_before_the_first_event(settings: Settings) -> None:
    """Looking makes no file."""
    assert audit_log(settings).finding == f"{settings.audit}: begins with the first event"
    assert not settings.data_dir.exists()


def test_how_long_it_is(settings: Settings) -> None:
    """In events, over all of its files."""
    filled(settings.audit, 40, segment_bytes=2000)
    assert "40 events" in audit_log(settings).finding


def test_one_that_is_gone_or_shorter(settings: Settings) -> None:
    """Than its kept head says is a failure: nothing of it is called in order."""
    filled(settings.audit, 3)
    content = settings.audit.read_bytes()
    settings.audit.write_bytes(b"".join(content.splitlines(keepends=True)[:2]))
    assert audit_log(settings).status == "fail"
    settings.audit.unlink()
    finding = audit_log(settings)
    assert finding.status == "fail"
    assert "truncated: it has 0 events, and had 3" in finding.finding


def test_one_without_its_kept_head(settings: Settings) -> None:
    """Is a warning: it may have been cut off."""
    filled(settings.audit, 3)
    kept_head(settings.audit).unlink()
    assert audit_log(settings).status == "warn"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_one_that_this_user_cannot_write(settings: Settings) -> None:
    """Is a failure, with the cure."""
    filled(settings.audit, 1)
    settings.audit.chmod(0o400)
    finding = audit_log(settings)
    assert finding.status == "fail"
    assert "user" in finding.cure
