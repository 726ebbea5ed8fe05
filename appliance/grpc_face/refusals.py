"""Every refusal and every fault as a status of gRPC, with a message that names the cause."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from appliance.grpc_face.around import Context
from schemas.errors import Detail, Internal, MethodInvalid, Refusal, TaskInternalError

log = logging.getLogger(__name__)

_DETAILS_TOLD = 3
_TOLD = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
# It travels as a header, of which clients take 8 KiB together.
_MESSAGE_CHARACTERS = 1000


@asynccontextmanager
async def refuse(method: str, context: Context) -> AsyncIterator[None]:
    """Answers what is raised inside. A cancelled call has nobody who could be answered."""
    try:
        yield
    except Refusal as refusal:
        if isinstance(refusal, (Internal, TaskInternalError)):
            log.error("%s: %s", method, refusal.message)
        await abort(context, refusal)
    except grpc.aio.AbortError:
        raise  # it is answered already
    except NotImplementedError:
        await abort(context, MethodInvalid("this appliance does not have this method"))
    except Exception:
        log.exception("%s failed", method)
        await abort(context, Internal("something went wrong here; the log says what"))


async def abort(context: Context, refusal: Refusal) -> None:
    """Ends the call with the refusal: its status, its message, and in the metadata behind it its type, when to come
    back, and how it stands with the caller's rate."""
    told = [(name.lower(), refusal.headers[name]) for name in _TOLD if name in refusal.headers]
    metadata = (("error-type", refusal.type), *told)
    await context.abort(grpc.StatusCode[refusal.grpc_status], message(refusal), metadata)


def message(refusal: Refusal) -> str:
    """What is wrong, and where: the refusal's own words, then the first of its details that say more."""
    more = [_told(detail) for detail in refusal.detail if detail.message not in refusal.message]
    told = more[:_DETAILS_TOLD] + ([f"and {len(more) - _DETAILS_TOLD} more"] if len(more) > _DETAILS_TOLD else [])
    return "; ".join([refusal.message, *told])[:_MESSAGE_CHARACTERS]


def _told(detail: Detail) -> str:
    # The body of a request is of REST: here it is the message itself.
    place = ".".join(str(part) for part in detail.location if part != "body")
    return f"{place}: {detail.message}" if place else detail.message
