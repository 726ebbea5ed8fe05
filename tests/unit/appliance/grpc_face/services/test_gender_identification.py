"""`Identify`: of a recording or of voiceprints, never of both."""

from typing import Any

import grpc
import grpc.aio
import httpx
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from phonexia.grpc.common.core_pb2 import Audio, RawAudioConfig, TimeRange, Voiceprint
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2 as pb
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2_grpc as pb_grpc

from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face import made
from tests.unit.appliance.grpc_face.made import silent, voiceprints
from tests.unit.appliance.grpc_face.streams import (
    PCM16,
    all_of,
    chunks,
    content,
    each,
    extract_requests,
    extracted,
    over_rest,
    samples,
    seconds,
    status,
    time_range,
)


def identify(channel: grpc.aio.Channel, requests: Any) -> Any:
    return pb_grpc.GenderIdentificationStub(channel).Identify(each(requests), timeout=PATIENCE)  # type: ignore[arg-type]


def recording(
    data: bytes,
    *,
    raw: RawAudioConfig | None = None,
    within: TimeRange | None = None,
    config: pb.IdentifyConfig | None = None,
) -> list[pb.IdentifyRequest]:
    """As the published client sends it."""
    config = config or pb.IdentifyConfig()
    requests = [pb.IdentifyRequest(audio=Audio(content=chunk), config=config) for chunk in chunks(data, 32_000)]
    requests[0].audio.time_range.CopyFrom(within or TimeRange())
    if raw is not None:
        requests[0].audio.raw_audio_config.CopyFrom(raw)
    return requests


async def test_a_recording_and_its_voiceprint_have_the_scores_of_rest(
    channel: grpc.aio.Channel, client: httpx.Client
) -> None:
    """One result in one response; the length of the audio is known of a recording only."""
    expected = over_rest(client, "gender-identification", content("demo.flac"))
    voiceprint = (await extracted(channel, extract_requests(content("demo.flac")))).result.voiceprint
    (heard,) = await all_of(identify(channel, recording(content("demo.flac"))))
    (raw,) = await all_of(identify(channel, recording(samples("demo.flac").tobytes(), raw=PCM16)))
    (given,) = await all_of(identify(channel, [pb.IdentifyRequest(voiceprints=[voiceprint])]))
    assert heard == raw
    assert heard.results == given.results
    (result,) = heard.results
    assert result.score_male.score_llr == pytest.approx(expected["score_male"]["score_llr"], rel=1e-6)
    assert result.score_female.probability == pytest.approx(expected["score_female"]["probability"], rel=1e-6)
    assert result.speech_length == seconds(expected["speech_length"])
    assert heard.processed_audio_length == seconds(5.4948125)
    assert not given.HasField("processed_audio_length")


async def test_a_part_of_the_recording(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """The time range and the speech cap are those of REST."""
    query = {"range_from": 0.5, "range_to": 4.0, "max_speech_length": 1.5}
    expected = over_rest(client, "gender-identification", content("demo.flac"), **query)
    config = pb.IdentifyConfig(speech_length=seconds(1.5))
    requests = recording(content("demo.flac"), within=time_range(0.5, 4.0), config=config)
    ((result,),) = [one.results for one in await all_of(identify(channel, requests))]
    assert result.score_male.score_llr == pytest.approx(expected["score_male"]["score_llr"], rel=1e-6)
    assert result.speech_length == seconds(1.5)


async def test_each_message_of_voiceprints_has_its_own_response(channel: grpc.aio.Channel) -> None:
    """With a result for each voiceprint, in order."""
    given = voiceprints(4)
    requests = [pb.IdentifyRequest(voiceprints=these) for these in (given[:3], given[3:])]
    responses = await all_of(identify(channel, requests))
    assert [len(one.results) for one in responses] == [3, 1]
    scores = [result.score_male.score_llr for one in responses for result in one.results]
    ((again,),) = [one.results for one in await all_of(identify(channel, [pb.IdentifyRequest(voiceprints=given[2:3])]))]
    assert scores[2] == again.score_male.score_llr
    assert len(set(scores)) == 4


async def test_scores_are_unset_without_enough_speech(channel: grpc.aio.Channel) -> None:
    """Of a silent recording as of a voiceprint without speech."""
    silence = recording(np.zeros(16_000, "<i2").tobytes(), raw=PCM16)
    for requests in (silence, [pb.IdentifyRequest(voiceprints=[silent()])]):
        ((result,),) = [one.results for one in await all_of(identify(channel, requests))]
        assert not result.HasField("score_male")
        assert not result.HasField("score_female")
        assert result.speech_length == Duration()


@pytest.mark.parametrize(("foreign", "named"), made.FOREIGN)
async def test_what_is_no_voiceprint_is_named(alone: grpc.aio.Channel, foreign: str | bytes, named: str) -> None:
    """Clients take a recording for a voiceprint that begins like one, such as an MP3 with a tag."""
    wrong = Voiceprint(content=content(foreign) if isinstance(foreign, str) else foreign)
    code, message = await status(identify(alone, [pb.IdentifyRequest(voiceprints=[wrong])]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("voiceprints.0: ")
    assert named in message


AUDIO = Audio(content=content("demo.flac"))


@pytest.mark.parametrize(
    "requests",
    [
        [pb.IdentifyRequest(voiceprints=voiceprints(1), audio=AUDIO)],
        [pb.IdentifyRequest(audio=AUDIO), pb.IdentifyRequest(voiceprints=voiceprints(1))],
        [pb.IdentifyRequest(voiceprints=voiceprints(1)), pb.IdentifyRequest(audio=AUDIO)],
    ],
)
async def test_audio_and_voiceprints_do_not_mix(channel: grpc.aio.Channel, requests: list[pb.IdentifyRequest]) -> None:
    """In one message or in several."""
    code, message = await status(identify(channel, requests))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message == "voiceprints: a call carries either audio or voiceprints, not both"


@pytest.mark.parametrize(
    ("requests", "named"),
    [
        ([], "the call has neither audio nor voiceprints"),
        ([pb.IdentifyRequest()], "the call has no audio"),
        ([pb.IdentifyRequest(voiceprints=voiceprints(1)), pb.IdentifyRequest()], "voiceprints: there are none"),
    ],
)
async def test_a_call_needs_either(channel: grpc.aio.Channel, requests: list[pb.IdentifyRequest], named: str) -> None:
    """Nothing at all is refused."""
    code, message = await status(identify(channel, requests))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(named)
