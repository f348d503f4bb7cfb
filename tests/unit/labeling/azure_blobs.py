"""A small Azure Blob service: what a container's reader asks of one, and signatures.

Written after Microsoft's description of the REST API, version 2021-12-02, and held
against Azurite by running the same tests on it (decision 439).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT = "devstoreaccount1"
# Azurite's own, which stands in its documentation.
KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
    "K1SZFPTOtr/KBHBeksoGMGw=="
)
PAGE = 5000
SIGNED = (
    "Content-Encoding", "Content-Language", "Content-Length", "Content-MD5",
    "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match",
    "If-Unmodified-Since", "Range",
)  # fmt: skip
WHY = {
    "AuthenticationFailed": (403, "Server failed to authenticate the request."),
    "ContainerNotFound": (404, "The specified container does not exist."),
    "BlobNotFound": (404, "The specified blob does not exist."),
    "InvalidRange": (416, "The range specified is invalid for the current size."),
}


class _Refused(Exception):  # noqa: N818 -- an answer, not an error
    pass


class BlobService(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    containers: dict[str, dict[str, bytes]]

    def do_GET(self) -> None:
        self._answer(self._read)

    def do_HEAD(self) -> None:
        self._answer(self._read)

    def do_PUT(self) -> None:
        self._answer(self._write)

    def _answer(self, do: object) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        _, _account, container, *blob = unquote(parts.path).split("/", 3)
        try:
            self._check_signature(parts.path, query)
            do(container, "".join(blob), query)  # type: ignore[operator]
        except _Refused as refused:
            (code,) = refused.args
            status, said = WHY[code]
            body = f"<Error><Code>{code}</Code><Message>{said}\nRequestId:1</Message></Error>"
            self._send(status, body.encode(), {"x-ms-error-code": code})

    def _check_signature(self, path: str, query: dict[str, str]) -> None:
        headers = {k.lower(): v for k, v in self.headers.items()}
        plain = [headers.get(name.lower(), "") for name in SIGNED]
        plain[2] = "" if plain[2] == "0" else plain[2]
        own = sorted((k, v) for k, v in headers.items() if k.startswith("x-ms-"))
        lines = [self.command, *plain, *(f"{k}:{v}" for k, v in own)]
        asked = sorted((k.lower(), v) for k, v in query.items())
        resource = f"/{ACCOUNT}{path}" + "".join(f"\n{k}:{v}" for k, v in asked)
        text = "\n".join([*lines, resource])
        digest = hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)
        right = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        if not hmac.compare_digest(right, headers.get("authorization", "")):
            raise _Refused("AuthenticationFailed")

    def _read(self, container: str, blob: str, query: dict[str, str]) -> None:
        if container not in self.containers:
            raise _Refused("ContainerNotFound")
        if query.get("comp") == "list":
            self._send(200, self._page(self.containers[container], query))
            return
        if blob not in self.containers[container]:
            raise _Refused("BlobNotFound")
        content = self.containers[container][blob]
        headers = {"x-ms-blob-type": "BlockBlob", "ETag": '"0x1"'}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("x-ms-range", ""))
        if wanted is None:
            self._send(200, content, headers)
            return
        first = int(wanted[1])
        if first >= len(content):
            raise _Refused("InvalidRange")
        part = content[first : int(wanted[2] or len(content)) + 1]
        last = first + len(part) - 1
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._send(206, part, headers)

    def _page(self, blobs: dict[str, bytes], query: dict[str, str]) -> bytes:
        start, prefix = query.get("marker", ""), query.get("prefix", "")
        names = [n for n in sorted(blobs) if n >= start and n.startswith(prefix)]
        page, left = names[:PAGE], names[PAGE:]
        rows = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><Content-Length>"
            f"{len(blobs[name])}</Content-Length><BlobType>BlockBlob</BlobType>"
            "</Properties></Blob>"
            for name in page
        )
        marker = escape(left[0]) if left else ""
        return (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>'
            f"{rows}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        ).encode()

    def _write(self, container: str, blob: str, query: dict[str, str]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if query.get("restype") == "container":
            self.containers.setdefault(container, {})
        else:
            self.containers[container][blob] = body
        self._send(201, b"", {"ETag": '"0x1"'})

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        is_xml = body.startswith((b"<?xml", b"<Error>"))
        self.send_header("Content-Type", "application/xml" if is_xml else "image/any")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def serving(containers: dict[str, dict[str, bytes]]) -> Iterator[str]:
    """The address of a service that has these containers."""
    handler = type("Service", (BlobService,), {"containers": containers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
