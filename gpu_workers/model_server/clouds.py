"""The faces that clouds expect of a container, over the same models.

SageMaker: `/ping`, `/invocations` on 8080. Vertex AI: AIP_HTTP_PORT, AIP_HEALTH_ROUTE
and AIP_PREDICT_ROUTE, `{"instances": [...]}` to `{"predictions": [...]}`. Azure ML:
liveness, readiness and scoring routes, named in the deployment (`/v2/health/live`,
`/v2/health/ready`, `/score`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from model_server.errors import RequestError
from model_server.prediction import ask, decode_image, picked, predict
from model_server.repository import Repository
from model_server.requests import Answer, Request, read_json

_MAX_INSTANCES = 64


async def invoke(repository: Repository, request: Request) -> Answer:
    """A picture's file, one JSON object, or a list of instances."""
    if request.kind != "application/json":
        return await predict(repository, request)
    content = read_json(await request.body())
    if "instances" not in content:
        deadline = request.deadline()
        options = picked(content)
        image = decode_image(content)
        wanted = ("", "")
        return Answer.json(
            await ask(repository, wanted, image, options, deadline=deadline)
        )
    instances = content["instances"]
    if not isinstance(instances, list) or not 1 <= len(instances) <= _MAX_INSTANCES:
        raise RequestError(f"instances must be a list of 1 to {_MAX_INSTANCES}")
    shared = content.get("parameters", {})
    options = picked(shared) if isinstance(shared, dict) else {}
    answers = await asyncio.gather(
        *(_one(repository, request, each, options) for each in instances)
    )
    served = repository.find()
    return Answer.json({"predictions": answers, "deployedModelId": served.version})


async def _one(
    repository: Repository, request: Request, instance: Any, shared: Mapping[str, Any]
) -> dict[str, Any]:
    if not isinstance(instance, dict):
        raise RequestError('an instance must be {"b64": "<base64>"}')
    options = {**shared, **picked(instance)}
    image, deadline = decode_image(instance), request.deadline()
    return await ask(repository, ("", ""), image, options, deadline=deadline)
