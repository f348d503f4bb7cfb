from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.labeling.services.outlining import find_outlines

_MAX_CLICKS = 64


class PromptIn(serializers.Serializer[Any]):
    """What is said of one object, in pixels of the upright image."""

    clicks = serializers.ListField(
        child=serializers.ListField(
            child=serializers.FloatField(), min_length=3, max_length=3
        ),
        max_length=_MAX_CLICKS,
        default=list,
        help_text="[x, y, 1] on the object, [x, y, 0] beside it; oldest first.",
    )
    box = serializers.ListField(
        child=serializers.FloatField(), min_length=4, max_length=4, required=False
    )
    by = serializers.ChoiceField(
        choices=["model", "colors"],
        default="model",
        help_text="colors cuts by what differs from the ground around the box (GrabCut).",
    )
    quick = serializers.BooleanField(
        default=False,
        help_text="Take the first outline there is; ask again where it is not final.",
    )


class OutlineOut(serializers.Serializer[Any]):
    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField())
    )
    holes = serializers.ListField(
        child=serializers.ListField(
            child=serializers.ListField(child=serializers.FloatField())
        )
    )


class OutlinesOut(serializers.Serializer[Any]):
    outlines = OutlineOut(many=True)
    is_final = serializers.BooleanField(
        help_text="False where a closer look (without quick) may refine the outlines."
    )


class OutlinesApi(Api):
    @extend_schema(request=PromptIn, responses=OutlinesOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        """Find the object that clicks and a box mean; the largest part comes first.

        With neither clicks nor a box the image is only prepared for the first click.
        """
        body = PromptIn(data=request.data)
        body.is_valid(raise_exception=True)
        found = find_outlines(
            user=request.user, image_id=image_id, prompt=body.validated_data
        )
        return Response({"outlines": found.outlines, "is_final": found.is_final})
