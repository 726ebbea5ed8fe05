"""With a key ring, every technology signs the voiceprints that it makes, and takes none that the appliance did not."""

from typing import Any

import numpy as np
import pytest

from schemas.errors import TaskValidationError
from schemas.keyring import KeyRing
from schemas.signatures import Signatures
from schemas.voiceprint import from_base64, to_base64
from tests.conftest import RECORDINGS
from tests.unit.tasks.jobs.conftest import Run
from tests.unit.tasks.jobs.made_voiceprints import directions, silent, text

RING = KeyRing({1: bytes(32), 2: bytes(range(32))})
OURS, MIGRATING = Signatures.of(RING, "refuse"), Signatures.of(RING, "accept")
THEIRS = Signatures.of(KeyRing({2: bytes(range(1, 33))}), "refuse")
READING = {
    "speaker-identification-voiceprint-conversion": ["voiceprints"],
    "speaker-identification-voiceprint-merging": ["voiceprints"],
    "speaker-identification-voiceprint-comparison": ["voiceprints_a", "voiceprints_b"],
    "age-estimation-voiceprints": ["voiceprints"],
}
PLAIN = [text(vector) for vector in directions(3)]


def signed(given: str, signatures: Signatures = OURS) -> str:
    return to_base64(signatures.signed(from_base64(given)))


def document(technology: str, texts: list[str]) -> dict[str, Any]:
    return dict.fromkeys(READING[technology], texts)


@pytest.mark.parametrize("technology", READING)
def test_what_is_not_signed_is_refused_by_index(run: Run, technology: str) -> None:
    """Beside those that are taken: unsigned, forged, and of a key that is not here, each by its name."""
    unknown = signed(PLAIN[0], Signatures.of(KeyRing({9: bytes(32)}), "refuse"))
    texts = [signed(PLAIN[0]), PLAIN[1], signed(PLAIN[2]), signed(PLAIN[1], THEIRS), unknown]
    with pytest.raises(TaskValidationError) as caught:
        run(technology, document(technology, texts), signatures=OURS)
    kinds = ["voiceprint.not-signed", "voiceprint.damaged", "voiceprint.key-unknown"]
    assert [(fault.location, fault.type) for fault in caught.value.detail] == [
        (("body", name, index), kind)
        for name in READING[technology]
        for index, kind in zip((1, 3, 4), kinds, strict=True)
    ]


@pytest.mark.parametrize("technology", READING)
def test_while_migrating_unsigned_ones_are_taken(run: Run, technology: str) -> None:
    """They give what signed ones give, and what they gave before there was a ring; forged ones are still refused."""
    before = run(technology, document(technology, PLAIN))
    texts = [signed(one) for one in PLAIN]
    taken = [run(technology, document(technology, PLAIN), signatures=MIGRATING)]
    taken += [run(technology, document(technology, texts), signatures=one) for one in (OURS, MIGRATING)]
    if technology.endswith("merging"):
        before["voiceprint"] = signed(before["voiceprint"])
    assert taken == 3 * [before]
    with pytest.raises(TaskValidationError, match="1"):
        run(technology, document(technology, [PLAIN[0], signed(PLAIN[1], THEIRS)]), signatures=MIGRATING)


def test_what_is_extracted_and_merged_is_signed(run: Run) -> None:
    """With the newest key; the vector and everything else shown is as without a ring."""
    technology = "speaker-identification-voiceprint-extraction"
    recording = RECORDINGS / "demo.flac"
    before = run(technology, recording, include_vector_voiceprint=True)
    after = run(technology, recording, include_vector_voiceprint=True, signatures=OURS)
    (channel,) = after["channels"]
    container = from_base64(channel["voiceprint"])
    assert np.array_equal(OURS.decode(container).vector, np.array(channel["vector_voiceprint"], np.float32))
    (plain,) = before["channels"]
    assert signed(plain["voiceprint"]) == channel.pop("voiceprint")
    del plain["voiceprint"]
    assert plain == channel

    merging = "speaker-identification-voiceprint-merging"
    merged = run(merging, {"voiceprints": [to_base64(container), signed(silent())]}, signatures=OURS)
    assert OURS.decode(from_base64(merged["voiceprint"])).merged == 3
