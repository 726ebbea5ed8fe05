"""The task record: bytes that prove themselves."""

import hashlib

import msgpack
import pytest
from hypothesis import given, strategies

from schemas.errors import ChannelMissing, Detail, TaskValidationError
from schemas.keyring import KeyRing
from schemas.task import TaskState
from tasks.dispatch import entry
from tasks.record import RecordDamaged, TaskRecord, content, fits_inline
from tests.unit.schemas.sample_voiceprints import PROPERTY, plain_values

PENDING = TaskRecord("id", "a-technology", 1_750_000_000_123, {"channels": [0, 1]}, 1000, bytes(32))
BODIES = strategies.dictionaries(strategies.text(), plain_values(), max_size=3)


@PROPERTY
@given(
    strategies.builds(
        TaskRecord,
        task_id=strategies.text(max_size=40),
        technology=strategies.text(max_size=40),
        created_ms=strategies.integers(0, 1 << 48),
        parameters=BODIES,
        input_bytes=strategies.integers(0, 1 << 48),
        input_sha256=strategies.binary(max_size=32),
        state=strategies.sampled_from(TaskState),
        attempt=strategies.integers(0, 1000),
        crashes=strategies.integers(0, 1000),
        worker=strategies.text(max_size=40),
        result_bytes=strategies.integers(0, 1 << 48),
        result_sha256=strategies.binary(max_size=32),
        error=strategies.none() | BODIES,
    )
)
def test_any_record_comes_back_as_it_was(record: TaskRecord) -> None:
    """What is packed is unpacked, in every state and with any parameters and error."""
    assert TaskRecord.unpack(record.pack()) == record


def test_every_flipped_bit_is_damage() -> None:
    """No single bit of a stored record can change unnoticed."""
    data = PENDING.pack()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RecordDamaged):
            TaskRecord.unpack(bytes(flipped))


def test_every_prefix_is_damage() -> None:
    """A record that was cut short, even to nothing, is damage and not another error."""
    data = PENDING.pack()
    for length in range(len(data)):
        with pytest.raises(RecordDamaged):
            TaskRecord.unpack(data[:length])


def test_a_record_is_authentic_under_its_key_alone() -> None:
    """With a key ring every flipped bit is damage, and so is what another ring, or none, has made."""
    old, new = KeyRing({1: bytes(32)}), KeyRing({1: bytes(32), 2: b"2" * 32})
    data = PENDING.pack(old.derive("record"))
    assert TaskRecord.unpack(data, new.derive("record")) == PENDING
    for forged in (
        PENDING.pack(),
        PENDING.pack(KeyRing({1: b"1" * 32}).derive("record")),
        PENDING.pack(old.derive("audit")),
    ):
        with pytest.raises(RecordDamaged):
            TaskRecord.unpack(forged, new.derive("record"))
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RecordDamaged):
            TaskRecord.unpack(bytes(flipped), new.derive("record"))


def test_a_record_outlives_an_upgrade_and_the_way_back() -> None:
    """What a later version adds to a record is ignored, and what an earlier one did not know has its default."""
    fields = {"task_id": "id", "technology": "a-technology", "created_ms": 1, "state": "pending", "of_later": [1]}
    payload = bytes(msgpack.packb(fields))
    data = bytes(4) + hashlib.blake2b(bytes(4) + payload, digest_size=32).digest() + payload
    assert TaskRecord.unpack(data) == TaskRecord("id", "a-technology", 1)


def test_equal_records_are_equal_bytes() -> None:
    """A change of a record is a comparison of bytes, so packing never varies."""
    assert TaskRecord.unpack(PENDING.pack()).pack() == PENDING.pack()


def test_each_claim_is_another_attempt() -> None:
    """Claiming counts the attempt and names the worker; giving back keeps the count and forgets the worker."""
    first = PENDING.claimed("a")
    again = first.released(crashed=False).claimed("b")
    assert (first.state, first.attempt, first.worker) == (TaskState.RUNNING, 1, "a")
    assert (again.attempt, again.worker, again.crashes) == (2, "b", 0)


def test_only_a_crash_is_counted_as_one() -> None:
    """A task whose worker died has a crash more than one that was given back."""
    assert PENDING.claimed("a").released(crashed=True).crashes == 1
    assert PENDING.claimed("a").released(crashed=False) == PENDING.claimed("b").released(crashed=False)


@pytest.mark.parametrize("state", TaskState)
def test_terminal_states(state: TaskState) -> None:
    """Done, failed and rejected are ends, pending and running are not."""
    assert state.terminal is (state.value in {"done", "failed", "rejected"})


def test_a_view_shows_an_error_or_none() -> None:
    """The poll body has the key `error` only for a task that ended with one."""
    error = ChannelMissing("no channel 7").body()
    assert PENDING.view().body() == {"task": {"task_id": "id", "state": "pending"}}
    assert PENDING.refused(TaskState.REJECTED, error).view().body() == {
        "task": {"task_id": "id", "state": "rejected"},
        "error": error,
    }


def test_an_error_of_one_line_fits_the_record_and_a_list_does_not() -> None:
    """An error with a detail for each of many voiceprints belongs into a file."""
    details = [Detail(("body", "voiceprints", index), "damaged", "voiceprint") for index in range(1000)]
    assert fits_inline(TaskValidationError("one", details[:1]))
    assert not fits_inline(TaskValidationError("many", details))


def test_arq_is_told_the_technology_and_nothing_else() -> None:
    """The job in arq's queue is msgpack, and holds neither arguments nor parameters."""
    job = msgpack.unpackb(entry(PENDING).job)
    assert job == {"t": None, "f": "a-technology", "a": [], "k": {}, "et": PENDING.created_ms}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000 + b"\xc0",
        msgpack.packb([1]),
        msgpack.packb({}),
        msgpack.packb({"task_id": "id"}),
        *(
            msgpack.packb(msgpack.unpackb(PENDING.pack()[36:]) | changed)
            for changed in (
                {"state": "odd"},
                {"state": None},
                {"technology": ["a"]},
                {"attempt": "x"},
                {"attempt": -1},
                {"attempt": True},
                {"input_bytes": -(1 << 62)},
                {"parameters": [1]},
                {"parameters": None},
                {"error": "x"},
                {"worker": b"x"},
                {"owner": "x"},
                {"callback": 1},
                {"callback": {}},
                {"callback": {"url": 1, "addresses": [], "location": ""}},
                {"callback": {"url": "", "addresses": [1], "location": ""}},
            )
        ),
    ],
    ids=lambda payload: repr(payload[:40]) + str(len(payload)),
)
def test_a_check_alone_makes_no_record(payload: bytes) -> None:
    """Without a key ring anybody can make one that matches: what it stands before must still be a record."""
    with pytest.raises(RecordDamaged):
        TaskRecord.unpack(content(payload, None))
