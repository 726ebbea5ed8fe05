"""The room that uploads share."""

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
    with made.share(300), made.share(500) as second:
        with (
            pytest.raises(StorageFull, match=r"0 of 1000 bytes, and 2 uploads under way have 800 bytes$"),
            made.share(300),
        ):
            pass
        with pytest.raises(StorageFull, match=r"0 of 1000 bytes, and 1 upload under way has 300 bytes$"):
            second.cover(701)
        second.cover(700)
    assert (made.taken, made.uploads) == (0, 0)


def test_whoever_is_refused_is_told_when_to_come_back() -> None:
    """Room appears by itself, as tasks end."""
    with pytest.raises(StorageFull) as full, room(0).share(1):
        pass
    assert full.value.headers == {"Retry-After": "10"}
