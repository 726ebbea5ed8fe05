"""The room that uploads share."""

from contextlib import suppress

import pytest

from appliance.room import Room
from schemas.errors import StorageFull


def room(capacity: int) -> Room:
    made = Room()
    made.capacity, made.reason = capacity, "waiting tasks have 0 of 1000 bytes"
    return made


def test_no_other_upload_is_named_where_there_is_none() -> None:
    """What waits bounds the room by itself."""
    with pytest.raises(StorageFull) as full, room(100).share(100):
        pass
    assert full.value.message == "there is no room for this upload: waiting tasks have 0 of 1000 bytes"


def test_uploads_under_way_are_counted() -> None:
    """When one does not fit beside others, or grows into them, it is told how many they are and what they have."""
    made = room(1000)
    with made.share(300) as first, made.share(500) as second:
        first.cover(300)
        second.cover(500)
        with (
            pytest.raises(StorageFull, match=r"0 of 1000 bytes, and 2 uploads under way have 800 bytes$"),
            made.share(300),
        ):
            pass
        with pytest.raises(StorageFull, match=r"0 of 1000 bytes, and 1 upload under way has 300 bytes$"):
            second.cover(701)
        second.cover(700)
    assert (made.taken, made.uploads) == (0, 0)


def test_what_is_announced_takes_no_room() -> None:
    """Uploads that send nothing keep nobody out, however long they say that they will be."""
    made = room(1000)
    with made.share(900), made.share(900), made.share(900) as third:
        third.cover(900)
    assert made.taken == 0


def test_what_has_come_stays() -> None:
    """Those that are still under way may not grow into what has become a task; one that was refused leaves its room."""
    made = room(1000)
    with made.share(600) as slow:
        with made.share(700) as first:
            first.cover(700)
        with pytest.raises(StorageFull):
            slow.cover(301)
        with suppress(ValueError), made.share(100) as refused:
            refused.cover(100)
            raise ValueError
        slow.cover(300)


def test_whoever_is_refused_is_told_when_to_come_back() -> None:
    """Room appears by itself, as tasks end."""
    with pytest.raises(StorageFull) as full, room(0).share(1):
        pass
    assert full.value.headers == {"Retry-After": "10"}
