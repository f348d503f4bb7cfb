"""An endpoint as an ML backend of Label Studio, which chose these paths and words."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.types import Scope
from apps.core.http import Api, ApiRequest
from apps.deployments import selectors
from apps.deployments.engines import predicting
from apps.deployments.engines.label_studio import read_setup
from apps.deployments.models import Endpoint

LONGEST_CONFIG = 200_000
MOST_TASKS = 10_000


class BackendSetupIn(serializers.Serializer[Any]):
    project = serializers.CharField(max_length=100, default="", allow_blank=True)
    hostname = serializers.CharField(max_length=500, default="", allow_blank=True)
    access_token = serializers.CharField(
        max_length=1000, default="", allow_blank=True, allow_null=True
    )
    schema = serializers.CharField(
        max_length=LONGEST_CONFIG, default="", allow_blank=True
    )


class BackendPredictIn(serializers.Serializer[Any]):
    tasks = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=MOST_TASKS
    )
    label_config = serializers.CharField(max_length=LONGEST_CONFIG)
    project = serializers.CharField(
        max_length=100, default="", allow_blank=True, allow_null=True
    )
    params = serializers.DictField(default=dict, allow_null=True)


class BackendStateOut(serializers.Serializer[Any]):
    status = serializers.CharField()
    model_class = serializers.CharField()


class BackendVersionOut(serializers.Serializer[Any]):
    model_version = serializers.CharField()


class BackendVersionsOut(serializers.Serializer[Any]):
    versions = serializers.ListField(child=serializers.CharField())


class BackendPredictionsOut(serializers.Serializer[Any]):
    results = serializers.ListField(child=serializers.DictField())


class _Backend(Api):
    """It asks as a viewer may: nothing is kept but where pictures lie."""

    pagination_class = None

    def endpoint(self, request: Request, endpoint_id: int) -> Endpoint:
        assert request.user.is_authenticated  # IsAuthenticated has run
        return selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)


class HealthApi(_Backend):
    @extend_schema(operation_id="label_studio_health", responses=BackendStateOut)
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        """Say whether a replica answers."""
        found = self.endpoint(request, endpoint_id)
        selectors.port_of(found)
        return Response({"status": "UP", "model_class": _version(found)})


class SetupApi(_Backend):
    needs_scope = Scope.READ

    @extend_schema(request=BackendSetupIn, responses=BackendVersionOut)
    def post(self, request: ApiRequest, endpoint_id: int) -> Response:
        """Hear of a project: where its uploads lie, and what opens them."""
        found = self.endpoint(request, endpoint_id)
        body = BackendSetupIn(data=request.data)
        body.is_valid(raise_exception=True)
        predicting.remember_host(found.pk, body.validated_data)
        return Response({"model_version": _version(found)})


class PredictApi(_Backend):
    needs_scope = Scope.READ

    @extend_schema(request=BackendPredictIn, responses=BackendPredictionsOut)
    def post(self, request: ApiRequest, endpoint_id: int) -> Response:
        """Answer what is on each task's picture, or what a person's clicks mean."""
        found = self.endpoint(request, endpoint_id)
        body = BackendPredictIn(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        setup = read_setup(given["label_config"])
        about = {
            "endpoint_id": found.pk, "setup": setup, "project": given["project"],
        }  # fmt: skip
        context = (given["params"] or {}).get("context")
        if isinstance(context, dict) and context.get("result"):
            results = [
                predicting.suggest(task=given["tasks"][0], context=context, **about)
            ]
        else:
            port = selectors.port_of(found)
            results = predicting.predict(port=port, tasks=given["tasks"], **about)
        return Response({"results": results})


class VersionsApi(_Backend):
    @extend_schema(operation_id="label_studio_versions", responses=BackendVersionsOut)
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        found = self.endpoint(request, endpoint_id)
        return Response({"versions": [_version(found)]})


class NewsApi(_Backend):
    """What Label Studio tells and asks besides; none of it changes a deployed model."""

    needs_scope = Scope.READ

    @extend_schema(request=None, responses={200: None})
    def post(self, request: ApiRequest, endpoint_id: int, **_news: str) -> Response:
        self.endpoint(request, endpoint_id)
        return Response({})


def _version(endpoint: Endpoint) -> str:
    serving = endpoint.stable or endpoint.candidate
    return serving.revision if serving else endpoint.slug
