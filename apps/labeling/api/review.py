"""Proposals over a whole project: what waits, what people say of it, what it looks like."""

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.core import blobs
from apps.core.http import Api, ApiRequest, NewestFirst
from apps.core.parsers import query_number, query_share
from apps.labeling import selectors
from apps.labeling.errors import BadRegionError
from apps.labeling.formats import crops
from apps.labeling.models import Image
from apps.labeling.serializers import (
    CalibrationOut,
    JudgedOut,
    ProposalOut,
    RejectedOut,
    RejectionsIn,
    VerdictsIn,
)
from apps.labeling.services import judging, verdicts
from apps.labeling.services.calibration import calibrate
from apps.labeling.types import Says


class BestFirst(NewestFirst):
    ordering = ("-score", "pk")
    page_size = 200


class ProposalListApi(Api):
    pagination_class = BestFirst

    @extend_schema(
        operation_id="proposal_list",
        parameters=[
            OpenApiParameter("label", int),
            OpenApiParameter("min_score", float),
        ],
        responses=ProposalOut(many=True),
    )
    def get(self, request: ApiRequest, project_id: int) -> Response:
        """Proposals that nobody has judged yet, best first."""
        selectors.access_project(user=request.user, project_id=project_id)
        rows = selectors.list_open_proposals(
            project_id=project_id,
            label_id=query_number(request.query_params, "label"),
            min_score=query_share(request.query_params, "min_score") or 0.0,
        )
        return self.paginate(request, rows, ProposalOut)


class CalibrationApi(Api):
    @extend_schema(responses=CalibrationOut)
    def get(self, request: ApiRequest, project_id: int) -> Response:
        """Answer how often proposals of a score have turned out right."""
        selectors.access_project(user=request.user, project_id=project_id)
        return Response(CalibrationOut(calibrate(project_id=project_id)).data)


class VerdictsApi(Api):
    @extend_schema(request=VerdictsIn, responses=JudgedOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Accept, reject or open proposals again, whole or not at all."""
        body = VerdictsIn(data=request.data)
        body.is_valid(raise_exception=True)
        rows = [
            judging.Decision(**{**row, "says": Says(row["says"])})
            for row in body.validated_data["verdicts"]
        ]
        added = judging.judge(user=request.user, project_id=project_id, decisions=rows)
        calibration = CalibrationOut(calibrate(project_id=project_id)).data
        return Response({"num_added": added, "calibration": calibration})


class RejectionsApi(Api):
    @extend_schema(request=RejectionsIn, responses=RejectedOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        """Say that proposals of an image are wrong."""
        body = RejectionsIn(data=request.data)
        body.is_valid(raise_exception=True)
        num = verdicts.reject(
            user=request.user, image_id=image_id, uids=body.validated_data["ids"]
        )
        return Response({"num_rejected": num})


class CropApi(Api):
    @extend_schema(
        parameters=[
            OpenApiParameter("box", str, description="x1,y1,x2,y2; all without"),
        ],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    def get(self, request: ApiRequest, image_id: int) -> HttpResponse:
        """Answer a region of the image, scaled down to a glance."""
        image = selectors.access_image(user=request.user, image_id=image_id)
        region = _region(request.query_params.get("box", ""), image)
        if image.is_tiled:
            most_px = crops.CROP_PX
            piece = crops.shrunk(selectors.read_region(image, region, most_px=most_px))
        else:
            with blobs.local_copy(image.shown_sha256) as path:
                piece = crops.cut(path, region)
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return HttpResponse(piece, content_type="image/jpeg", headers=headers)


def _region(text: str, image: Image) -> crops.Region:
    if not text:
        return 0, 0, image.width, image.height
    try:
        x1, y1, x2, y2 = (int(part) for part in text.split(","))
    except ValueError:
        x1, y1, x2, y2 = 0, 0, 0, 0
    if not (0 <= x1 < x2 <= image.width and 0 <= y1 < y2 <= image.height):
        raise BadRegionError(
            _("box must be x1,y1,x2,y2 inside {width} x {height}, got {text}").format(
                width=image.width, height=image.height, text=repr(text)
            )
        )
    return x1, y1, x2, y2
