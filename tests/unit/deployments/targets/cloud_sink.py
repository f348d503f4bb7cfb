"""Google's and Azure's endpoints on loopback: they keep what they are sent."""

import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    method: str
    path: str
    body: Any


class CloudSink(ThreadingHTTPServer):
    """Requests in order, and the resources that they leave, by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent: list[Sent] = []
        self.stands: dict[str, dict[str, Any]] = {}
        self.refuse: dict[str, tuple[int, dict[str, Any]]] = {}
        self.tokens: set[str] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def changes(self) -> list[dict[str, Any]]:
        """What was sent to change something, as a golden file keeps it."""
        return [
            {"method": each.method, "path": each.path, "body": each.body}
            for each in self.sent
            if each.method != "GET"
        ]


class _Handler(BaseHTTPRequestHandler):
    server: CloudSink
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, content: Any) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _do(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        path, params = address.path, parse_qs(address.query)
        if path == "/token":
            self._answer(200, {"access_token": "from-google", "expires_in": 3600})
            return
        self.server.tokens.add(self.headers.get("Authorization", ""))
        body = json.loads(raw) if raw else None
        if path.startswith("/api/v2/services"):
            self.server.sent.append(Sent(method=self.command, path=path, body=body))
            self._eas(path, body)
            return
        self.server.sent.append(Sent(method=self.command, path=self.path, body=body))
        for part, (status, content) in self.server.refuse.items():
            if self.command in {"POST", "PUT"} and part in path:
                self._answer(status, content)
                return
        if path.startswith("/v1/"):
            self._vertex(path.removeprefix("/v1/"), params, body or {})
        else:
            self._azure(path, body)

    def _vertex(self, path: str, params: dict[str, list[str]], body: Any) -> None:
        stands = self.server.stands
        if path in stands and self.command == "GET":
            self._answer(200, stands[path])
            return
        if self.command == "GET" and path.startswith("operations/"):
            self._answer(200, {"name": path, "done": True})
            return
        if self.command == "GET":
            self._answer(404, {"error": {"message": "not found", "code": 404}})
            return
        if path.endswith("/models:upload"):
            stands[f"{path.removesuffix(':upload')}/{body['modelId']}"] = body["model"]
        elif path.endswith("/endpoints"):
            stands[f"{path}/{params['endpointId'][0]}"] = {**body, "deployedModels": []}
        elif path.endswith(":deployModel"):
            endpoint = stands[path.removesuffix(":deployModel")]
            endpoint["deployedModels"].append(body["deployedModel"])
            split = body["trafficSplit"]
            new = body["deployedModel"]["id"]
            endpoint["trafficSplit"] = {
                new if key == "0" else key: value for key, value in split.items()
            }
        elif path.endswith(":undeployModel"):
            endpoint = stands[path.removesuffix(":undeployModel")]
            ours = body["deployedModelId"]
            endpoint["deployedModels"] = [
                each for each in endpoint["deployedModels"] if each["id"] != ours
            ]
            endpoint["trafficSplit"] = body.get("trafficSplit", {})
        elif self.command == "DELETE":
            del stands[path]
        self._answer(200, {"name": "operations/1"})

    def _azure(self, path: str, body: Any) -> None:
        stands = self.server.stands
        if self.command == "PUT":
            properties = {**body["properties"], "provisioningState": "Succeeded"}
            if re.search(r"/onlineEndpoints/[^/]+$", path):
                properties["scoringUri"] = "https://line-3.example/invocations"
            stands[path] = {**body, "properties": properties}
            self._answer(201, stands[path])
        elif path not in stands:
            said = {"code": "ResourceNotFound", "message": "not found"}
            self._answer(404, {"error": said})
        elif self.command == "DELETE":
            for each in [each for each in stands if each.startswith(path)]:
                del stands[each]
            self._answer(200, {})
        else:
            self._answer(200, stands[path])

    def _eas(self, path: str, body: Any) -> None:
        stands = self.server.stands
        for part, (status, content) in self.server.refuse.items():
            if self.command in {"POST", "PUT"} and part in path:
                self._answer(status, content)
                return
        if self.command == "POST":
            name = body["metadata"]["name"]
            path = f"{path}/eu-central-1/{name}"
        elif path not in stands:
            said = {"Code": "InvalidService.NotFound", "Message": "not found"}
            self._answer(404, said)
            return
        if self.command == "DELETE":
            del stands[path]
            self._answer(200, {})
            return
        if body is not None:
            stands[path] = {
                "Status": "Running",
                "InternetEndpoint": "http://line-3.example",
                "ServiceConfig": json.dumps(body),
            }
        self._answer(200, stands[path])

    do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 -- http.server's names

    def log_message(self, *_arguments: Any) -> None:
        pass
