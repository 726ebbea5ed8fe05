"""Lists of voiceprints are read in runs, and found as if they had been read one by one."""

import io
import random

import numpy as np
import pytest

from onnx_models.passage import Stopped
from schemas import documents, json
from schemas.documents import Run
from schemas.errors import Detail, VoiceprintError
from schemas.keyring import KeyRing
from schemas.signatures import UNSIGNED, Signatures
from schemas.voiceprint import Voiceprint, encode, from_base64, to_base64
from tasks import voiceprints
from tests.unit.schemas.sample_voiceprints import container, same, silent, voiceprint

OURS = Signatures.of(KeyRing({1: b"1" * 32, 2: b"2" * 32}), "accept")
OLD = Signatures.of(KeyRing({1: b"1" * 32}), "accept")
OTHER = voiceprint(model="other", vector=np.arange(1, 9, dtype=np.float32))


def mixed(count: int) -> list[str]:
    """Voiceprints of several models, signed and not, with and without speech, and what is none, in an order of
    chance."""
    chance = random.Random(0)  # noqa: S311  # a seed, so that a failure repeats
    damaged = bytearray(encode(voiceprint()))
    damaged[300] ^= 4
    kinds = [
        *[to_base64(encode(voiceprint(created_ms=number))) for number in range(40)],
        *[to_base64(OURS.encode(voiceprint(created_ms=number))) for number in range(20)],
        *[to_base64(OLD.encode(voiceprint(created_ms=number))) for number in range(20)],
        *[to_base64(encode(voiceprint(created_ms=number, extras={"n": number % 7}))) for number in range(10)],
        to_base64(encode(silent())),
        to_base64(encode(OTHER)),
        to_base64(container()),
        to_base64(bytes(damaged)),
        "AAAA",
        "AAA=",
        "",
        "A" * len(to_base64(bytes(damaged))),
        to_base64(encode(voiceprint()))[:-4] + "AA==",
    ]
    return [chance.choice(kinds) for _ in range(count)]


def items(texts: list[str]) -> list[str | Run]:
    """As a job finds them in its document."""
    found: list[str | Run] = documents.load(io.BytesIO(json.encode({"list": texts})))["list"]
    return found


def read(texts: list[str], signatures: Signatures = UNSIGNED) -> tuple[dict[int, Voiceprint], list[Detail]]:
    faults: list[Detail] = []
    found = voiceprints.read(items(texts), "list", faults, lambda: False, signatures)
    ordered = [part for one in voiceprints.in_order(found) for part in one.each()]
    indices = sorted(index for one in found for index in one.indices.tolist())
    return dict(zip(indices, ordered, strict=True)), sorted(faults, key=lambda fault: fault.location[2])


def one_by_one(texts: list[str], signatures: Signatures) -> tuple[dict[int, Voiceprint], list[tuple[int, str]]]:
    found, faults = {}, []
    for index, text in enumerate(texts):
        try:
            found[index] = signatures.decode(from_base64(text))
        except VoiceprintError as error:
            faults.append((index, error.kind))
    return found, faults


@pytest.mark.parametrize(
    "signatures", [UNSIGNED, OURS, OLD, Signatures(OURS.keys)], ids=["none", "two", "old", "signed"]
)
def test_a_list_of_all_kinds(signatures: Signatures) -> None:
    """Every voiceprint stands at its place, and every fault is what it would be by itself."""
    texts = mixed(3000)
    found, faults = read(texts, signatures)
    expected, wrong = one_by_one(texts, signatures)
    assert found.keys() == expected.keys()
    assert all(same(found[index], expected[index]) for index in found)
    assert [(fault.location[2], fault.type) for fault in faults] == wrong


def test_vectors_and_lengths_in_order() -> None:
    """Rows of several runs follow each other as in the list."""
    sent = [
        voiceprint(speech_length=float(number), vector=np.full(8, number + 1, np.float32)) for number in range(2500)
    ]
    faults: list[Detail] = []
    texts = [to_base64(encode(one)) for one in sent]
    found = voiceprints.read(items(texts), "list", faults, lambda: False, UNSIGNED)
    assert voiceprints.vectors(found)[:, 0].tolist() == [number + 1 for number in range(2500)]
    assert voiceprints.speech_lengths(found).tolist() == list(range(2500))
    assert not faults


def test_reading_can_be_stopped() -> None:
    """A task that is given up is not read to its end."""
    with pytest.raises(Stopped):
        voiceprints.read(["AAAA"], "list", [], lambda: True, UNSIGNED)
