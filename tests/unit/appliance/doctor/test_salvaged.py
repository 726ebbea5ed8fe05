"""What the doctor says of append-only files that were damaged."""

from pathlib import Path

from appliance.doctor.salvaged import salvaged
from appliance.embedded_redis.salvage import salvage
from appliance.settings import Settings

SET = b"*3\r\n$3\r\nSET\r\n$14\r\nvoiceprint:one\r\n$1\r\n1\r\n"


def test_where_none_was_damaged(tmp_path: Path) -> None:
    """Also before there is any."""
    assert salvaged(Settings(data_dir=tmp_path)).status == "ok"


def test_one_that_is_kept_is_told(tmp_path: Path) -> None:
    """By its name and size, until it is removed."""
    folder = tmp_path / "redis"
    folder.mkdir()
    (folder / "appendonly.aof").write_bytes(SET + b"damage" + SET)
    (repair,) = salvage(folder)
    found = salvaged(Settings(data_dir=tmp_path))
    assert found.status == "warn"
    assert f"{repair.aside} ({2 * len(SET) + 6} bytes)" in found.finding
    repair.aside.unlink()
    assert salvaged(Settings(data_dir=tmp_path)).status == "ok"
