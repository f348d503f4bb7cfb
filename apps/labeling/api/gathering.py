"""Images from a zip, a video, addresses or a bucket, each as a job."""

from typing import TYPE_CHECKING

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.accounts.types import Role
from apps.core.http import Api, ApiRequest
from apps.labeling import selectors
from apps.labeling.api.queued import queued
from apps.labeling.serializers.gathering import (
    BucketsOut,
    GatherAddressesIn,
    GatherBucketIn,
    GatherFileIn,
)
from apps.labeling.services import gathering

if TYPE_CHECKING:
    pass


class GatherFileApi(Api):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="gather_file",
        request={"multipart/form-data": GatherFileIn},
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Start a job that takes the images of a zip, or frames of a video."""
        selectors.access_project(user=request.user, project_id=project_id)
        body = GatherFileIn(data=request.data)
        body.is_valid(raise_exception=True)
        file = body.validated_data["file"]
        job = gathering.gather_file(
            user=request.user,
            project_id=project_id,
            file=file.file,
            name=file.name,
            every_s=body.validated_data["every_s"],
        )
        return queued(job)


class GatherAddressesApi(Api):
    @extend_schema(
        operation_id="gather_addresses",
        request=GatherAddressesIn,
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Start a job that fetches images from the web."""
        selectors.access_project(user=request.user, project_id=project_id)
        body = GatherAddressesIn(data=request.data)
        body.is_valid(raise_exception=True)
        job = gathering.gather_addresses(
            user=request.user, project_id=project_id, urls=body.validated_data["urls"]
        )
        return queued(job)


class GatherBucketApi(Api):
    @extend_schema(operation_id="buckets", responses=BucketsOut)
    def get(self, request: ApiRequest, project_id: int) -> Response:
        """Name the buckets that images can be taken from."""
        selectors.access_project(
            user=request.user, project_id=project_id, needs=Role.MANAGER
        )
        return Response({"buckets": list(settings.IMAGE_BUCKETS)})

    @extend_schema(
        operation_id="gather_bucket",
        request=GatherBucketIn,
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Start a job that copies images from a bucket of the settings."""
        selectors.access_project(user=request.user, project_id=project_id)
        body = GatherBucketIn(data=request.data)
        body.is_valid(raise_exception=True)
        job = gathering.gather_bucket(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return queued(job)
