"""A Kubernetes API server in memory: strict about what it is given, and no more.

It speaks enough for the official client and kubectl to create, read, patch and delete
the kinds that are made here. It schedules nothing; ``starts`` says what becomes of what
was made.
"""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jsonschema
from kubernetes import client

from tests.golden_files import FOLDER

_GROUPS = {
    "api/v1": [("services", "Service")],
    "apis/apps/v1": [("deployments", "Deployment")],
    "apis/autoscaling/v2": [("horizontalpodautoscalers", "HorizontalPodAutoscaler")],
    "apis/serving.kserve.io/v1beta1": [("inferenceservices", "InferenceService")],
}
_MODELS = {
    "Service": client.V1Service,
    "Deployment": client.V1Deployment,
    "HorizontalPodAutoscaler": client.V2HorizontalPodAutoscaler,
}
_PATH = re.compile(
    r"/(apis?/.*?v\d\w*)/namespaces/(?P<ns>[^/]+)/(?P<plural>[a-z]+)(/(?P<name>[^/]+))?"
)


def complaint(body: dict[str, Any]) -> str:
    """What a strict server says of an object; empty where it takes it."""
    kind = body.get("kind", "")
    if kind == "InferenceService":
        schema = json.loads((FOLDER / "inference_service.schema.json").read_bytes())
        try:
            jsonschema.validate(body, schema)
        except jsonschema.ValidationError as error:
            return f"{error.json_path}: {error.message}"
        return "".join(
            _unread(each, client.V1Container)
            for each in body["spec"]["predictor"]["containers"]
        )
    return _unread(body, _MODELS[kind])


def _unread(body: dict[str, Any], model: Any) -> str:
    """The official client's models take no unknown field and no other type."""
    try:
        model.model_validate(body)
    except ValueError as error:
        return str(error)
    return ""


class ApiServer(ThreadingHTTPServer):
    """Objects by (plural, namespace, name).

    Attributes:
        refuse: What is answered instead, by method and plural.
        starts: Whether what is made becomes ready.
        written: Called when an object stands, before the client hears of it.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.refuse: dict[tuple[str, str], tuple[int, str]] = {}
        self.starts = True
        self.tokens: list[str] = []
        self.written: Callable[[str], None] = lambda _plural: None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def kubeconfig(self, token: str) -> str:
        named = {"name": "it"}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "clusters": [named | {"cluster": {"server": self.url}}],
                "users": [named | {"user": {"token": token}}],
                "contexts": [named | {"context": {"cluster": "it", "user": "it"}}],
            }
        )

    def status_of(self, made: dict[str, Any]) -> dict[str, Any]:
        if made["kind"] == "HorizontalPodAutoscaler":
            return {"currentReplicas": 0, "desiredReplicas": 0, "of_tomorrow": True}
        if not self.starts:
            return {}
        if made["kind"] == "Deployment":
            number = made["spec"].get("replicas", 1)
            return {
                "observedGeneration": made["metadata"]["generation"],
                "replicas": number,
                "updatedReplicas": number,
                "availableReplicas": number,
            }
        if made["kind"] == "InferenceService":
            ready = {"type": "Ready", "status": "True"}
            return {"conditions": [ready], "url": "http://line-3.example"}
        return {}


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _say(self, status: int, message: str) -> None:
        self._answer(
            status,
            {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": message,
                "reason": {404: "NotFound", 409: "AlreadyExists"}.get(
                    status, "Invalid"
                ),
                "code": status,
            },
        )

    def _do(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        self.server.tokens.append(self.headers.get("Authorization", ""))
        path = self.path.partition("?")[0]
        found = _PATH.fullmatch(path)
        if found is None:
            self._discover(path.strip("/"))
            return
        plural, namespace, name = found["plural"], found["ns"], found["name"] or ""
        if refusal := self.server.refuse.get((self.command, plural)):
            self._say(*refusal)
            return
        key = (plural, namespace, name or body.get("metadata", {}).get("name", ""))
        made = self.server.objects.get(key)
        if self.command != "POST" and made is None:
            self._say(404, f'{plural} "{name}" not found')
        elif self.command == "POST" and made is not None:
            self._say(409, f'{plural} "{key[2]}" already exists')
        elif self.command == "DELETE":
            self._answer(200, self.server.objects.pop(key))
        elif self.command == "GET":
            assert made is not None
            self._answer(200, made)
        else:
            self._write(key, _merged(made or {}, body))

    def _write(self, key: tuple[str, str, str], body: dict[str, Any]) -> None:
        asked = {name: value for name, value in body.items() if name != "status"}
        meta = asked["metadata"]
        server_s = {"uid", "generation", "resourceVersion", "creationTimestamp"}
        mine = {name: value for name, value in meta.items() if name not in server_s}
        if said := complaint(asked | {"metadata": mine}):
            self._say(400, f"strict decoding error: {said}")
            return
        generation = meta.get("generation", 0) + 1
        meta |= {
            "namespace": key[1],
            "uid": meta.get("uid") or str(uuid4()),
            "generation": generation,
            "resourceVersion": str(generation),
            "creationTimestamp": "2026-11-26T00:00:00Z",
        }
        made = asked | {"status": self.server.status_of(asked)}
        self.server.objects[key] = made
        self.server.written(key[0])
        self._answer(201 if self.command == "POST" else 200, made)

    def _discover(self, path: str) -> None:
        """What kubectl asks before anything else."""
        if path == "api":
            self._answer(200, {"kind": "APIVersions", "versions": ["v1"]})
        elif path == "apis":
            groups = []
            for each in _GROUPS:
                if each.startswith("apis/"):
                    _root, group, version = each.split("/")
                    one = {"groupVersion": f"{group}/{version}", "version": version}
                    groups.append(
                        {"name": group, "versions": [one], "preferredVersion": one}
                    )
            self._answer(
                200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            )
        elif path in _GROUPS:
            verbs = ["create", "get", "patch", "delete"]
            self._answer(
                200,
                {
                    "kind": "APIResourceList",
                    "apiVersion": "v1",
                    "groupVersion": path.removeprefix("apis/").removeprefix("api/"),
                    "resources": [
                        {
                            "name": plural,
                            "singularName": kind.lower(),
                            "namespaced": True,
                            "kind": kind,
                            "verbs": verbs,
                        }
                        for plural, kind in _GROUPS[path]
                    ],
                },
            )
        else:
            self._say(404, "not found")

    do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 -- http.server's names

    def log_message(self, *_arguments: Any) -> None:
        pass


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old.get(key), value) for key, value in new.items()}
    return new
