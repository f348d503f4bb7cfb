"""A receiver of OpenTelemetry's spans, over HTTP as collectors speak it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

Span = dict[str, Any]


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Give its address, and the list that spans come to."""
    spans: list[Span] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            spans.extend(_read(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()


def _read(body: bytes) -> Iterator[Span]:
    for part in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _strings(part.resource.attributes)
        for scope in part.scope_spans:
            for span in scope.spans:
                yield {
                    **_strings(span.attributes),
                    "service": resource["service.name"],
                    "trace": span.trace_id,
                    "name": span.name,
                }


def _strings(attributes: Any) -> dict[str, str]:
    rows: list[KeyValue] = list(attributes)
    return {row.key: row.value.string_value for row in rows}
