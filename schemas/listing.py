"""What may be asked of the list of one's own tasks."""

from typing import Annotated

import pydantic
from pydantic import BeforeValidator, Field

from schemas.task import TaskState

LONGEST_PAGE = 1000


def _plain(value: str) -> str:
    # pydantic would take `1_0` for 10.
    if not (value.isascii() and value.isdecimal()):
        raise ValueError("must be a whole number")
    return value


class Listing(pydantic.BaseModel):
    """The query string of `GET /api/tasks`; keys that are not known are ignored."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    state: Annotated[TaskState | None, Field(description="Only tasks of this state.")] = None
    technology: Annotated[str | None, Field(max_length=100, description="Only tasks of this technology.")] = None
    limit: Annotated[
        int,
        BeforeValidator(_plain),
        Field(ge=1, le=LONGEST_PAGE, description="How many at most. A page may have fewer although there are more."),
    ] = 100
    after: Annotated[str | None, Field(max_length=100, description="What the page before told as `next`.")] = None
