"""Lists of voiceprints on their way into a document."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from appliance.grpc_face.voiceprints import VoiceprintList, waiting_list
from schemas.errors import StorageFull, ValidationError
from tests.unit.appliance.grpc_face.made import voiceprints


@pytest.fixture
def full_disk() -> Iterator[BinaryIO]:
    with Path("/dev/full").open("w+b", buffering=0) as file:
        yield cast("BinaryIO", file)


async def test_a_full_disk_is_named(full_disk: BinaryIO) -> None:
    """As it is for an upload over REST."""
    waiting = VoiceprintList("voiceprints", full_disk)
    with pytest.raises(StorageFull, match="the disk that holds the store folder is full"):
        await waiting.add(voiceprints(1))


async def test_a_list_ends_at_its_limit(tmp_path: Path) -> None:
    """50,000 fit, whatever messages they come in; and nobody sees its file."""
    (one,) = voiceprints(1)
    async with waiting_list("voiceprints_a", tmp_path) as waiting:
        for _ in range(50):
            await waiting.add([one] * 1000)
        assert waiting.count == 50_000
        assert waiting.size > 50_000 * len(one.content)
        assert not os.listdir(tmp_path)  # noqa: PTH208  # of an empty folder, in no time
        with pytest.raises(ValidationError, match="voiceprints_a: there are more than 50000 voiceprints"):
            await waiting.add([one])
