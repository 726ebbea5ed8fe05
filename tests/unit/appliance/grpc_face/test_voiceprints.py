"""Lists of voiceprints on their way into a document."""

import os
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

import pytest

from appliance.grpc_face.spool import Spool
from appliance.grpc_face.voiceprints import VoiceprintList, waiting_list
from schemas.errors import StorageFull, ValidationError
from tests.unit.appliance.grpc_face.made import voiceprints


@pytest.fixture
def full_disk() -> Iterator[FileIO]:
    with Path("/dev/full").open("w+b", buffering=0) as file:
        yield file


async def test_a_full_disk_is_named(full_disk: FileIO) -> None:
    """As it is for an upload over REST."""
    waiting = VoiceprintList("voiceprints", Spool(full_disk))
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


async def test_nothing_waits_in_clear(tmp_path: Path) -> None:
    """Whatever its length, what lies on the disk shows neither a container nor its Base64."""
    for count in (1, 400):
        async with waiting_list("voiceprints", tmp_path) as waiting:
            await waiting.add(voiceprints(1) * count)
            written = b"".join(on_disk(tmp_path))
            assert written
            assert b"ZOVP" not in written
            assert b"Wk9WUA" not in written


def on_disk(folder: Path) -> Iterator[bytes]:
    """What the open files of this process hold that lie in `folder`, under whatever name."""
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208  # of links to nowhere
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").startswith(str(folder)):  # noqa: PTH115  # it leads nowhere
                yield os.pread(int(number), 1 << 20, 0)
