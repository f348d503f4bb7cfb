from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.core.parsers import query_number
from apps.labeling.selectors.merges import Preview, access_pair, preview_merge
from apps.labeling.selectors.versions import access_version, version_before
from apps.labeling.serializers.versions import (
    MergePreviewOut,
    MergeVersionsIn,
    VersionOut,
)
from apps.labeling.services.merging_versions import merge_versions


class MergeVersionApi(Api):
    @extend_schema(
        operation_id="preview_version_merge",
        parameters=[
            OpenApiParameter(
                "other_id", int, description="Of the one to merge; else the one before"
            )
        ],
        responses=MergePreviewOut,
        description="What merging another version into this one would do, by images.",
    )
    def get(self, request: ApiRequest, version_id: int) -> Response:
        ours = access_version(user=request.user, version_id=version_id)
        other_id = query_number(request.query_params, "other_id")
        if other_id is None:
            before = version_before(ours)
            other_id = before.pk if before else ours.pk
        pair = access_pair(user=request.user, version_id=ours.pk, other_id=other_id)
        return Response(MergePreviewOut(_wire(preview_merge(pair))).data)

    @extend_schema(
        operation_id="merge_versions",
        request=MergeVersionsIn,
        responses={
            201: VersionOut,
            200: OpenApiResponse(
                VersionOut, description="There is one already that holds just this"
            ),
        },
        description=(
            "Makes a version that holds what this and another one hold. The project's "
            "annotations stay as they are."
        ),
    )
    def post(self, request: ApiRequest, version_id: int) -> Response:
        body = MergeVersionsIn(data=request.data)
        body.is_valid(raise_exception=True)
        done = merge_versions(
            user=request.user, version_id=version_id, **body.validated_data
        )
        version = access_version(user=request.user, version_id=done.version.id)
        code = status.HTTP_201_CREATED if done.is_new else status.HTTP_200_OK
        return Response(VersionOut(version).data, code)


def _wire(found: Preview) -> dict[str, Any]:
    ancestor = found.pair.ancestor
    return {
        "ancestor_id": ancestor.pk if ancestor else None,
        "images": found.num_images,
        "num_moved": found.num_moved,
        "num_resplit": found.num_resplit,
        "labels_added": found.labels_added,
        "is_needless": found.is_needless,
        "conflicts": [
            {"name": one.name, "difference": one.kind, **asdict(one.tally)}
            for one in found.conflicts
        ],
    }
