"""Traces of tasks, at a receiver that speaks OTLP."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc
from phonexia.grpc.technologies.speaker_identification.v1.speaker_identification_pb2 import ExtractRequest

from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.patience import PATIENCE, until

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NAME = "speaker-identification-voiceprint-extraction"
SECRET = "a-callers-own-words"  # noqa: S105  # of this test


class Receiver(ThreadingHTTPServer):
    """Keeps every span that it is sent, with the process that sent it."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, trace: str) -> dict[str, tuple[str, Any]]:
        """The spans of a trace by their names."""
        return {span.name: (process, span) for process, span in self.spans if span.trace_id.hex() == trace}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            self.send_error(415)
            return
        assert self.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans += [(named["service.instance.id"], span) for span in scope.spans]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}


def test_one_trace_for_each_task(start_appliance: Callable[..., Appliance]) -> None:
    """From the caller's own span by HTTP or gRPC through the queue to the worker; a caller that names no trace begins
    one. Nothing that a caller sends is in it."""
    media = (RECORDINGS / "demo.flac").read_bytes()
    with receiving() as receiver:
        appliance = start_appliance(otel_endpoint=receiver.url, grpc_port=0)
        with appliance.client() as client:
            headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": SECRET, "Idempotency-Key": SECRET}
            location = client.post(EXTRACTION, files={"file": (SECRET, media)}, headers=headers).headers["Location"]
            ended(client, location)
            ended(client, client.post(CONVERSION, json={"voiceprints": ["WkFQ"]}).headers["Location"])
            assert client.post(CONVERSION, json={SECRET: SECRET}).status_code == 422
        called = TRACE[::-1]
        with grpc.insecure_channel(appliance.grpc) as channel:
            stub = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
            metadata = (("traceparent", f"00-{called}-{SPAN}-01"),)
            stub.Extract(iter([ExtractRequest(audio=Audio(content=media))]), timeout=PATIENCE, metadata=metadata)
        for trace, face in ((TRACE, "http"), (called, "grpc")):
            until(lambda trace=trace: len(receiver.of(trace)) == 3, lambda: receiver.spans)
            found = receiver.of(trace)
            (face_of, submit), (worker, queue), (_, work) = (found[name] for name in (f"submit {NAME}", "queue", NAME))
            assert (face_of, worker.partition(" ")[0]) == (face, "worker")
            assert submit.parent_span_id.hex() == SPAN
            assert queue.parent_span_id == work.parent_span_id == submit.span_id
            assert queue.end_time_unix_nano == work.start_time_unix_nano < work.end_time_unix_nano
            told = attributes(work)
            assert told["voiceprint.outcome"] == "done"
            assert told["voiceprint.task.id"] == attributes(submit)["voiceprint.task.id"]
            assert told["voiceprint.stage.network"] > 0
        until(lambda: len(receiver.spans) == 10, lambda: receiver.spans)
        refused = [span for _, span in receiver.spans if attributes(span).get("error.type")]
        assert [attributes(span)["error.type"] for span in refused] == ["request.validation-error"]
        others = {span.trace_id.hex() for _, span in receiver.spans} - {TRACE, called}
        assert len(others) == 2
        assert SECRET not in str(receiver.spans)


def test_a_receiver_that_is_away_harms_nothing(start_appliance: Callable[..., Appliance]) -> None:
    """Tasks are done all the same."""
    appliance = start_appliance(otel_endpoint="http://127.0.0.1:9")
    with appliance.client() as client:
        location = client.post(CONVERSION, json={"voiceprints": ["WkFQ"]}).headers["Location"]
        assert ended(client, location)["task"]["state"] == "rejected"  # type: ignore[index]


def test_what_is_no_address_is_refused(start_appliance: Callable[..., Appliance]) -> None:
    """Before anything starts."""
    with pytest.raises(ValueError, match="http"):
        start_appliance(otel_endpoint="collector:4318")
