"""What may go wrong in a call.

    ClientError
    ├── NoAnswer                   nobody there, a broken connection, a certificate that is not trusted
    ├── StrangeAnswer              what answers does not keep to the contract: another address was meant?
    ├── Refused                    an answer of 4xx or 5xx: `status`, `type`, `detail`, `request_id`
    │   ├── RequestInvalid         request.invalid                400
    │   ├── Unauthorized           request.unauthorized           401
    │   ├── Forbidden              request.forbidden              403
    │   ├── NotFound               resource.not-found             404   for a task as well: unknown, expired or erased
    │   ├── MethodInvalid          method.invalid                 405   an address with something else behind it
    │   ├── RequestTimeout         request.timeout                408
    │   ├── Conflict               request.conflict               409
    │   ├── TooLarge               request.size-limit-exceeded    413
    │   ├── UnsupportedMedia       request.unsupported-media      415
    │   ├── ValidationError        request.validation-error       422
    │   ├── Internal               internal                       500
    │   ├── Unavailable            technology.unavailable         501
    │   └── Busy                   come again, `retry_after` seconds from now if the appliance says so
    │       ├── RateLimited        request.rate-limit-exceeded    429
    │       ├── Overloaded         service.overloaded             503
    │       └── StorageFull        storage.capacity-exceeded      507
    ├── TaskEnded                  a task that was taken and has no result: `task_id`, `type`, `detail`
    │   ├── TaskRejected           other input is needed; the `type` of a detail says why, such as media.damaged
    │   └── TaskFailed             the same request may succeed later
    └── TaskUnfinished             also a TimeoutError: the task has not ended in time; `task_id`

A recording that cannot be read is the OSError that it is, and what cannot be sent at all a ValueError or TypeError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Detail:
    """One fault: where it is, outermost first, such as `("query", "channels")`, and what it is."""

    location: tuple[str | int, ...] = ()
    message: str = ""
    type: str = ""
    context: Mapping[str, str | int | float] = field(default_factory=dict)


class ClientError(Exception):
    """Root of the tree; `message` is for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoAnswer(ClientError):
    """`passing` when the same call may be answered later."""

    def __init__(self, message: str, *, passing: bool = True) -> None:
        super().__init__(message)
        self.passing = passing


class StrangeAnswer(ClientError):
    """Something else than an appliance, or one of another contract."""


class Refused(ClientError):
    """The request was not taken. `type` is empty when what refuses is not the appliance but a proxy, say;
    `request_id` is what the appliance's log calls the request; `retry_after` is in seconds, None when not told."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        type: str = "",  # noqa: A002  # as the contract has it
        detail: tuple[Detail, ...] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.type, self.detail = status, type, detail
        self.request_id, self.retry_after = request_id, retry_after


class RequestInvalid(Refused):
    """It cannot be parsed."""


class Unauthorized(Refused):
    """An API key is needed, and the one sent is none that is valid."""


class Forbidden(Refused):
    """The API key is not for this."""


class NotFound(Refused):
    """No such path, or no such task: its id is wrong, it has expired or was erased, or it is another key's."""


class MethodInvalid(Refused):
    """The path takes other methods."""


class RequestTimeout(Refused):
    """The upload did not arrive in time."""


class Conflict(Refused):
    """The idempotency key was used for another request: or the recording has changed between two attempts."""


class TooLarge(Refused):
    """The recording or the document is larger than the appliance takes."""


class UnsupportedMedia(Refused):
    """Another content type is needed."""


class ValidationError(Refused):
    """A parameter or a body that is not valid; `detail` says where."""


class Internal(Refused):
    """A fault of the appliance."""


class Unavailable(Refused):
    """A technology that this appliance does not have."""


class Busy(Refused):
    """What passes by itself: it was tried again for as long as the client's patience lasts."""


class RateLimited(Busy):
    """More tasks in a minute than the caller may submit."""


class Overloaded(Busy):
    """The queue is full, or the task store cannot be reached."""


class StorageFull(Busy):
    """No room for the upload."""


REFUSALS: Mapping[str, type[Refused]] = {
    "request.invalid": RequestInvalid,
    "request.unauthorized": Unauthorized,
    "request.forbidden": Forbidden,
    "resource.not-found": NotFound,
    "method.invalid": MethodInvalid,
    "request.timeout": RequestTimeout,
    "request.conflict": Conflict,
    "request.size-limit-exceeded": TooLarge,
    "request.unsupported-media": UnsupportedMedia,
    "request.validation-error": ValidationError,
    "internal": Internal,
    "technology.unavailable": Unavailable,
    "request.rate-limit-exceeded": RateLimited,
    "service.overloaded": Overloaded,
    "storage.capacity-exceeded": StorageFull,
}


class TaskEnded(ClientError):
    """The task has ended without a result."""

    def __init__(
        self,
        message: str,
        *,
        task_id: str = "",
        type: str = "",  # noqa: A002  # as the contract has it
        detail: tuple[Detail, ...] = (),
    ) -> None:
        super().__init__(message)
        self.task_id, self.type, self.detail = task_id, type, detail


class TaskRejected(TaskEnded):
    """Other input is needed."""


class TaskFailed(TaskEnded):
    """A fault while running: the same request may succeed later, as a new task."""


class TaskUnfinished(ClientError, TimeoutError):
    """The task did not end within the time that it was given."""

    def __init__(self, message: str, *, task_id: str = "") -> None:
        super().__init__(message)
        self.task_id = task_id
