"""Voiceprints to their vectors. No network runs: a vector is read from where its extraction put it."""

from schemas import json, voiceprint
from schemas.errors import TaskValidationError, VoiceprintError
from schemas.technologies import speaker_identification_voiceprint_conversion as technology
from tasks.jobs import Work


def run(work: Work) -> bytes:
    """Raises TaskValidationError that names every bad voiceprint by its index."""
    vectors, faults = [], []
    for index, text in enumerate(json.decode(work.input.read_bytes())["voiceprints"]):
        try:
            vectors.append(voiceprint.decode(voiceprint.from_base64(text)).spoken_vector)
        except VoiceprintError as error:
            faults.append(error.at("body", "voiceprints", index))
    if faults:
        named = ", ".join(str(fault.location[-1]) for fault in faults[:10]) + (", …" if len(faults) > 10 else "")
        raise TaskValidationError(f"voiceprints that cannot be read, by their index from 0: {named}", faults)
    return technology.pack(vectors)
