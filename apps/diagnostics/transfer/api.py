from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.diagnostics.transfer import selectors, services
from apps.diagnostics.transfer.forms import SPLIT_CHOICES
from apps.diagnostics.transfer.models import TransferSearch
from apps.diagnostics.transfer.types import MOST_IMAGES, NewSearch


class SearchIn(serializers.Serializer[TransferSearch]):
    version_id = serializers.IntegerField()
    split = serializers.ChoiceField(choices=SPLIT_CHOICES, allow_blank=True, default="")
    num_images = serializers.IntegerField(default=40)
    image_ids = serializers.ListField(
        child=serializers.IntegerField(), max_length=10 * MOST_IMAGES, default=list
    )
    most_ms = serializers.FloatField(
        min_value=1, max_value=60_000, allow_null=True, default=None
    )


class SearchOut(serializers.ModelSerializer[TransferSearch]):
    status = serializers.CharField(source="job.status")
    error = serializers.CharField(source="job.error")
    num_images = serializers.SerializerMethodField()

    class Meta:
        model = TransferSearch
        fields = [
            *("id", "job_id", "version_id", "split", "num_images", "most_ms"),
            *("status", "error", "created_at"),
        ]

    def get_num_images(self, row: TransferSearch) -> int:
        return len(row.image_ids)


class RankedOut(serializers.Serializer[Any]):
    rank = serializers.IntegerField()
    model = serializers.CharField(source="model.full_name")
    revision = serializers.CharField(source="model.revision")
    revision_id = serializers.IntegerField(source="model.revision_id")
    licence = serializers.CharField(source="model.licence")
    score = serializers.FloatField()
    time_ms = serializers.FloatField()
    num_first = serializers.IntegerField()
    num_parts = serializers.IntegerField()
    is_best_for_speed = serializers.BooleanField()


class LeftOutOut(serializers.Serializer[Any]):
    model = serializers.CharField(source="model.full_name")
    revision = serializers.CharField(source="model.revision")
    revision_id = serializers.IntegerField(source="model.revision_id")
    licence = serializers.CharField(source="model.licence")
    code = serializers.CharField()
    why = serializers.CharField()
    time_ms = serializers.FloatField(allow_null=True)


class FoundOut(SearchOut):
    """A search with what it found."""

    models = RankedOut(many=True)
    left_out = LeftOutOut(many=True)
    num_crops = serializers.IntegerField()
    num_classes = serializers.IntegerField()

    class Meta(SearchOut.Meta):
        fields = [
            *SearchOut.Meta.fields,
            *("models", "left_out", "num_crops", "num_classes"),
        ]


class SearchListApi(Api):
    @extend_schema(operation_id="transfer_searches", responses=SearchOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        rows = selectors.list_searches(user=request.user)
        return Response(SearchOut(rows[: selectors.MOST], many=True).data)

    @extend_schema(
        operation_id="transfer_search_start",
        request=SearchIn,
        responses={202: SearchOut},
    )
    def post(self, request: ApiRequest) -> Response:
        form = SearchIn(data=request.data)
        form.is_valid(raise_exception=True)
        given: dict[str, Any] = form.validated_data
        new = NewSearch(**{**given, "image_ids": tuple(given["image_ids"])})
        made = services.start_search(user=request.user, new=new)
        return Response(SearchOut(made).data, status=202)


class SearchApi(Api):
    @extend_schema(operation_id="transfer_search", responses=FoundOut)
    def get(self, request: ApiRequest, search_id: int) -> Response:
        search = selectors.access_search(user=request.user, search_id=search_id)
        found = selectors.found_by(user=request.user, search=search)
        told = {
            **SearchOut(search).data,
            "models": RankedOut(found.places, many=True).data,
            "left_out": LeftOutOut(found.absent, many=True).data,
            "num_crops": found.num_crops,
            "num_classes": found.num_classes,
        }
        return Response(told)
