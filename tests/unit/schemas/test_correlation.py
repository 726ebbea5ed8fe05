"""What the lines of a log are about."""

import asyncio

from schemas.correlation import about, ids, note


def test_ids_hold_for_their_context() -> None:
    """Inner ones beside outer ones; what is empty is none; after it, what was before."""
    note(task_id="nobody's")
    assert ids() == {}
    with about(request_id="one", trace_id=""):
        with about(task_id="two"):
            assert ids() == {"request_id": "one", "task_id": "two"}
        note(task_id="three", trace_id="")
        assert ids() == {"request_id": "one", "task_id": "three"}
    assert ids() == {}


async def test_side_by_side_they_do_not_mix() -> None:
    """Each of many that take turns has its own."""

    async def one(name: str) -> bool:
        with about(task_id=name):
            await asyncio.sleep(0)
            note(request_id=name)
            await asyncio.sleep(0)
            return ids() == {"task_id": name, "request_id": name}

    assert all(await asyncio.gather(*map(one, "abcdef")))
