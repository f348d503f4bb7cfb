"""What people say of each other's work: accepted, sent back, remarks."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.labeling import selectors
from apps.labeling.models import Remark
from apps.labeling.serializers.reviewing import (
    AcceptIn,
    AcceptOut,
    RemarkIn,
    RemarkOut,
    SentBackOut,
)
from apps.labeling.services import reviewing


class AcceptApi(Api):
    @extend_schema(request=AcceptIn, responses=AcceptOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Accept those of the images that are submitted; answer which they were."""
        body = AcceptIn(data=request.data)
        body.is_valid(raise_exception=True)
        ids = reviewing.accept_images(
            user=request.user, project_id=project_id, **body.validated_data
        )
        last = max(body.validated_data["image_ids"])
        next_id = selectors.next_to_review(project_id=project_id, after_id=last)
        return Response({"accepted": ids, "next_id": next_id})


class SendBackApi(Api):
    @extend_schema(request=RemarkIn, responses=SentBackOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        """Open a submitted image again for whoever submitted it, and say why."""
        body = RemarkIn(data=request.data)
        body.is_valid(raise_exception=True)
        image = reviewing.send_back(
            user=request.user, image_id=image_id, **body.parsed()
        )
        next_id = selectors.next_to_review(
            project_id=image.project_id, after_id=image.pk
        )
        return Response(
            {"state": image.state, "review": image.review, "next_id": next_id}
        )


class RemarkListApi(Api):
    @extend_schema(operation_id="remark_list", responses=RemarkOut(many=True))
    def get(self, request: ApiRequest, image_id: int) -> Response:
        """Answer all remarks of an image, open ones first."""
        selectors.access_image(user=request.user, image_id=image_id)
        rows: QuerySet[Remark] = selectors.list_remarks(image_id=image_id)
        return Response(RemarkOut(rows, many=True).data)

    @extend_schema(request=RemarkIn, responses={201: RemarkOut})
    def post(self, request: ApiRequest, image_id: int) -> Response:
        """Say something of an image, at a place of it or of the whole."""
        body = RemarkIn(data=request.data)
        body.is_valid(raise_exception=True)
        row = reviewing.remark(user=request.user, image_id=image_id, **body.parsed())
        return Response(RemarkOut(row).data, status=status.HTTP_201_CREATED)


class SettleRemarkApi(Api):
    @extend_schema(request=None, responses=RemarkOut)
    def post(self, request: ApiRequest, image_id: int, remark_id: int) -> Response:
        """Call a remark settled."""
        row = reviewing.settle_remark(
            user=request.user, image_id=image_id, remark_id=remark_id
        )
        return Response(RemarkOut(row).data)
