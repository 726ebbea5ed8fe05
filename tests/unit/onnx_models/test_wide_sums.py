"""How this processor adds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from onnx_models import wide_sums
from onnx_models.wide_sums import adds_in_32_bits


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    adds_in_32_bits.cache_clear()
    yield
    adds_in_32_bits.cache_clear()


@pytest.mark.parametrize(
    ("machine", "flags", "wide"),
    [
        ("x86_64", "fpu avx2", False),
        ("x86_64", "fpu avx2 avx_vnni", True),
        ("x86_64", "fpu avx512f avx512_vnni", True),
        ("x86_64", None, False),
        ("aarch64", None, True),
    ],
)
def test_what_linux_tells(
    machine: str, flags: str | None, wide: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VNNI adds in 32 bits, other x86 processors do not, and nor does one of which nothing is known."""
    monkeypatch.setattr(wide_sums.platform, "machine", lambda: machine)
    monkeypatch.setattr(wide_sums, "_CPUINFO", tmp_path / "cpuinfo")
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    assert adds_in_32_bits() is wide
