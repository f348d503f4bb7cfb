from typing import Any
from uuid import uuid4

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest, NewestFirst, if_match
from apps.labeling import selectors
from apps.labeling.models import Image
from apps.labeling.serializers import (
    AnnotationOut,
    DocumentOut,
    HistoryOut,
    JudgedPredictionOut,
    OperationsIn,
    RestoredOut,
    RestoreImageIn,
    RestoreProjectIn,
    RevisionOut,
    SubmittedOut,
    read_operations,
)
from apps.labeling.serializers.labels import LabelOut
from apps.labeling.services import allocating, restoring, saving


class NewestRevision(NewestFirst):
    ordering = "-revision"


class DocumentApi(Api):
    @extend_schema(operation_id="document", responses=DocumentOut)
    def get(self, request: ApiRequest, image_id: int) -> Response:
        """Answer all that the editor needs; the ETag is the revision."""
        image = selectors.access_image(user=request.user, image_id=image_id)
        headers = {"ETag": f'"{image.revision}"'}
        return Response(document(image), headers=headers)


def document(image: Image) -> dict[str, Any]:
    proposals = selectors.list_judged(image)
    position = selectors.position_of(image)
    labels = selectors.list_labels(project_id=image.project_id)
    return {
        "image": {
            "id": image.pk,
            "name": image.name,
            "width": image.width,
            "height": image.height,
            "url": reverse("labeling-api:image-shown", args=[image.pk]),
            "thumbnail_url": reverse("labeling-api:image-thumbnail", args=[image.pk]),
            "tiles_url": reverse("labeling-api:tiles", args=[image.pk])
            if image.is_tiled
            else None,
            "state": image.state,
            "review": image.review,
            "index": position.index,
            "count": position.count,
        },
        "project": {
            "id": image.project_id,
            "name": image.project.name,
            "guide": image.project.guide,
        },
        "labels": LabelOut(labels, many=True).data,
        "revision": image.revision,
        "annotations": AnnotationOut(image.annotations.all(), many=True).data,
        "predictions": JudgedPredictionOut(proposals, many=True).data,
        "previous_id": position.previous_id,
        "next_id": position.next_id,
    }


class OperationsApi(Api):
    keeps_answers = False  # the log of operations does, for as long as the image lives

    @extend_schema(
        request=OperationsIn,
        parameters=[
            OpenApiParameter(
                "If-Match", str, OpenApiParameter.HEADER, required=True,
                description='The revision last seen, as "7".',
            ),
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),
        ],
        responses={200: RevisionOut, 412: RevisionOut},
    )  # fmt: skip
    def post(self, request: ApiRequest, image_id: int) -> Response:
        """Apply a batch of operations, whole or not at all."""
        operations = read_operations(request.data)
        new = saving.apply_operations(
            user=request.user,
            image_id=image_id,
            revision=if_match(request),
            key=request.headers.get("Idempotency-Key") or str(uuid4()),
            operations=operations,
        )
        return Response({"revision": new}, headers={"ETag": f'"{new}"'})


class HistoryApi(Api):
    pagination_class = NewestRevision

    @extend_schema(operation_id="image_history", responses=HistoryOut(many=True))
    def get(self, request: ApiRequest, image_id: int) -> Response:
        selectors.access_image(user=request.user, image_id=image_id)
        return self.paginate(
            request, selectors.list_history(image_id=image_id), HistoryOut
        )


class RestoreImageApi(Api):
    @extend_schema(request=RestoreImageIn, responses=RevisionOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        """Bring the image back to a revision, as one more revision."""
        body = RestoreImageIn(data=request.data)
        body.is_valid(raise_exception=True)
        new = restoring.restore_image(
            user=request.user, image_id=image_id, **body.validated_data
        )
        return Response({"revision": new}, headers={"ETag": f'"{new}"'})


class RestoreProjectApi(Api):
    @extend_schema(request=RestoreProjectIn, responses=RestoredOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Bring all annotations of the project back to a moment."""
        body = RestoreProjectIn(data=request.data)
        body.is_valid(raise_exception=True)
        num = restoring.restore_project(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return Response({"num_images": num})


class SubmitApi(Api):
    @extend_schema(request=None, responses=SubmittedOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        image, next_id = allocating.submit_and_go_on(
            user=request.user, image_id=image_id
        )
        return Response({"state": image.state, "next_id": next_id})


class ReopenApi(Api):
    @extend_schema(request=None, responses=SubmittedOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        image, next_id = allocating.reopen_and_go_on(
            user=request.user, image_id=image_id
        )
        return Response({"state": image.state, "next_id": next_id})
