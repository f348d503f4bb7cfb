"""A model directory as an application of Ray Serve: replicas over a cluster's hosts.

serve run model_server.ray_serve:build directory=/models/line-3 max_replicas=4

Ray starts, scales and replaces the replicas and shares requests out; each answers what
`python -m model_server` answers. The package and the directory must lie on every node.
"""

from collections.abc import Mapping
from pathlib import Path

from ray import serve  # an own installation: pip install 'ray[serve]'

from model_server.app import App
from model_server.batching import BatchLimits
from model_server.errors import ModelError
from model_server.metrics import Metrics
from model_server.protocol import check_name
from model_server.repository import ModelSource, Repository
from model_server.requests import RequestLimits
from model_server.runners import RunOptions


def build(given: Mapping[str, str]) -> serve.Application:
    """Describe the application.

    Args:
        given: ``directory``; and, where they differ, ``name`` (the directory's),
            ``min_replicas`` (1), ``max_replicas`` (2) and ``threads``, the cores of
            a replica (1).

    Raises:
        ModelError: No directory is named.
    """
    if not given.get("directory"):
        raise ModelError("say which model: directory=/models/NAME")
    directory = Path(given["directory"])
    name = check_name(given.get("name") or directory.name)
    threads = int(given.get("threads", 1))

    def app() -> App:
        return load(directory, name=name, threads=threads)

    class Replica:
        """Its ASGI application is made where it runs."""

    deployment = serve.deployment(
        serve.ingress(app)(Replica),
        name=name,
        ray_actor_options={"num_cpus": threads},
        max_ongoing_requests=2 * threads,
        autoscaling_config={
            "min_replicas": int(given.get("min_replicas", 1)),
            "max_replicas": int(given.get("max_replicas", 2)),
            "target_ongoing_requests": threads,
        },
    )
    return deployment.bind()


def load(directory: Path, *, name: str, threads: int) -> App:
    """One replica's application, its model loaded and warm.

    Raises:
        ModelError: It cannot be served.
    """
    metrics = Metrics()
    repository = Repository(
        options=RunOptions(),
        limits=BatchLimits(num_workers=threads, max_batch=0),
        metrics=metrics,
    )
    repository.load(ModelSource(name=name, version="1", directory=directory))
    return App(repository, metrics=metrics, limits=RequestLimits())
