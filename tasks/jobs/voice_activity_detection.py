"""A recording to where every channel has speech. No speaker model runs."""

from io import FileIO
from typing import cast

from schemas.listening import RecordingParameters
from schemas.technologies import voice_activity_detection as technology
from tasks.jobs import Work
from tasks.listening import refused_file


def run(work: Work) -> bytes:
    """Raises the MediaError that says why the recording cannot be used."""
    parameters = cast("RecordingParameters", work.parameters)
    with refused_file():
        channels = work.models.voice_activity.detect(
            cast("FileIO", work.input),
            channel_mode=parameters.channel_mode,
            channels=parameters.channels,
            range_from=parameters.range_from,
            range_to=parameters.range_to,
            stop=work.stop,
        )
    return technology.pack((one.channel_number, one.speech_length, one.processed, one.segments) for one in channels)
