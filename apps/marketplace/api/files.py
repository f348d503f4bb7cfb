from typing import Any

from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.marketplace import selectors
from apps.marketplace.models import RevisionFile
from apps.marketplace.selectors.scans import Scanned, scans_of
from apps.marketplace.types import MAIN, Verdict


class ScanRemarkOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    by = serializers.ListField(child=serializers.CharField())


class ScanOut(serializers.Serializer[Scanned]):
    """``verdict`` is null until scanners have looked."""

    verdict = serializers.ChoiceField(
        choices=[one.value for one in Verdict], allow_null=True
    )
    remarks = ScanRemarkOut(many=True)
    scanners = serializers.ListField(child=serializers.CharField())


class FileOut(serializers.ModelSerializer[RevisionFile]):
    scan = serializers.SerializerMethodField()

    class Meta:
        model = RevisionFile
        fields = ["path", "size", "sha256", "scan"]

    @extend_schema_field(ScanOut)
    def get_scan(self, file: RevisionFile) -> Any:
        return ScanOut(self.context["scans"][file.path]).data


class FileListApi(Api):
    takes_limited_tokens = True

    @extend_schema(
        operation_id="model_files",
        summary="A revision's files, and what scanners said of each.",
        parameters=[OpenApiParameter("revision", str, default=MAIN)],
        responses=FileOut(many=True),
    )
    def get(self, request: ApiRequest, namespace: str, name: str) -> Response:
        model = selectors.addressed_repository(
            user=request.user, namespace=namespace, name=name
        )
        wanted = request.query_params.get("revision", MAIN)
        revision = selectors.find_revision(model, wanted)
        files = list(revision.files.order_by("path")) if revision else []
        context = {"scans": scans_of(files)}
        return Response(FileOut(files, many=True, context=context).data)
