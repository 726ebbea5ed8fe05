"""What one appliance is asked for: the voiceprint of a recording, and the scores of two lists of voiceprints."""

import asyncio
import io
import mimetypes
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import numpy.typing as npt

from appliance.shadow.calls import Answer, Calls, Declined, field, retry_after, told
from schemas import json, plain_file
from schemas.errors import ApplianceError

_EXTRACTION = "speaker-identification-voiceprint-extraction"
_COMPARISON = "speaker-identification-voiceprint-comparison"
_WAITING, _ENDED = frozenset({"pending", "running"}), frozenset({"done", "failed", "rejected"})
# A task that failed, or that is not known any more, is submitted so many times in all.
_ATTEMPTS = 3
_FIRST_POLL, _LONGEST_POLL = 0.1, 2.0
# Seconds after which a task that has not ended never will.
_LONGEST_TASK = 3600.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording's voiceprint as Base64, its speech in seconds, and the model that made it, empty if not told."""

    voiceprint: str
    speech_length: float
    model: str


class Remote:
    """One appliance, by the published contract and nothing else; `uploads` are what it is sent at one time."""

    def __init__(self, calls: Calls, *, uploads: int) -> None:
        self._calls = calls
        self._uploads = asyncio.Semaphore(uploads)
        self.name, self.url = calls.name, calls.base

    async def heard(self, recording: Path) -> Heard:
        """The voiceprint of all channels together.

        Raises Declined for a recording that the appliance refuses or finds no speech in, OSError for one that cannot be
        read, ApplianceError when the appliance cannot be used.
        """

        def form() -> dict[str, Any]:
            # What the file is called is nobody's business but ours; what it ends with helps some decoders.
            kind = mimetypes.guess_type(recording.name)[0] or "application/octet-stream"
            data = aiohttp.FormData()
            # Buffered, its length is known, and no chunks are sent, which not every server takes.
            file = io.BufferedReader(plain_file.opened(recording))
            data.add_field("file", file, filename=f"recording{recording.suffix}", content_type=kind)
            return {"data": data, "params": {"channel_mode": "mix"}}

        channels = field(self._calls, await self._result(_EXTRACTION, form), "channels")
        if not isinstance(channels, list) or len(channels) != 1:
            raise Declined("it has several channels, and they were not mixed: cut them apart")
        text = field(self._calls, channels[0], "voiceprint")
        speech = field(self._calls, channels[0], "speech_length")
        if not isinstance(text, str) or not isinstance(speech, int | float):
            raise ApplianceError(f"{self.name} ({self.url}) answers with a voiceprint that is none")
        if not speech:
            raise Declined("there is no speech in it")
        return Heard(text, float(speech), str(channels[0].get("model") or ""))

    async def compared(self, a: Sequence[str], b: Sequence[str]) -> npt.NDArray[np.float64]:
        """The scores of all pairs, (b, a), NaN where it gives none. Raises ApplianceError when it cannot be used."""
        body = json.encode({"voiceprints_a": a, "voiceprints_b": b})
        try:
            result = await self._result(
                _COMPARISON, lambda: {"data": body, "headers": {"Content-Type": "application/json"}}
            )
        except Declined as error:
            raise ApplianceError(f"{self.name} ({self.url}) refuses to compare: {error.message}") from error
        shape = tuple(field(self._calls, result, "scores", name) for name in ("rows_count", "columns_count"))
        values = field(self._calls, result, "scores", "values")
        if shape != (len(b), len(a)) or not isinstance(values, list) or len(values) != len(a) * len(b):
            raise ApplianceError(
                f"{self.name} ({self.url}) scores {len(b)} rows and {len(a)} columns with {len(values)} values as "
                f"{shape[0]} and {shape[1]}"
            )
        # The contract's floats; None becomes NaN.
        return np.array(values, np.float64).reshape(shape)

    async def _result(self, technology: str, content: Callable[[], Mapping[str, Any]]) -> Any:
        """The result of a task. Raises Declined when it ends without."""
        fault = ""
        for _ in range(_ATTEMPTS):
            async with self._uploads:
                submitted = await self._calls.ask("POST", f"{self.url}/api/technology/{technology}", content)
            if submitted.status >= 500:
                fault = f"it answers {submitted.status}{told(submitted.body)}"
                continue
            if submitted.status >= 400:
                raise Declined(f"{submitted.status}{told(submitted.body)}")
            body = await self._ended(technology, submitted)
            state = body and field(self._calls, body, "task", "state")
            if state == "done":
                return field(self._calls, body, "result")
            error = body.get("error") if body else {"message": "the task is not known any more"}
            fault = f"the task {state or 'is lost'}{told(error)}"
            if state == "rejected":
                raise Declined(fault)
        raise Declined(f"{_ATTEMPTS} times: {fault}")

    async def _ended(self, technology: str, submitted: Answer) -> Any:
        """The poll body of a task that has ended; None when the appliance has lost it."""
        url, pause = self._calls.task_url(technology, submitted), _FIRST_POLL
        answer, end = submitted, time.monotonic() + _LONGEST_TASK
        while time.monotonic() < end:
            asked = retry_after(answer.headers)
            await asyncio.sleep(pause if asked is None else asked)
            pause = min(1.5 * pause, _LONGEST_POLL)
            answer = await self._calls.ask("GET", url)
            if answer.status >= 400:
                # An old appliance that was restarted has forgotten its tasks.
                return None
            state = field(self._calls, answer.body, "task", "state")
            if state in _ENDED:
                return answer.body
            if state not in _WAITING:
                raise ApplianceError(f"{self.name} ({self.url}) has a task in a state that the contract does not know")
        raise ApplianceError(f"{self.name} ({self.url}) has not ended a task within {_LONGEST_TASK:.0f} s")
