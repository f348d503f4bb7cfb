from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.jobs.types import JobStatus
from apps.labeling import selectors
from apps.labeling.errors import UnknownFormatError
from apps.labeling.formats.coco import coco_text
from apps.labeling.formats.source import project_items, project_labels
from apps.labeling.serializers import PrelabelIn
from apps.labeling.services import prelabels


class PrelabelApi(Api):
    @extend_schema(
        request=PrelabelIn,
        responses={202: OpenApiTypes.OBJECT},
        operation_id="prelabel",
    )
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Start a job; its events are at /api/v1/jobs/<id>/events/."""
        body = PrelabelIn(data=request.data)
        body.is_valid(raise_exception=True)
        job = prelabels.start_prelabel(
            user=request.user, project_id=project_id, **body.validated_data
        )
        answer = {"job_id": str(job.pk), "status": JobStatus(job.status).value}
        return Response(answer, status.HTTP_202_ACCEPTED)


class ExportApi(Api):
    @extend_schema(
        operation_id="export",
        parameters=[
            OpenApiParameter("form", str, enum=["coco"], default="coco"),
            OpenApiParameter("only_submitted", bool, default=False),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: ApiRequest, project_id: int) -> HttpResponseBase:
        """Stream the project's annotations as a COCO file."""
        project = selectors.access_project(user=request.user, project_id=project_id)
        form = request.query_params.get("form", "coco")
        if form != "coco":
            raise UnknownFormatError(
                _("no format is called {form}; there is: coco").format(form=repr(form))
            )
        only_submitted = request.query_params.get("only_submitted", "") in {"1", "true"}
        items = project_items(project_id=project.pk, only_submitted=only_submitted)
        pieces = coco_text(project_labels(project.pk), items)
        return StreamingHttpResponse(
            pieces,
            content_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="project-{project.pk}.json"'
            },
        )
