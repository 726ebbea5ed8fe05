"""Stored results and how they are shown: a vector is the same text wherever it appears."""

import io
import json as standard
import re

import msgpack
import numpy as np
import numpy.typing as npt
import pydantic
import pytest

from schemas import json
from schemas.quality import DEFAULT_THRESHOLDS, Quality
from schemas.technologies import refusal
from schemas.technologies import speaker_identification_voiceprint_conversion as conversion
from schemas.technologies import speaker_identification_voiceprint_extraction as extraction
from schemas.voiceprint import decode, encode, from_base64, to_base64
from schemas.voiceprint_lists import VoiceprintsDocument
from tests.unit.schemas.sample_voiceprints import silent, voiceprint

RANDOM = voiceprint(vector=np.random.default_rng(1).standard_normal(256).astype(np.float32) / np.float32(16))
CONTAINERS = [encode(RANDOM), encode(silent()), encode(voiceprint())]


def rendered(technology: object, stored: bytes) -> bytes:
    return b"".join(technology.TECHNOLOGY.render(io.BytesIO(stored)))  # type: ignore[attr-defined]


def packed(vectors: list[npt.NDArray[np.float32]]) -> bytes:
    return b"".join(conversion.pack(vectors))


def numbers(text: bytes) -> list[bytes]:
    """The text of every list of numbers."""
    return re.findall(rb"\[[-+0-9.e,]*\]", text)


def test_extraction_and_conversion_show_the_same_text() -> None:
    """The vectors of an extraction and of the conversion of its voiceprints are equal digit by digit."""
    extracted = rendered(extraction, extraction.pack(CONTAINERS, include_vector=True))
    sent = [from_base64(channel["voiceprint"]) for channel in standard.loads(extracted)["channels"]]
    converted = rendered(conversion, packed([decode(container).vector[np.newaxis] for container in sent]))
    assert len(numbers(converted)) == 3
    assert numbers(extracted) == numbers(converted)


def test_the_shown_vector_is_the_stored_one() -> None:
    """Read as float32, the numbers shown are the bytes in the container."""
    shown = standard.loads(rendered(extraction, extraction.pack(CONTAINERS, include_vector=True)))["channels"]
    assert np.array(shown[0]["vector_voiceprint"], np.float32).tobytes() == RANDOM.vector.tobytes()


def test_the_command_line_shows_the_same() -> None:
    """What `channel` gives a caller in process encodes to what the service renders."""
    one = json.encode(extraction.channel(RANDOM, CONTAINERS[0], include_vector=True))
    assert rendered(extraction, extraction.pack(CONTAINERS[:1], include_vector=True)) == b'{"channels":[' + one + b"]}"


def test_an_extraction_as_the_contract_has_it() -> None:
    """Number, voiceprint, speech length and model of every channel; an empty vector where there is no speech."""
    shown = standard.loads(rendered(extraction, extraction.pack(CONTAINERS, include_vector=True)))
    assert shown["channels"][1] == {
        "channel_number": 1,
        "voiceprint": to_base64(CONTAINERS[1]),
        "speech_length": 0.0,
        "model": "golden-model",
        "vector_voiceprint": [],
    }


def test_the_vector_is_shown_only_when_asked_for() -> None:
    """Without `include_vector_voiceprint` the key is not there at all."""
    shown = standard.loads(rendered(extraction, extraction.pack(CONTAINERS, include_vector=False)))
    assert all("vector_voiceprint" not in channel for channel in shown["channels"])


def test_quality_is_shown_where_it_was_measured_and_judged() -> None:
    """Figures come from the container and the verdict from what is stored beside it; a container without figures, or
    one that nobody judged, has no quality."""
    measured = voiceprint(quality=Quality(snr=20.5).pack())
    found = [measured, silent(), measured]
    judgements = [*(extraction.judged(one, DEFAULT_THRESHOLDS) for one in found[:2]), None]
    stored = extraction.pack([encode(one) for one in found], include_vector=False, judgements=judgements)
    first, *others = standard.loads(rendered(extraction, stored))["channels"]
    assert (first["quality"]["snr_db"], first["quality"]["level_dbfs"]) == (20.5, None)
    assert (first["quality"]["verdict"], first["quality"]["reasons"]) == ("usable", ["2.25 s of speech, less than 3 s"])
    assert all("quality" not in channel for channel in others)


def test_results_of_the_version_before_are_shown() -> None:
    """A result that was stored without judgements and without what was listened to reads as it did."""
    stored = msgpack.packb({"include_vector": False, "containers": CONTAINERS})
    assert rendered(extraction, stored) == rendered(extraction, extraction.pack(CONTAINERS, include_vector=False))


def test_how_much_was_listened_to() -> None:
    """Each channel tells the seconds that were listened to."""
    stored = extraction.pack(CONTAINERS, include_vector=False, processed=[1.5, 0.0, 30.25])
    shown = standard.loads(rendered(extraction, stored))["channels"]
    assert [channel["processed_audio_length"] for channel in shown] == [1.5, 0.0, 30.25]


@pytest.mark.parametrize("count", [1, 100, 101, 1000, 16_384, 16_385, 40_000])
def test_a_conversion_is_rendered_whole_in_its_order(count: int) -> None:
    """However many blocks it takes, the pieces are one JSON text with all vectors in the order of the input."""
    vectors = np.array([[number, number / 3] for number in range(1, count + 1)], np.float32)
    vectors[count // 2] = 0
    expected = [vector.tolist() if vector.any() else [] for vector in vectors]
    shown = standard.loads(rendered(conversion, packed([vectors[:100], vectors[100:]])))
    assert list(shown) == ["vector_voiceprints"]
    assert [np.array(vector, np.float32).tolist() for vector in shown["vector_voiceprints"]] == expected


def test_conversions_of_the_version_before_are_shown() -> None:
    """A result that was stored as one msgpack bin for each vector reads as it did."""
    stored = b"".join(msgpack.packb(one.spoken_vector.tobytes()) for one in (RANDOM, silent()))
    now = packed([RANDOM.vector[np.newaxis], silent().vector[np.newaxis]])
    assert rendered(conversion, stored) == rendered(conversion, now)


def test_a_large_conversion_comes_in_pieces() -> None:
    """No piece of a large result is a large part of it."""
    pieces = list(conversion.TECHNOLOGY.render(io.BytesIO(packed([np.stack([RANDOM.vector] * 2000)]))))
    assert max(map(len, pieces)) < sum(map(len, pieces)) / 5


def faults(voiceprints: object) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(pydantic.ValidationError) as refused:
        VoiceprintsDocument.model_validate({"voiceprints": voiceprints})
    made = refusal(refused.value, ["body"] * refused.value.error_count())
    return [(detail.location, detail.message) for detail in made.detail]


TEXT = to_base64(CONTAINERS[0])


@pytest.mark.parametrize("count", [0, 50_001])
def test_a_list_of_the_wrong_length_is_refused(count: int) -> None:
    """Fewer than one and more than 50,000 voiceprints are one fault of the list."""
    (location, message), *others = faults(["AAAA"] * count)
    assert location == ("body", "voiceprints")
    assert str(50_000 if count else 1) in message
    assert others == []


@pytest.mark.parametrize("count", [1, 50_000])
def test_the_longest_and_the_shortest_list_are_taken(count: int) -> None:
    """The limits themselves are inside."""
    assert len(VoiceprintsDocument.model_validate({"voiceprints": ["AAAA"] * count}).voiceprints) == count


def test_bad_base64_is_told_by_its_index() -> None:
    """Each text that is not Base64 is named by its place in the list, and the good ones are not."""
    found = faults([TEXT, "é", TEXT, TEXT + "A", "{}"])
    assert found == [(("body", "voiceprints", index), "this is not Base64") for index in (1, 3, 4)]


@pytest.mark.parametrize("item", [1, None, ["AAAA"], b"AAAA", True])
def test_items_that_are_not_text_are_refused(item: object) -> None:
    """A voiceprint in JSON is a string; nothing is converted into one."""
    assert faults([TEXT, item])[0][0] == ("body", "voiceprints", 1)


@pytest.mark.parametrize(
    "body", [{}, {"voiceprints": None}, {"voiceprints": "AAAA"}, {"voiceprints": {"0": "AAAA"}}, []]
)
def test_a_body_without_a_list_is_refused(body: object) -> None:
    """The one key must be there and hold a list."""
    with pytest.raises(pydantic.ValidationError):
        VoiceprintsDocument.model_validate(body)


def test_unknown_keys_of_a_body_are_ignored() -> None:
    """A caller may send more than is understood."""
    assert VoiceprintsDocument.model_validate({"voiceprints": [TEXT], "more": 1}).voiceprints == [TEXT]
