"""The examples of the OpenAPI description: what an appliance makes of the recordings beside the tests.

    python -m tests.integration.record_examples http://127.0.0.1:8000

writes them anew; the tests make them again and hold them against what is written.
"""

import json
import sys
from typing import Any

import httpx

from appliance.description.examples import FOLDER
from tests.conftest import API, RECORDINGS, ended
from tests.patience import PATIENCE

SPEAKER = "speaker-identification-voiceprint"
OF_RECORDINGS = (f"{SPEAKER}-extraction", "gender-identification", "voice-activity-detection")


def recorded(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """By the name of the technology. One voice is heard twice, the second time through MP3, and another once."""
    made: dict[str, dict[str, Any]] = {
        name: {"result": result(client, name, files={"file": (RECORDINGS / "demo.flac").read_bytes()})}
        for name in OF_RECORDINGS
    }
    demo, again, stranger = (voiceprint(client, name) for name in ("demo.flac", "mpeg.mp3", "stranger.flac"))
    bodies = {
        f"{SPEAKER}-conversion": {"voiceprints": [demo]},
        f"{SPEAKER}-comparison": {"voiceprints_a": [demo], "voiceprints_b": [again, stranger]},
        f"{SPEAKER}-merging": {"voiceprints": [demo, again]},
        "gender-identification-voiceprints": {"voiceprints": [demo, again, stranger]},
    }
    for name, body in bodies.items():
        made[name] = {"result": result(client, name, json=body), "body": body}
    # Its head is not shipped, so there is no result.
    made["age-estimation-voiceprints"] = {"body": {"voiceprints": [demo]}}
    return made


def result(client: httpx.Client, name: str, **given: Any) -> Any:
    """What comes of a task that is done."""
    submitted = client.post(f"{API}/{name}", **given)
    assert submitted.status_code == 202, submitted.text
    shown = ended(client, submitted.headers["Location"])
    assert "result" in shown, shown
    return shown["result"]


def voiceprint(client: httpx.Client, recording: str) -> str:
    """Of its first channel."""
    found = result(client, f"{SPEAKER}-extraction", files={"file": (RECORDINGS / recording).read_bytes()})
    return str(found["channels"][0]["voiceprint"])


if __name__ == "__main__":
    with httpx.Client(base_url=sys.argv[1], timeout=PATIENCE) as opened:
        for technology, example in recorded(opened).items():
            (FOLDER / f"{technology}.json").write_text(json.dumps(example, indent=1) + "\n")
