"""Taking a task in: admit its upload, store it, check it, submit it. The same for every face of the appliance."""

import asyncio
import hashlib
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from appliance import audited, documents
from appliance.access.visitor import Visitor
from appliance.capacity import Capacity
from appliance.room import Share
from appliance.settings import PREFIX, Settings
from appliance.webhooks.admission import NotAdmitted, admitted
from schemas.correlation import note
from schemas.errors import Forbidden, Overloaded, Refusal, TooLarge, Unavailable
from schemas.task import TaskState
from schemas.technologies import Document, Parameters, Technology
from tasks.audit import Audit
from tasks.connection import Unreachable
from tasks.endings import Endings
from tasks.files import FileStore
from tasks.metrics.declared import SUBMITTED
from tasks.metrics.tally import Tally
from tasks.networks import network
from tasks.rates import Rate, Rates
from tasks.record import Callback, RecordDamaged, TaskRecord, now_ms
from tasks.store import TaskStore
from tasks.tracing import Tracing, trace_id
from tasks.uploads import Upload
from tasks.workforce import Workforce

# What JSON bodies make in memory when they are checked is hundreds of megabytes at worst: not many at a time.
_DOCUMENTS_AT_A_TIME = 2
# What a request may be longer than its file: multipart framing, a config, a stray part.
FRAMING_BYTES = 1 << 20


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
        endings: Endings,
        tally: Tally,
        tracing: Tracing,
    ) -> None:
        self._settings = settings
        self._tracing = tracing
        self._tally = tally
        self._audit = audit
        self._endings = endings
        self._store = store
        self._files = files
        self._capacity = Capacity(settings, workforce, files)
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
        with (
            self._tracing.submission(technology.name, task_id, caller.traceparent) as traceparent,
            ExitStack() as submitted,
        ):
            limit = self._limit(technology, declared, caller)
            idempotency = _digest(caller)
            # What is sent once more makes no task: it needs no place in the queue, and counts for no rate. Whether its
            # task is still there when the upload has come, only the submission tells.
            again = bool(idempotency) and await self._store.remembers(idempotency)
            await self._capacity.admit(technology, waits=not again)
            share = submitted.enter_context(self._capacity.room.share(max(0, (declared or 0) - FRAMING_BYTES)))
            try:
                rate = await self._rate(caller, counted=not again)
                body = documents.Incoming() if technology.document else None
                async with self._files.upload(task_id, until=submitted, form=body) as upload:
                    arrival = Arrival(task_id, upload, limit, share)
                    arrival.rate = rate
                    yield arrival
                url, place = await self._check(technology.document, arrival, body)
                location = f"{caller.base_url}/api/technology/{technology.name}/{task_id}"
                record = TaskRecord(
                    task_id=task_id,
                    technology=technology.name,
                    created_ms=now_ms(),
                    parameters=arrival.parameters.model_dump(
                        mode="json", exclude_defaults=True, exclude={"callback_url"}
                    ),
                    input_bytes=upload.size,
                    input_sha256=upload.sha256,
                    callback=None if url is None else Callback(url, (), location),
                    idempotency=idempotency,
                    owner=caller.visitor.scope,
                    awaited=caller.waits,
                    traceparent=traceparent,
                )
                caller.visitor.require_still()
                await self._made(arrival, record, place, caller, again=again)
            except (Unreachable, asyncio.CancelledError):
                # The task may exist all the same, so its file must; if not, the sweep removes it.
                raise
            except BaseException:
                self._files.erase_input(task_id)
                raise

    def _limit(self, technology: Technology, declared: int | None, caller: Caller) -> int:
        """How many bytes its file may have. Raises as `arrival` does, for what is clear from the head alone."""
        _require_allowed(technology, caller.visitor)
        self._audit.require()
        if technology.missing is not None:
            raise Unavailable(technology.missing)
        limit = int(self._settings.single_file_upload_size)
        if technology.streams:
            limit = int(self._settings.bulk_upload_size or sys.maxsize)
        if declared is not None and declared > limit + FRAMING_BYTES:
            raise TooLarge(f"the request of {declared} bytes is larger than the limit of {limit} bytes")
        return limit

    async def _made(self, arrival: Arrival, record: TaskRecord, place: str, caller: Caller, *, again: bool) -> None:
        """Submits the task, unless the same request has made one before; `arrival` tells which stands for it."""
        made_before = again or (record.idempotency and record.callback)
        earlier = await self._earlier(record) if made_before else None
        if earlier is None and again:
            arrival.rate = await self._rate(caller, counted=True)
        arrival.task_id = earlier or await self._submitted(record, place, caller.visitor)
        arrival.replayed = arrival.task_id != record.task_id
        note(task_id=arrival.task_id, trace_id=trace_id(record.traceparent))
        if not arrival.replayed:
            self._tally.count(SUBMITTED, record.technology)
            return
        # What is sent again counts for no rate: so it must not fill the audit log either.
        await self._audit.agreed(audited.submitted(caller.visitor, record, arrival.task_id), repeated=True)
        self._files.erase_input(record.task_id)
        arrival.state = await self._state(arrival.task_id)

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
        if self._audit.keeps:
            await self._audit.agreed(audited.submitted(visitor, record, record.task_id))
        settings = self._settings
        try:
            made = await self._endings.submit(
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


def _digest(caller: Caller) -> bytes:
    if not caller.idempotency_key:
        return b""
    return hashlib.blake2b(caller.visitor.scope + b"\0" + caller.idempotency_key.encode(), digest_size=16).digest()
