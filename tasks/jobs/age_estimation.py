"""A recording to the age of every channel's speaker."""

from schemas import rows
from tasks import traits
from tasks.jobs import Work


def run(work: Work) -> bytes:
    """Raises the MediaError that says why the recording cannot be used, or HeadMissing before it is listened to."""
    found = traits.heard(work, "age")
    return rows.pack(
        (one.voiceprint.channel_number, one.voiceprint.speech_length, traits.whole_years(years), one.processed)
        for one, years in found
    )
