"""How far labels can be trusted: overlap, tests, consensus."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.accounts.types import Role
from apps.core.http import Api, ApiRequest
from apps.labeling import selectors
from apps.labeling.selectors.quality import quality_of
from apps.labeling.serializers.quality import (
    ChangedOut,
    MergeIn,
    MergeOut,
    OverlapIn,
    QualityOut,
    TruthsIn,
)
from apps.labeling.services import merging, overlap


class QualityApi(Api):
    @extend_schema(operation_id="quality", responses=QualityOut)
    def get(self, request: ApiRequest, project_id: int) -> Response:
        """Answer agreement, tests and everybody's score card."""
        project = selectors.access_project(
            user=request.user, project_id=project_id, needs=Role.REVIEWER
        )
        found = quality_of(project_id=project_id)
        shown: dict[str, Any] = {
            name: getattr(found, name) for name in found.__dataclass_fields__
        }
        shown["honeypot_percent"] = project.honeypot_percent
        return Response(QualityOut(shown).data)


class OverlapApi(Api):
    @extend_schema(request=OverlapIn, responses=ChangedOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Have images labeled by several people; answer which they are."""
        body = OverlapIn(data=request.data)
        body.is_valid(raise_exception=True)
        ask = (
            overlap.ask_several
            if "image_ids" in body.validated_data
            else overlap.sample_overlap
        )
        ids = ask(user=request.user, project_id=project_id, **body.validated_data)
        return Response({"image_ids": ids})


class TruthsApi(Api):
    @extend_schema(request=TruthsIn, responses=ChangedOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Take submitted images for tests, or no longer; answer which changed."""
        body = TruthsIn(data=request.data)
        body.is_valid(raise_exception=True)
        ids = overlap.mark_truths(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return Response({"image_ids": ids})


class MergeApi(Api):
    @extend_schema(request=MergeIn, responses=MergeOut(many=True))
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Write what most people drew onto their images."""
        body = MergeIn(data=request.data)
        body.is_valid(raise_exception=True)
        merges = merging.merge_copies(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return Response(MergeOut(merges, many=True).data)


class UndoMergeApi(Api):
    @extend_schema(request=None, responses=ChangedOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        """Take the last merge of the image back."""
        image = merging.undo_merge(user=request.user, image_id=image_id)
        return Response({"image_ids": [image.pk]})
