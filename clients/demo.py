"""The main job once: start the appliance, post a recording, poll, convert the voiceprint back, compare two voices.

    python clients/demo.py [RECORDING]

The appliance runs on its embedded defaults, except for free ports and a data folder of its own. What would close its
doors to this program, keys and certificates, is left out.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

RECORDINGS = Path(__file__).parent.parent / "tests/recordings"
SHIPPED, SAME_VOICE, OTHER_VOICE = (RECORDINGS / name for name in ("demo.flac", "mpeg.mp3", "stranger.flac"))
EXTRACTION = "/api/technology/speaker-identification-voiceprint-extraction"
CONVERSION = "/api/technology/speaker-identification-voiceprint-conversion"
COMPARISON = "/api/technology/speaker-identification-voiceprint-comparison"
CLOSING = (
    "VOICEPRINT_API_KEYS_FILE",
    "VOICEPRINT_HTTP_TLS_",
    "VOICEPRINT_GRPC_TLS_",
    "VOICEPRINT_TLS_",
    "VOICEPRINT_HOST",
)


@asynccontextmanager
async def appliance(tell: Callable[[str], object] = lambda _: None) -> AsyncIterator[str]:
    """The address of an appliance that is ready and ends with the context; `tell` gets its line about that."""
    with tempfile.TemporaryDirectory(prefix="voiceprint-demo-") as folder:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("voiceprint"),
            "up",
            env={name: value for name, value in os.environ.items() if not name.startswith(CLOSING)}
            | {
                "VOICEPRINT_DATA_DIR": folder,
                "VOICEPRINT_HTTP_PORT": "0",
                "VOICEPRINT_GRPC_PORT": "0",
                "VOICEPRINT_LOG_LEVEL": "warning",
            },
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C ends this program, which then ends the appliance
        )
        try:
            line = (await process.stdout.readline()).decode() if process.stdout else ""
            if not line:
                raise SystemExit(await process.wait() or 1)
            tell(line.strip())
            yield line.split()[-1]
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
                await process.wait()


async def finished(
    session: aiohttp.ClientSession, submitted: aiohttp.ClientResponse, every: float = 0.05
) -> dict[str, Any]:
    """The poll body of a submitted task once it has ended, asked for `every` so many seconds."""
    if submitted.status != 202:
        raise SystemExit(f"refused: {await submitted.text()}")
    while True:
        async with session.get(submitted.headers["Location"]) as answer:
            body: dict[str, Any] = await answer.json()
        if body["task"]["state"] not in {"pending", "running"}:
            return body
        await asyncio.sleep(every)


def shortened(value: Any) -> Any:
    """A poll body that fits a terminal."""
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], float):
        return [*value[:2], f"… {len(value)} values in all"]
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, str) and len(value) > 60:
        return f"{value[:40]}… {len(value)} characters"
    return value


async def extracted(session: aiohttp.ClientSession, recording: Path) -> dict[str, Any]:
    """The poll body of the recording's extraction, vectors included."""
    with recording.open("rb") as file:
        form = aiohttp.FormData({"file": file, "config": '{"include_vector_voiceprint": true}'})
        async with session.post(EXTRACTION, data=form) as submitted:
            return await finished(session, submitted)


async def main(recording: Path) -> None:
    async with appliance(print) as url, aiohttp.ClientSession(url) as session:
        print(f"Posting {recording.name} over REST:")
        extraction = await extracted(session, recording)
        print(json.dumps(shortened(extraction), indent=2, ensure_ascii=False))
        if extraction["task"]["state"] != "done":
            raise SystemExit("the extraction did not succeed")

        channels = extraction["result"]["channels"]
        voiceprints = {"voiceprints": [channel["voiceprint"] for channel in channels]}
        async with session.post(CONVERSION, json=voiceprints) as submitted:
            conversion = await finished(session, submitted)
        if conversion["result"]["vector_voiceprints"] != [channel["vector_voiceprint"] for channel in channels]:
            raise SystemExit("the converted vectors differ from the extracted ones")
        print("Converted the voiceprint back: both vectors are identical, value for value.")
        if recording != SHIPPED:
            return

        others = [await extracted(session, other) for other in (SAME_VOICE, OTHER_VOICE)]
        sides = {
            "voiceprints_a": [other["result"]["channels"][0]["voiceprint"] for other in others],
            "voiceprints_b": voiceprints["voiceprints"],
        }
        async with session.post(COMPARISON, json=sides) as submitted:
            comparison = await finished(session, submitted)
        same, other = comparison["result"]["scores"]["values"]
        print(f"Compared it: log-likelihood ratio {same:.1f} with the same voice in {SAME_VOICE.name},")
        print(f"{other:.1f} with the other voice in {OTHER_VOICE.name}; above 0 speaks for one speaker.")


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED))
    except KeyboardInterrupt:
        sys.exit(130)
