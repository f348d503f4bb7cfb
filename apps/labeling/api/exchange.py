"""Imports and exports: both are jobs, both are followed as such."""

from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.core.files import blob_response
from apps.core.http import Api, ApiRequest
from apps.labeling import selectors
from apps.labeling.api.queued import queued
from apps.labeling.serializers.exchange import ExportIn, ImportIn
from apps.labeling.services.exporting import access_export, start_export
from apps.labeling.services.importing import apply_import, start_import


class ExportListApi(Api):
    @extend_schema(
        operation_id="start_export",
        request=ExportIn,
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Start a job that writes a zip; fetch it once the job is done."""
        selectors.access_project(user=request.user, project_id=project_id)
        body = ExportIn(data=request.data)
        body.is_valid(raise_exception=True)
        job = start_export(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return queued(job)


class ExportFileApi(Api):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: ApiRequest, export_id: UUID) -> HttpResponseBase:
        """Answer the file; a broken download goes on with ``Range``."""
        blob, name = access_export(user=request.user, job_id=export_id)
        return blob_response(request, blob, media_type="application/zip", name=name)


class ImportListApi(Api):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="start_import",
        request={"multipart/form-data": ImportIn},
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Start a job that merges a file; its result says what changed."""
        selectors.access_project(user=request.user, project_id=project_id)
        body = ImportIn(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        file = given.pop("file")
        job = start_import(
            user=request.user,
            project_id=project_id,
            file=file.file,
            name=file.name,
            **given,
        )
        return queued(job)


class ApplyImportApi(Api):
    @extend_schema(
        operation_id="apply_import",
        request=None,
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: ApiRequest, import_id: UUID) -> Response:
        """Do what a dry run has shown."""
        job = apply_import(user=request.user, job_id=import_id)
        return queued(job)
