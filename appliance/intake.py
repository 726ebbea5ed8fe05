"""Taking a task in: admit its upload, store it, check it, submit it. The same for every face of the appliance."""

import asyncio
import hashlib
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from appliance import audited, documents
from appliance.access.visitor import Visitor
from appliance.room import Room, Share
from appliance.settings import PREFIX, Settings
from appliance.webhooks.admission import NotAdmitted, admitted
from schemas.correlation import note
from schemas.errors import Forbidden, Overloaded, Refusal, TooLarge, Unavailable
from schemas.task import TaskState
from schemas.technologies import Document, Parameters, Technology
from tasks.audit import Audit
from tasks.connection import Unreachable
from tasks.files import FileStore
from tasks.metrics.declared import SUBMITTED
from tasks.metrics.tally import Tally
from tasks.networks import network
from tasks.rates import Rate, Rates
from tasks.record import Callback, RecordDamaged, TaskRecord, now_ms
from tasks.store import TaskStore
from tasks.tracing import Tracing, trace_id
from tasks.uploads import Upload
from tasks.workforce import Capabilities, Depth, Workforce

# What JSON bodies make in memory when they are checked is hundreds of megabytes at worst: not many at a time.
_DOCUMENTS_AT_A_TIME = 2
# What a request may be longer than its file: multipart framing, a config, a stray part.
FRAMING_BYTES = 1 << 20
# How long a look at what waits holds for those who come after, as long as so many fit who might come meanwhile.
_MOMENT_SECONDS, _COME_AT_ONCE = 0.1, 500


@dataclass(frozen=True, slots=True)
class Caller:
    """Who submits a task. The `visitor` owns it, and is told apart by its API key, without one by its address;
    `idempotency_key` is what this caller calls the request, empty when it calls it nothing; `base_url` is where it
    finds the appliance. One that `waits` asks for the result in the same breath, and erases the task itself.
    `traceparent` is the trace in which it asks, empty for none.
    """

    visitor: Visitor
    idempotency_key: str = ""
    base_url: str = ""
    waits: bool = False
    traceparent: str = ""


class Arrival:
    """A task on its way in. `parameters` may be set until its context ends, and `place`, where the caller has given its
    `callback_url`: the query or the config.

    After that, `task_id` is the id of the accepted task and `state` its state. It is an earlier one when `replayed` is
    set: the same caller has made the same request with the same idempotency key before. `rate` is how it stands with
    the caller's rate, None without a limit.
    """

    def __init__(self, task_id: str, upload: Upload, limit: int, share: Share) -> None:
        self.task_id = task_id
        self.state = TaskState.PENDING
        self.replayed = False
        self.rate: Rate | None = None
        self.parameters = Parameters()
        self.place = "query"
        self._upload = upload
        self._limit = limit
        self._share = share

    @property
    def sha256(self) -> bytes:
        """Of its file, once all of it has come."""
        return self._upload.sha256

    async def write(self, chunk: bytes) -> None:
        """More of its file. Raises TooLarge or StorageFull."""
        size = self._upload.size + len(chunk)
        if size > self._limit:
            raise TooLarge(f"the file is larger than the limit of {self._limit} bytes")
        self._share.cover(size)
        await self._upload.write(chunk)


class Intake:
    """The use case of submitting, over the task store and the file store."""

    def __init__(
        self,
        settings: Settings,
        store: TaskStore,
        workforce: Workforce,
        files: FileStore,
        audit: Audit,
        *,
        tally: Tally,
        tracing: Tracing,
    ) -> None:
        self._settings = settings
        self._tracing = tracing
        self._tally = tally
        self._audit = audit
        self._store = store
        self._workforce = workforce
        self._files = files
        self._room = Room()
        # How it stood when it was last looked, and until when that is good enough.
        self._seen: Depth | None = None
        self._look_again = 0.0
        self._rates = Rates(store.redis)
        self._checking = asyncio.Semaphore(_DOCUMENTS_AT_A_TIME)

    @asynccontextmanager
    async def arrival(self, technology: Technology, declared: int | None, caller: Caller) -> AsyncIterator[Arrival]:
        """A new task of `technology`, to be filled in the context; when that ends without an exception it is submitted.

        `declared` is the length of the request in bytes, when known. Raises Forbidden for a technology that is not
        among those of the caller's key, TooLarge, StorageFull, Overloaded or RateLimited before a byte is read when it
        is clear that the task cannot be taken, Unavailable when the technology or the head that it needs is not there;
        RequestInvalid or ValidationError for a document that is not what the technology takes or a callback that may
        not be called, Conflict for an idempotency key that was used for another request, Unauthorized for an API key
        that opens nothing any more when the request has come to its end. Whatever is raised, nothing stays stored, but
        for Unreachable: then the task may exist all the same.
        """
        task_id = str(uuid.uuid4())
        with self._tracing.submission(technology.name, task_id, caller.traceparent) as traceparent:
            async with self._arriving(technology, declared, replace(caller, traceparent=traceparent), task_id) as found:
                yield found

    @asynccontextmanager
    async def _arriving(
        self, technology: Technology, declared: int | None, caller: Caller, task_id: str
    ) -> AsyncIterator[Arrival]:
        _require_allowed(technology, caller.visitor)
        self._audit.require()
        if technology.missing is not None:
            raise Unavailable(technology.missing)
        settings, expected = self._settings, declared or 0
        limit = int(settings.single_file_upload_size)
        if technology.streams:
            limit = int(settings.bulk_upload_size or sys.maxsize)
        if expected > limit + FRAMING_BYTES:
            raise TooLarge(f"the request of {expected} bytes is larger than the limit of {limit} bytes")
        idempotency = _digest(caller)
        # What is sent once more makes no task: it needs no place in the queue, and counts for no rate. Whether its task
        # is still there when the upload has come, only the submission tells.
        again = bool(idempotency) and await self._store.remembers(idempotency)
        await self._admit(technology, waits=not again)
        with self._room.share(max(0, expected - FRAMING_BYTES)) as share, ExitStack() as submitted:
            try:
                rate = await self._rate(caller, counted=not again)
                body = documents.Incoming() if technology.document else None
                async with self._files.upload(task_id, until=submitted, form=body) as upload:
                    arrival = Arrival(task_id, upload, limit, share)
                    arrival.rate = rate
                    yield arrival
                url, place = await self._check(technology.document, arrival, body)
                record = TaskRecord(
                    task_id=task_id,
                    technology=technology.name,
                    created_ms=now_ms(),
                    parameters=arrival.parameters.model_dump(
                        mode="json", exclude_defaults=True, exclude={"callback_url"}
                    ),
                    input_bytes=upload.size,
                    input_sha256=upload.sha256,
                    callback=None
                    if url is None
                    else Callback(url, (), f"{caller.base_url}/api/technology/{technology.name}/{task_id}"),
                    idempotency=idempotency,
                    owner=caller.visitor.scope,
                    awaited=caller.waits,
                    traceparent=caller.traceparent,
                )
                caller.visitor.require_still()
                earlier = await self._earlier(record) if again or (idempotency and record.callback) else None
                if earlier is None and again:
                    arrival.rate = await self._rate(caller, counted=True)
                arrival.task_id = earlier or await self._submitted(record, place, caller.visitor)
                arrival.replayed = arrival.task_id != task_id
                note(task_id=arrival.task_id, trace_id=trace_id(caller.traceparent))
                if not arrival.replayed:
                    self._tally.count(SUBMITTED, technology.name)
                else:
                    # What is sent again counts for no rate: so it must not fill the audit log either.
                    told = audited.submitted(caller.visitor, record, arrival.task_id)
                    await self._audit.agreed(told, repeated=True)
                    self._files.erase_input(task_id)
                    arrival.state = await self._state(arrival.task_id)
            except (Unreachable, asyncio.CancelledError):
                # The task may exist all the same, so its file must; if not, the sweep removes it.
                raise
            except BaseException:
                self._files.erase_input(task_id)
                raise

    async def _rate(self, caller: Caller, *, counted: bool) -> Rate | None:
        """How it stands with the caller's rate, of which a task that is `counted` takes one. Raises RateLimited."""
        visitor = caller.visitor
        limit = visitor.rate_limit or self._settings.rate_limit
        if limit is None:
            return None
        named = hashlib.blake2b(visitor.scope or network(visitor.address), digest_size=16).digest()
        return await (self._rates.take(named, limit) if counted else self._rates.look(named, limit))

    async def _state(self, task_id: str) -> TaskState:
        try:
            record = await self._store.fetch(task_id)
        except RecordDamaged:
            return TaskState.FAILED
        # One that was erased in this moment is told by its poll.
        return TaskState.PENDING if record is None else record.state

    async def _admit(self, technology: Technology, *, waits: bool) -> None:
        """Raises Unavailable for a technology whose head no worker has, Overloaded for a task that `waits` when no more
        may."""
        depth, most = await self._look(), self._settings.max_queue_length
        if technology.head and depth.workers:
            _require_head(technology.name, technology.head, depth.workers.values())
        if waits and depth.waiting + depth.running >= most:
            raise Overloaded(f"the queue is full: {most} tasks wait or run already", headers={"Retry-After": "10"})

    async def _look(self) -> Depth:
        """How it stands, and the room for uploads as it is now: the bytes that fit beside those of open tasks.

        Far from what would refuse a task, a look of a moment ago is enough: what has come since has taken its room, and
        is counted exactly when it is submitted.
        """
        settings, room, now = self._settings, self._room, time.monotonic()
        storage = int(settings.input_storage_size)
        if self._seen and now < self._look_again and 2 * (room.capacity - room.taken) > storage:
            return self._seen
        depth, free = await self._workforce.depth(), self._files.free_space()
        room.capacity, room.reason = min(
            (
                storage - depth.input_bytes,
                f"waiting tasks have {depth.input_bytes} of {storage} bytes of input storage",
            ),
            (free - int(settings.minimum_free_space), f"the disk has {free} bytes left, most of them kept in reserve"),
        )
        far = depth.workers and 2 * (depth.waiting + depth.running) + _COME_AT_ONCE < settings.max_queue_length
        self._seen, self._look_again = depth, now + _MOMENT_SECONDS if far else now
        return depth

    async def _check(
        self, document: type[Document] | None, arrival: Arrival, body: documents.Incoming | None
    ) -> tuple[str | None, str]:
        """Checks the document, if there is one. Returns the callback address, and where it was given."""
        parameters = arrival.parameters
        if document is None or body is None:
            return parameters.callback_url, arrival.place
        # What a document says may depend on the parameters, and on the models that are served.
        context = {"parameters": parameters, "models": self._settings.served_models}
        async with self._checking:
            checked = await asyncio.to_thread(self._validate, arrival, document, body, context)
        return (checked.callback_url, "body") if parameters.callback_url is None else (parameters.callback_url, "query")

    def _validate(
        self, arrival: Arrival, document: type[Document], body: documents.Incoming, context: dict[str, Any]
    ) -> Document:
        outline = body.outline
        if not outline.kept:
            with self._files.open_input(arrival.task_id, arrival.sha256) as opened:
                outline = documents.outlined(opened)
        return documents.read(outline, document, context)

    async def _earlier(self, record: TaskRecord) -> str | None:
        """The id of the task that the same request has made before, None where there is none any more. It has its
        callback's addresses, whatever the name leads to by now. Raises Conflict."""
        try:
            # No other fits in a queue of 0.
            return await self._store.submit(record, max_open=0, max_input_bytes=int(self._settings.input_storage_size))
        except Unreachable:
            raise
        except Overloaded:
            return None

    async def _submitted(self, record: TaskRecord, place: str, visitor: Visitor) -> str:
        """The id of the task that stands for `record`, whose callback was given at `place`.

        The audit log is told first: there is never a task that it does not know of.
        """
        if record.callback is not None:
            try:
                record = replace(record, callback=await self._admitted(record.callback))
            except NotAdmitted as error:
                raise error.refusal(place) from error
        await self._audit.agreed(audited.submitted(visitor, record, record.task_id))
        settings = self._settings
        try:
            made = await self._store.submit(
                record, max_open=settings.max_queue_length, max_input_bytes=int(settings.input_storage_size)
            )
        except Unreachable:
            raise  # it may exist all the same
        except Refusal as refusal:
            self._audit.note(audited.withdrawn(visitor, record, refusal.type))
            raise
        if made != record.task_id:
            self._audit.note(audited.withdrawn(visitor, record, "replayed"))
        return made

    async def _admitted(self, callback: Callback) -> Callback:
        """With the addresses that may be called. Raises NotAdmitted and Overloaded."""
        if self._settings.webhook_secret is None:
            raise NotAdmitted(f"nobody is called here unless {PREFIX}WEBHOOK_SECRET is set, which signs the calls")
        return replace(callback, addresses=await admitted(callback.url, self._settings.webhook_networks))


def _require_allowed(technology: Technology, visitor: Visitor) -> None:
    if visitor.technologies is not None and technology.name not in visitor.technologies:
        raise Forbidden(
            f"this API key may not submit {technology.name}: it is for {', '.join(visitor.technologies) or 'nothing'}"
        )


def _require_head(technology: str, head: str, workers: Iterable[Capabilities]) -> None:
    if not any(head in worker.heads for worker in workers):
        raise Unavailable(
            f"{technology} needs a head that tells {head} from a model's embeddings, and none is installed: "
            "install one with `voiceprint heads add` and restart the workers"
        )


def _digest(caller: Caller) -> bytes:
    if not caller.idempotency_key:
        return b""
    return hashlib.blake2b(caller.visitor.scope + b"\0" + caller.idempotency_key.encode(), digest_size=16).digest()
