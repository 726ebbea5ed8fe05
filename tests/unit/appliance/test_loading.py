"""Modules are loaded without the garbage collector."""

import gc

import pytest

from appliance.loading import loading


def imported() -> None:
    with loading():
        assert not gc.isenabled()
        raise ImportError


def test_the_collector_waits_and_then_works_again() -> None:
    """Also after an import that fails; what was there by then, it leaves alone."""
    with pytest.raises(ImportError):
        imported()
    assert gc.isenabled()
    assert gc.get_freeze_count()
