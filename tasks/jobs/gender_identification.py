"""A recording to the gender of every channel's voice."""

from schemas import rows
from tasks import traits
from tasks.jobs import Work


def run(work: Work) -> bytes:
    """Raises the MediaError that says why the recording cannot be used, or HeadMissing before it is listened to."""
    found = traits.heard(work, "gender")
    return rows.pack(
        (one.voiceprint.channel_number, one.voiceprint.speech_length, llr, one.processed) for one, llr in found
    )
