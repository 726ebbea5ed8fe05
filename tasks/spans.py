"""Spans of OpenTelemetry: the only file that knows it. One trace for each task, whatever processes it comes to.

    submit <technology>    in the HTTP or gRPC process, from its admission to its record; a child of the caller's span
      queue                from there to the claim
      <technology>         an attempt, in a worker, with the seconds of each of its stages as attributes

Attributes are ids of tasks, names and figures of ours; nothing that a caller sends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from onnx_models.stages import Stopwatch
from schemas.errors import Refusal
from tasks.record import TaskRecord
from tasks.tracing import Tracing

_NAME = "voiceprint"
_HEADER = "traceparent"
_PATH = "/v1/traces"
# A receiver that does not answer must not keep a process from ending.
_PATIENCE_SECONDS = 1.0


class Spans(Tracing):
    """Sends them in the background, some seconds after their end. While nobody takes them they are lost, and the log
    says so."""

    def __init__(self, endpoint: str, process: str) -> None:
        resource = Resource.create(
            {"service.name": _NAME, "service.version": version("voiceprint-appliance"), "service.instance.id": process}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint + _PATH, timeout=_PATIENCE_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_NAME)
        self._header = TraceContextTextMapPropagator()

    @contextmanager
    def submission(self, technology: str, task_id: str, given: str) -> Iterator[str]:
        span = self._tracer.start_span(
            f"submit {technology}",
            self._parent(given),
            kind=SpanKind.SERVER,
            attributes={"voiceprint.task.id": task_id, "voiceprint.technology": technology},
        )
        carrier: dict[str, str] = {}
        self._header.inject(carrier, set_span_in_context(span))
        try:
            yield carrier.get(_HEADER, "")
        except BaseException as error:
            # Its words may repeat what a caller has sent.
            kind = error.type if isinstance(error, Refusal) else type(error).__name__
            span.set_attribute("error.type", kind)
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            span.end()

    def attempted(self, record: TaskRecord, began_ns: int, watch: Stopwatch, outcome: str) -> None:
        parent = self._parent(record.traceparent)
        if record.attempt == 1:
            created = min(record.created_ms * 1_000_000, began_ns)
            self._tracer.start_span("queue", parent, kind=SpanKind.INTERNAL, start_time=created).end(began_ns)
        span = self._tracer.start_span(
            record.technology,
            parent,
            kind=SpanKind.CONSUMER,
            start_time=began_ns,
            attributes={
                "voiceprint.task.id": record.task_id,
                "voiceprint.technology": record.technology,
                "voiceprint.attempt": record.attempt,
                "voiceprint.outcome": outcome,
                "voiceprint.input.bytes": record.input_bytes,
                "voiceprint.audio.seconds": watch.heard,
                **{f"voiceprint.stage.{stage.replace(' ', '_')}": part for stage, part in watch.seconds.items()},
            },
        )
        if outcome == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end(began_ns + int(1e9 * sum(watch.seconds.values())))

    def close(self) -> None:
        self._provider.force_flush(int(1000 * _PATIENCE_SECONDS))
        self._provider.shutdown()

    def _parent(self, given: str) -> Context:
        return self._header.extract({_HEADER: given} if given else {}, Context())
