from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.marketplace.services.comparing import MOST, compare


class ColumnOut(serializers.Serializer[Any]):
    model = serializers.CharField(source="full_name")
    revision = serializers.CharField(source="revision.revision")
    revision_id = serializers.IntegerField(source="revision.pk")


class RowOut(serializers.Serializer[Any]):
    """One value for each model, in their order; null where nothing is known."""

    part = serializers.ChoiceField(choices=["facts", "metrics", "results", "card"])
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.JSONField(allow_null=True))
    is_same = serializers.BooleanField()


class ComparisonOut(serializers.Serializer[Any]):
    columns = ColumnOut(many=True)
    rows = RowOut(many=True)


class ComparisonApi(Api):
    takes_limited_tokens = True

    @extend_schema(
        operation_id="model_compare",
        summary="Facts and figures of a few models side by side.",
        parameters=[
            OpenApiParameter(
                "model",
                str,
                many=True,
                required=True,
                description=f"namespace/name or namespace/name@revision; up to {MOST}",
            )
        ],
        responses=ComparisonOut,
    )
    def get(self, request: ApiRequest) -> Response:
        names = request.query_params.getlist("model")
        return Response(ComparisonOut(compare(user=request.user, names=names)).data)
