"""Calls that are repeated while what is wrong may pass."""

import time

from voiceprint_client.errors import NoAnswer, Refused, StrangeAnswer
from voiceprint_client.wire import PASSING, Answer, Call, Transport, scattered

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
# How long an appliance that was never reached is tried: a wrong address should be told soon.
_FIRST_PATIENCE = 5.0


class Calls:
    """Calls over `transport`, repeated for `patience` seconds from the first that was in vain.

    Whatever is called here may be repeated: a POST carries an idempotency key.
    """

    def __init__(self, transport: Transport, patience: float) -> None:
        self.transport = transport
        self._patience = patience
        self._reached = False

    async def ask(self, call: Call, *, end: float = float("inf")) -> Answer:
        """An answer below 300; not repeated after `end`, of the monotonic clock.

        Raises Refused, NoAnswer and StrangeAnswer, and OSError for a recording that cannot be read.
        """
        pause, begun = _FIRST_PAUSE, None
        while True:
            fault: Refused | NoAnswer
            asked = None
            try:
                answer = await self.transport.send(call)
            except NoAnswer as error:
                if not error.passing:
                    raise
                fault = error
            else:
                self._reached = True
                if answer.status < 300:
                    return answer
                if answer.status < 400:
                    # To follow would carry the recording, and the key, somewhere else.
                    raise StrangeAnswer(
                        f"{call.path} leads to {answer.headers.get('location', 'elsewhere')}: give the address itself"
                    )
                fault, asked = answer.refusal(), answer.retry_after
                if answer.status not in PASSING:
                    raise fault
            now = time.monotonic()
            begun = now if begun is None else begun
            patience = self._patience if self._reached else min(self._patience, _FIRST_PATIENCE)
            wait = scattered(pause if asked is None else asked)
            if now + wait >= min(begun + patience, end):
                raise fault
            await self.transport.pause(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)
