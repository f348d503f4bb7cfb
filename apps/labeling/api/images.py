from typing import Any

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.core.files import blob_response
from apps.core.http import Api, ApiRequest, NewestFirst
from apps.labeling import selectors
from apps.labeling.serializers import HashesIn, ImageIn, ImageOut, KnownOut
from apps.labeling.services import images
from apps.labeling.types import ImageOrder, Split


class WantedOrder(NewestFirst):
    """In the order that the list asked for has."""

    def get_ordering(self, _request: Any, queryset: Any, _view: Any) -> tuple[str, ...]:
        return tuple(queryset.query.order_by)


class ImageListApi(Api):
    pagination_class = WantedOrder
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="image_list",
        parameters=[
            OpenApiParameter("state", str),
            OpenApiParameter("name", str),
            OpenApiParameter("text", str, description="Of a remark or an attribute."),
            OpenApiParameter("review", str, enum=list(selectors.REVIEWS)),
            OpenApiParameter("assignee", int),
            OpenApiParameter("label", int, description="Drawn or proposed on it."),
            OpenApiParameter("split", str, enum=list(Split)),
            OpenApiParameter("min_score", float, description="Of one of its proposals."),
            OpenApiParameter("max_score", float),
            OpenApiParameter(
                "order", str, enum=[ImageOrder.DOUBT.value],
                description="Upload order without; else only what a model looked at.",
            ),
        ],
        responses=ImageOut(many=True),
    )  # fmt: skip
    def get(self, request: ApiRequest, project_id: int) -> Response:
        selectors.access_project(user=request.user, project_id=project_id)
        rows = selectors.list_images(
            project_id=project_id, wanted=selectors.read_wanted(request.query_params)
        )
        return self.paginate(request, rows, ImageOut)

    @extend_schema(
        request={"multipart/form-data": ImageIn},
        responses={201: ImageOut, 200: ImageOut},
        description="201 for a new image, 200 where the project has these bytes.",
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        selectors.access_project(user=request.user, project_id=project_id)
        body = ImageIn(data=request.data)
        body.is_valid(raise_exception=True)
        file = body.validated_data["file"]
        image, is_new = images.add_image(
            user=request.user,
            project_id=project_id,
            name=body.validated_data.get("path", file.name),
            file=file.file,
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(ImageOut(image).data, code)


class KnownImagesApi(Api):
    @extend_schema(request=HashesIn, responses=KnownOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Answer which of these bytes the project has, so that they need not be sent."""
        selectors.access_project(user=request.user, project_id=project_id)
        body = HashesIn(data=request.data)
        body.is_valid(raise_exception=True)
        known = selectors.list_known(
            project_id=project_id, hashes=body.validated_data["sha256"]
        )
        return Response(KnownOut({"images": known}).data)


class ImageApi(Api):
    @extend_schema(operation_id="image", responses=ImageOut)
    def get(self, request: ApiRequest, image_id: int) -> Response:
        image = selectors.access_image(user=request.user, image_id=image_id)
        return Response(ImageOut(image).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, image_id: int) -> Response:
        images.delete_image(user=request.user, image_id=image_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ImageFileApi(Api):
    @extend_schema(responses={(200, "image/*"): OpenApiTypes.BINARY})
    def get(self, request: ApiRequest, image_id: int) -> HttpResponseBase:
        """Answer the original file, byte for byte."""
        image = selectors.access_image(user=request.user, image_id=image_id)
        return blob_response(
            request, image.original, media_type=image.media_type, name=image.name
        )


class LevelsOut(serializers.Serializer[Any]):
    """Null for an image of 8 bits a channel, whose values a browser has all."""

    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class WindowIn(serializers.Serializer[Any]):
    low = serializers.FloatField(required=False)
    high = serializers.FloatField(required=False)


class ImageLevelsApi(Api):
    @extend_schema(operation_id="image_levels", responses=LevelsOut)
    def get(self, request: ApiRequest, image_id: int) -> Response:
        """Answer between which values a deep grey image lies, for its window."""
        image = selectors.access_image(user=request.user, image_id=image_id)
        low, high = selectors.levels_of(image) or (None, None)
        return Response({"low": low, "high": high})


class ImageShownApi(Api):
    @extend_schema(
        parameters=[
            OpenApiParameter("low", float, description="Shown black; with high alone."),
            OpenApiParameter("high", float, description="Shown white."),
        ],
        responses={(200, "image/*"): OpenApiTypes.BINARY},
    )
    def get(self, request: ApiRequest, image_id: int) -> HttpResponseBase:
        """Answer what a browser can draw: the original, or an upright copy of it.

        Of a deep grey image, `low` and `high` choose the window of values.
        """
        image = selectors.access_image(user=request.user, image_id=image_id)
        window = WindowIn(data=request.query_params)
        window.is_valid(raise_exception=True)
        if {"low", "high"} <= window.validated_data.keys():
            return HttpResponse(
                selectors.windowed(image, **window.validated_data),
                content_type="image/jpeg",
                headers={"Cache-Control": "private, max-age=3600"},
            )
        return blob_response(
            request, image.shown, media_type=image.shown_media_type, name=image.name
        )


class ImageThumbnailApi(Api):
    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: ApiRequest, image_id: int) -> HttpResponseBase:
        image = selectors.access_image(user=request.user, image_id=image_id)
        return blob_response(
            request, image.thumbnail, media_type="image/jpeg", name=f"{image.pk}.jpg"
        )
