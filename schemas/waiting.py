"""How long a poll may wait for the end of its task."""

from collections.abc import Sequence
from typing import Annotated

import pydantic
from pydantic import BeforeValidator, Field

from schemas.errors import Detail, ValidationError
from schemas.listening import plain_number
from schemas.technologies import refusal

# Longer, and proxies give up before the appliance does.
LONGEST_WAIT = 60


class Waiting(pydantic.BaseModel):
    """The query string of a poll: `wait` in seconds, 0 for an answer at once; keys that are not known are ignored."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    wait: Annotated[
        float,
        BeforeValidator(plain_number),
        Field(
            ge=0,
            le=LONGEST_WAIT,
            allow_inf_nan=False,
            description="Seconds to wait for the task's end; 0 for an answer at once.",
        ),
    ] = 0.0


def waiting_seconds(given: Sequence[str]) -> float:
    """What a query string says of `wait`. Raises ValidationError."""
    if len(given) > 1:
        fault = Detail(("query", "wait"), "must be given once", "repeated")
        raise ValidationError(f"the request is not valid: query.wait: {fault.message}", [fault])
    try:
        return Waiting.model_validate({"wait": given[0]} if given else {}).wait
    except pydantic.ValidationError as error:
        raise refusal(error, ["query"] * error.error_count()) from error
