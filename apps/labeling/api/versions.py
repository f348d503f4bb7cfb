from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.response import Response

from apps.core.errors import NotFoundError
from apps.core.http import Api, ApiRequest, NewestFirst
from apps.core.parsers import query_number
from apps.labeling import selectors
from apps.labeling.formats.coco import coco_text
from apps.labeling.formats.source import version_items, version_labels
from apps.labeling.selectors.differences import Difference, diff_versions
from apps.labeling.selectors.versions import access_version, version_before, versions_of
from apps.labeling.serializers.versions import DifferenceOut, VersionIn, VersionOut
from apps.labeling.services.restoring_versions import restore_version
from apps.labeling.services.versions import make_version


class NewestNumber(NewestFirst):
    ordering = "-number"


class VersionListApi(Api):
    pagination_class = NewestNumber

    @extend_schema(operation_id="version_list", responses=VersionOut(many=True))
    def get(self, request: ApiRequest, project_id: int) -> Response:
        selectors.access_project(user=request.user, project_id=project_id)
        return self.paginate(request, versions_of(project_id=project_id), VersionOut)

    @extend_schema(
        operation_id="make_version",
        request=VersionIn,
        responses={201: VersionOut},
        description="Freezes the project; the newest version where nothing changed.",
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        body = VersionIn(data=request.data)
        body.is_valid(raise_exception=True)
        made = make_version(user=request.user, project_id=project_id, **body.parsed())
        version = access_version(user=request.user, version_id=made.id)
        return Response(VersionOut(version).data, status.HTTP_201_CREATED)


class VersionApi(Api):
    @extend_schema(operation_id="version", responses=VersionOut)
    def get(self, request: ApiRequest, version_id: int) -> Response:
        version = access_version(user=request.user, version_id=version_id)
        return Response(VersionOut(version).data)


class DifferenceApi(Api):
    @extend_schema(
        operation_id="version_difference",
        parameters=[
            OpenApiParameter(
                "since", int, description="Id of the older version; else the one before"
            )
        ],
        responses=DifferenceOut,
    )
    def get(self, request: ApiRequest, version_id: int) -> Response:
        new = access_version(user=request.user, version_id=version_id)
        since = query_number(request.query_params, "since")
        if since is None:
            old = version_before(new)
        else:
            old = access_version(user=request.user, version_id=since)
        if old is None or old.project_id != new.project_id:
            raise NotFoundError(_("dataset version not found"))
        return Response(_wire(diff_versions(old=old, new=new)))


def _wire(found: Difference) -> dict[str, Any]:
    rows = [{"label": name, **_tally(tally)} for name, tally in found.classes.items()]
    return {
        "images": found.num_images,
        "moved": found.num_moved,
        "annotations": _tally(found.tally),
        "classes": rows,
        "labels_added": found.labels_added,
        "labels_removed": found.labels_removed,
        "labels_renamed": [list(pair) for pair in found.renamed],
        "examples": [
            {"name": one.name, "difference": one.kind, **_tally(one.tally)}
            for one in found.images
        ],
    }


def _tally(tally: Any) -> dict[str, int]:
    return {
        "added": tally.added,
        "removed": tally.removed,
        "changed": tally.changed,
    }


class RestoreApi(Api):
    @extend_schema(
        operation_id="restore_version", request=None, responses=OpenApiTypes.OBJECT
    )
    def post(self, request: ApiRequest, version_id: int) -> Response:
        """Put its annotations, labels and deleted images back."""
        done = restore_version(user=request.user, version_id=version_id)
        return Response(
            {
                "before_id": done.before.id if done.before else None,
                "num_changed": done.num_changed,
                "num_added": done.num_added,
            }
        )


class ExportApi(Api):
    @extend_schema(operation_id="version_export", responses=OpenApiTypes.OBJECT)
    def get(self, request: ApiRequest, version_id: int) -> HttpResponseBase:
        """Stream the version as a COCO file with the split of each image."""
        version = access_version(user=request.user, version_id=version_id)
        labels = version_labels(version)
        name = f"project-{version.project_id}-v{version.number}.json"
        return StreamingHttpResponse(
            coco_text(labels, version_items(version)),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
