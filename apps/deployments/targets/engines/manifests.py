"""Kubernetes objects of a deployment, as plain JSON."""

from typing import Any

from apps.deployments.targets.engines import container
from apps.deployments.targets.types import Wish

BUSY_PERCENT = 70


def deployment(wish: Wish) -> dict[str, Any]:
    """Without ``replicas``: their number is the autoscaler's."""
    labels = {"app.kubernetes.io/name": wish.slug}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(wish),
        "spec": {
            "selector": {"matchLabels": labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "template": {
                "metadata": {"labels": labels, "annotations": _weights(wish)},
                "spec": {
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 10001,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [_container(wish, name="model-server")],
                },
            },
        },
    }


def service(wish: Wish) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(wish),
        "spec": {
            "selector": {"app.kubernetes.io/name": wish.slug},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }


def autoscaler(wish: Wish) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(wish),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": wish.slug,
            },
            "minReplicas": wish.count("min_replicas"),
            "maxReplicas": container.most(wish),
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "averageUtilization": BUSY_PERCENT,
                        },
                    },
                }
            ],
        },
    }


def inference_service(wish: Wish) -> dict[str, Any]:
    """A custom predictor: the image already speaks the Open Inference Protocol."""
    served = _container(wish, name="kserve-container")
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(wish),
        "spec": {
            "predictor": {
                "minReplicas": wish.count("min_replicas"),
                "maxReplicas": container.most(wish),
                "containers": [
                    served
                    | {"ports": [{"containerPort": container.PORT, "protocol": "TCP"}]}
                ],
            }
        },
    }


def _container(wish: Wish, *, name: str) -> dict[str, Any]:
    resources = {
        "cpu": str(wish.count("cores")),
        "memory": f"{wish.count('memory_mb')}Mi",
    }
    return {
        "name": name,
        "image": wish.text("image"),
        "ports": [{"name": "http", "containerPort": container.PORT}],
        "resources": {"requests": resources, "limits": resources},
        "startupProbe": _probe(container.READY, period_s=1, failures=120),
        "readinessProbe": _probe(container.READY, period_s=5, failures=2),
        "livenessProbe": _probe(container.LIVE, period_s=10, failures=3),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _probe(path: str, *, period_s: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": container.PORT},
        "periodSeconds": period_s,
        "failureThreshold": failures,
    }


def _metadata(wish: Wish) -> dict[str, Any]:
    return {
        "name": wish.slug,
        "namespace": wish.text("namespace"),
        "labels": {
            "app.kubernetes.io/name": wish.slug,
            "app.kubernetes.io/managed-by": "dsportal",
        },
        "annotations": _weights(wish),
    }


def _weights(wish: Wish) -> dict[str, str]:
    return {
        "dsportal/model": f"{wish.model.name}@{wish.model.revision[:12]}",
        "dsportal/weights-sha256": wish.model.weights_sha256,
    }
