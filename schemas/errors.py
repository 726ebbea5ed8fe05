"""Every refusal of the appliance, in one tree.

A *request* refusal answers an HTTP call with its status. A *task* refusal ends a task that was accepted: the poll is a
200 that says `rejected` (other input is needed) or `failed` (the same request may succeed later).

    ApplianceError
    ├── ConfigurationError                                   start-up and command line: names the cause and the cure
    └── Refusal                 type                              HTTP  gRPC
        ├── Internal            internal                          500   INTERNAL
        ├── NotFound            resource.not-found                404   NOT_FOUND
        ├── MethodInvalid       method.invalid                    405   UNIMPLEMENTED
        ├── Forbidden           request.forbidden                 403   PERMISSION_DENIED
        ├── Unauthorized        request.unauthorized              401   UNAUTHENTICATED
        ├── RequestInvalid      request.invalid                   400   INVALID_ARGUMENT
        ├── RequestTimeout      request.timeout                   408   DEADLINE_EXCEEDED
        ├── Conflict            request.conflict                  409   ALREADY_EXISTS
        ├── TooLarge            request.size-limit-exceeded       413   RESOURCE_EXHAUSTED
        ├── UnsupportedMedia    request.unsupported-media         415   INVALID_ARGUMENT
        ├── ValidationError     request.validation-error          422   INVALID_ARGUMENT
        ├── RateLimited         request.rate-limit-exceeded       429   RESOURCE_EXHAUSTED
        ├── Unavailable         technology.unavailable            501   UNIMPLEMENTED
        ├── Overloaded          service.overloaded                503   UNAVAILABLE
        ├── StorageFull         storage.capacity-exceeded         507   RESOURCE_EXHAUSTED
        └── TaskRefusal
            ├── TaskInternalError    internal                     500   INTERNAL            the task ends `failed`
            └── TaskValidationError  task.validation-error        422   INVALID_ARGUMENT    the task ends `rejected`
                ├── MediaError
                │   ├── MediaUnknown          not a recording of a known kind, or its decoder is not installed
                │   ├── MediaDamaged          cannot be decoded, is truncated, or its header lies
                │   ├── MediaOutOfRange       length, sample rate or number of channels outside the limits
                │   ├── MediaNotFinite        samples that are NaN or infinite
                │   └── ChannelMissing        a channel was asked for that the recording does not have
                ├── ModelError
                │   ├── ModelNotServed        a model was asked for that no worker has open
                │   ├── ModelUncalibrated     scores were asked for, and nothing says what they mean
                │   ├── ProfileUnknown        an audio source profile was asked for that is not there
                │   ├── ProfileDamaged        an audio source profile cannot be read, or is of another dimension
                │   └── HeadMissing           nothing is installed that tells this from the model's embeddings
                └── VoiceprintError
                    ├── VoiceprintWrongMagic        not a voiceprint of this appliance
                    ├── VoiceprintTruncated         shorter than its frame says
                    ├── VoiceprintWrongLength       longer than its frame says
                    ├── VoiceprintDamaged           its check does not match its content
                    ├── VoiceprintUnknownVersion    made by a newer appliance
                    ├── VoiceprintKeyUnknown        signed with a key that is not here
                    ├── VoiceprintNotSigned         not signed where only signed ones are taken
                    ├── VoiceprintNotFinite         NaN or infinity among its numbers
                    ├── VoiceprintSpaceMismatch     of another embedding space than what it is to meet
                    ├── VoiceprintNoSpeech          made of a recording without speech, where a vector is needed
                    ├── VoiceprintModelUnknown      nothing says which model made it
                    └── VoiceprintMalformed         a field is missing or of the wrong type or range

The body of every refusal has one shape: `{"type", "message", "detail": [{"location", "message", "type", "context"}]}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from schemas.printable import printable


class ApplianceError(Exception):
    """Root of the tree; `message` is written for the person who reads it, and may repeat what came from outside."""

    def __init__(self, message: str) -> None:
        self.message = printable(message)
        super().__init__(self.message)


class ConfigurationError(ApplianceError):
    """Something about the installation or its settings must be changed before work can start."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One fault: where it is (`location`, outermost first), what it is, its type and its figures."""

    location: tuple[str | int, ...]
    message: str
    type: str
    context: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        location = tuple(printable(part) if isinstance(part, str) else part for part in self.location)
        context = {name: printable(one) if isinstance(one, str) else one for name, one in self.context.items()}
        for name, told in (("location", location), ("message", printable(self.message)), ("context", context)):
            object.__setattr__(self, name, told)

    def body(self) -> dict[str, object]:
        return {
            "location": list(self.location),
            "message": self.message,
            "type": self.type,
            "context": dict(self.context),
        }


class Refusal(ApplianceError):
    """A request or a task that is answered with an error instead of a result.

    `headers` go onto the HTTP answer (`Retry-After`, `Allow`). `kind` is the type of a detail made from this refusal.
    """

    type: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"
    kind: ClassVar[str] = "internal"
    # Of every refusal of its type, whoever raises it.
    always: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, message: str, detail: Sequence[Detail] = (), *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.detail = tuple(detail)
        self.headers = {**self.always, **(headers or {})}

    def body(self) -> dict[str, object]:
        """The pinned error body, for HTTP answers and for the `error` of a task."""
        return {"type": self.type, "message": self.message, "detail": [d.body() for d in self.detail]}

    def at(self, *location: str | int) -> Detail:
        """This refusal as one detail of a larger one, found at `location`."""
        return Detail(location, self.message, self.kind)


class Internal(Refusal):
    """Our fault; the message never carries a stack trace."""


class NotFound(Refusal):
    type, http_status, grpc_status = "resource.not-found", 404, "NOT_FOUND"


class MethodInvalid(Refusal):
    type, http_status, grpc_status = "method.invalid", 405, "UNIMPLEMENTED"


class Forbidden(Refusal):
    type, http_status, grpc_status = "request.forbidden", 403, "PERMISSION_DENIED"


class Unauthorized(Refusal):
    type, http_status, grpc_status = "request.unauthorized", 401, "UNAUTHENTICATED"


class RequestInvalid(Refusal):
    type, http_status, grpc_status = "request.invalid", 400, "INVALID_ARGUMENT"


class RequestTimeout(Refusal):
    type, http_status, grpc_status = "request.timeout", 408, "DEADLINE_EXCEEDED"


class Conflict(Refusal):
    type, http_status, grpc_status = "request.conflict", 409, "ALREADY_EXISTS"


class TooLarge(Refusal):
    type, http_status, grpc_status = "request.size-limit-exceeded", 413, "RESOURCE_EXHAUSTED"


class UnsupportedMedia(Refusal):
    type, http_status, grpc_status = "request.unsupported-media", 415, "INVALID_ARGUMENT"


class ValidationError(Refusal):
    type, http_status, grpc_status = "request.validation-error", 422, "INVALID_ARGUMENT"


class RateLimited(Refusal):
    type, http_status, grpc_status = "request.rate-limit-exceeded", 429, "RESOURCE_EXHAUSTED"


class Unavailable(Refusal):
    type, http_status, grpc_status = "technology.unavailable", 501, "UNIMPLEMENTED"


class Overloaded(Refusal):
    type, http_status, grpc_status = "service.overloaded", 503, "UNAVAILABLE"


class StorageFull(Refusal):
    type, http_status, grpc_status = "storage.capacity-exceeded", 507, "RESOURCE_EXHAUSTED"
    # It empties by itself as tasks end and results expire.
    always: ClassVar[Mapping[str, str]] = {"Retry-After": "10"}


class TaskRefusal(Refusal):
    """Ends a task; `retryable` tells `failed` (True) from `rejected` (False)."""

    retryable: ClassVar[bool]


class TaskInternalError(TaskRefusal):
    retryable = True


class TaskValidationError(TaskRefusal):
    type, http_status, grpc_status = "task.validation-error", 422, "INVALID_ARGUMENT"
    kind = "input"
    retryable = False


class MediaError(TaskValidationError):
    kind = "media"


class MediaUnknown(MediaError):
    kind = "media.unknown"


class MediaDamaged(MediaError):
    kind = "media.damaged"


class MediaOutOfRange(MediaError):
    kind = "media.out-of-range"


class MediaNotFinite(MediaError):
    kind = "media.not-finite"


class ChannelMissing(MediaError):
    kind = "media.channel-missing"


class ModelError(TaskValidationError):
    kind = "model"


class ModelNotServed(ModelError):
    kind = "model.not-served"


class ModelUncalibrated(ModelError):
    kind = "model.uncalibrated"


class ProfileUnknown(ModelError):
    kind = "model.profile-unknown"


class ProfileDamaged(ModelError):
    kind = "model.profile-damaged"


class HeadMissing(ModelError):
    kind = "model.head-missing"


class VoiceprintError(TaskValidationError):
    kind = "voiceprint"


class VoiceprintWrongMagic(VoiceprintError):
    kind = "voiceprint.wrong-magic"


class VoiceprintTruncated(VoiceprintError):
    kind = "voiceprint.truncated"


class VoiceprintWrongLength(VoiceprintError):
    kind = "voiceprint.wrong-length"


class VoiceprintDamaged(VoiceprintError):
    kind = "voiceprint.damaged"


class VoiceprintUnknownVersion(VoiceprintError):
    kind = "voiceprint.unknown-version"


class VoiceprintKeyUnknown(VoiceprintError):
    kind = "voiceprint.key-unknown"


class VoiceprintNotSigned(VoiceprintError):
    kind = "voiceprint.not-signed"


class VoiceprintNotFinite(VoiceprintError):
    kind = "voiceprint.not-finite"


class VoiceprintSpaceMismatch(VoiceprintError):
    kind = "voiceprint.space-mismatch"


class VoiceprintNoSpeech(VoiceprintError):
    kind = "voiceprint.no-speech"


class VoiceprintModelUnknown(VoiceprintError):
    kind = "voiceprint.model-unknown"


class VoiceprintMalformed(VoiceprintError):
    kind = "voiceprint.malformed"
