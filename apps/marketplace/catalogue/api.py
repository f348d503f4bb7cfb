from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.core.parsers import number
from apps.marketplace.catalogue import selectors
from apps.marketplace.catalogue.formats.entries import FACETS, Sought, search
from apps.marketplace.catalogue.models import Mirror
from apps.marketplace.catalogue.services import fetching
from apps.marketplace.catalogue.types import Entry

PAGE, MOST = 50, 500


class PretrainedOut(serializers.Serializer[Entry]):
    source = serializers.CharField()  # type: ignore[assignment]  # Field has one, too
    library = serializers.CharField()
    task = serializers.CharField()
    family = serializers.CharField()
    parameters = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    width = serializers.IntegerField(allow_null=True)
    classes = serializers.IntegerField(allow_null=True)
    licence = serializers.CharField(allow_blank=True)
    origin = serializers.CharField(allow_blank=True)
    files = serializers.ListField(child=serializers.CharField())


class CatalogueOut(serializers.Serializer[Any]):
    num_found = serializers.IntegerField()
    results = PretrainedOut(many=True)


class MirrorOut(serializers.ModelSerializer[Mirror]):
    model = serializers.CharField(source="model.full_name")
    has_moved = serializers.BooleanField()

    class Meta:
        model = Mirror
        fields = [
            "id", "model", "upstream", "source", "source_revision", "sha", "newest_sha",
            "has_moved", "looked_at", "created_at",
        ]  # fmt: skip


class FetchIn(serializers.Serializer[Any]):
    workspace_id = serializers.IntegerField()
    source = serializers.CharField(max_length=200)  # type: ignore[assignment]
    revision = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True
    )
    name = serializers.CharField(
        max_length=96, required=False, default="", allow_blank=True
    )


class FetchOut(serializers.Serializer[Any]):
    job_id = serializers.UUIDField(allow_null=True)
    mirror = MirrorOut(allow_null=True)


class CatalogueApi(Api):
    @extend_schema(
        operation_id="catalogue",
        parameters=[
            *(OpenApiParameter(name, str) for name in ("q", *FACETS)),
            *(
                OpenApiParameter(name, OpenApiTypes.INT)
                for name in (
                    "least_parameters",
                    "most_parameters",
                    "start",
                    "page_size",
                )
            ),
        ],
        responses=CatalogueOut,
    )
    def get(self, request: ApiRequest) -> Response:
        """Pretrained models that can be fetched: facts, with null for what is not known."""
        given = request.query_params
        found = search(
            Sought(
                text=given.get("q", ""),
                **{name: given.get(name, "") for name in FACETS},
                least_parameters=number(given.get("least_parameters", "")),
                most_parameters=number(given.get("most_parameters", "")),
            )
        )
        start = number(given.get("start", "")) or 0
        size = min(number(given.get("page_size", "")) or PAGE, MOST)
        told = {"num_found": len(found), "results": found[start : start + size]}
        return Response(CatalogueOut(told).data)


class FetchApi(Api):
    @extend_schema(
        operation_id="model_fetch",
        request=FetchIn,
        responses={200: FetchOut, 202: FetchOut},
    )
    def post(self, request: ApiRequest) -> Response:
        """Bring a model here; 202 with a job to watch, or 200 where it is here."""
        given = FetchIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = fetching.fetch_model(user=request.user, **given.validated_data)
        job_id = asked.fetch.job_id if asked.fetch else None
        told = FetchOut({"job_id": job_id, "mirror": asked.mirror})
        return Response(told.data, status=202 if asked.fetch else 200)


class MirrorListApi(Api):
    @extend_schema(operation_id="mirror_list", responses=MirrorOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.paginate(
            request, selectors.list_mirrors(user=request.user), MirrorOut
        )
