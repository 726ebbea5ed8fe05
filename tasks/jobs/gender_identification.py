"""A recording to the gender of every channel's voice."""

from schemas import rows
from tasks import traits
from tasks.jobs import Work


def run(work: Work) -> bytes:
    """Raises the MediaError that says why the recording cannot be used, or HeadMissing before it is listened to."""
    found = traits.heard(work, "gender")
    return rows.pack((one.channel_number, one.speech_length, llr) for one, llr in found)
