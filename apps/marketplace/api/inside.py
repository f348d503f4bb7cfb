from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.marketplace import selectors
from apps.marketplace.errors import (
    EntryNotFoundError,
    InvalidModelError,
    RevisionNotFoundError,
)
from apps.marketplace.services import gates, inspecting
from apps.marketplace.types import MAIN


class TensorOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    dtype = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField())
    num_values = serializers.IntegerField()
    num_bytes = serializers.IntegerField()


class LayerOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    num_values = serializers.IntegerField()
    num_bytes = serializers.IntegerField()


class PortOut(serializers.Serializer[Any]):
    """A dimension is a number, or the name of one that is free."""

    name = serializers.CharField()
    dtype = serializers.CharField()
    shape = serializers.ListField(child=serializers.CharField())


class NodeOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    operator = serializers.CharField()
    inputs = serializers.ListField(child=serializers.CharField())
    outputs = serializers.ListField(child=serializers.CharField())


class GraphOut(serializers.Serializer[Any]):
    producer = serializers.CharField()
    opsets = serializers.DictField(child=serializers.IntegerField())
    inputs = PortOut(many=True)
    outputs = PortOut(many=True)
    nodes = NodeOut(many=True)
    external = serializers.ListField(child=serializers.CharField())


class InsideOut(serializers.Serializer[Any]):
    """``graph`` is null for bare tensors."""

    num_parameters = serializers.IntegerField()
    num_bytes = serializers.IntegerField()
    precisions = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField(child=serializers.CharField())
    graph = GraphOut(allow_null=True)
    layers = LayerOut(many=True)
    tensors = TensorOut(many=True)


class InsideApi(Api):
    takes_limited_tokens = True

    @extend_schema(
        operation_id="model_inside",
        summary="What a weights file says of itself; nothing is loaded or run.",
        parameters=[
            OpenApiParameter("file", str, required=True),
            OpenApiParameter("revision", str, default=MAIN),
        ],
        responses=InsideOut,
    )
    def get(self, request: ApiRequest, namespace: str, name: str) -> Response:
        model = selectors.addressed_repository(
            user=request.user, namespace=namespace, name=name
        )
        gates.check_reads(request.user, model, site=request.build_absolute_uri("/"))
        wanted = request.query_params.get("revision", MAIN)
        revision = selectors.find_revision(model, wanted)
        if revision is None:
            raise RevisionNotFoundError(
                _("there is no revision {name} of {full_name}").format(
                    name=repr(wanted[:80]), full_name=model.full_name
                )
            )
        path = request.query_params.get("file", "")
        found = inspecting.inspect_file(revision, path)
        if found is None:
            raise EntryNotFoundError(
                _(
                    "{full_name} has no file {path} that can be looked into: name one "
                    "that ends in .safetensors or .onnx"
                ).format(full_name=model.full_name, path=repr(path[:200])),
                revision=revision.revision,
            )
        if found.inside is None:
            raise InvalidModelError(found.problem)
        return Response(InsideOut(found.inside).data)
