from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.labeling import selectors
from apps.labeling.services import tiling


class TilingOut(serializers.Serializer[Any]):
    """How a very large image is drawn; level 0 is one tile, the last one the image."""

    state = serializers.ChoiceField(["cutting", "ready", "failed"])
    percent = serializers.IntegerField()
    detail = serializers.CharField(help_text="Why it failed.")
    tile_px = serializers.IntegerField()
    levels = serializers.ListField(
        child=serializers.ListField(
            child=serializers.IntegerField(), min_length=2, max_length=2
        ),
        help_text="[width, height] of each, the smallest first.",
    )


class TilesApi(Api):
    @extend_schema(operation_id="image_tiles", responses=TilingOut)
    def get(self, request: ApiRequest, image_id: int) -> Response:
        """Say how a very large image's tiles stand; a worker cuts them.

        404 for an image that is shown whole.
        """
        found = tiling.see_tiles(user=request.user, image_id=image_id)
        return Response(TilingOut(found).data)


class TileApi(Api):
    @extend_schema(
        operation_id="image_tile",
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    def get(
        self, request: ApiRequest, image_id: int, level: int, column: int, row: int
    ) -> HttpResponse:
        """Answer one tile; 409 while a worker still cuts them."""
        image = selectors.access_tiled(user=request.user, image_id=image_id)
        return HttpResponse(
            selectors.read_tile(image, level=level, column=column, row=row),
            content_type="image/jpeg",
            headers={"Cache-Control": "private, max-age=31536000, immutable"},
        )
