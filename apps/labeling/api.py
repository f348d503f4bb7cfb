from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.core.errors import DomainError
from apps.core.files import blob_response
from apps.core.http import Api, ApiRequest, NewestFirst, if_match
from apps.jobs.types import JobStatus
from apps.labeling import selectors
from apps.labeling.formats.coco import export_coco
from apps.labeling.models import Image
from apps.labeling.serializers import (
    AnnotationOut,
    DocumentOut,
    HistoryOut,
    ImageIn,
    ImageOut,
    LabelIn,
    LabelOut,
    LabelPatch,
    OperationsIn,
    PredictionOut,
    PrelabelIn,
    ProjectIn,
    ProjectOut,
    ProjectPatch,
    RevisionOut,
    SubmittedOut,
)
from apps.labeling.services import images, prelabels, projects, saving


class UploadOrder(NewestFirst):
    ordering = "pk"


class NewestRevision(NewestFirst):
    ordering = "-revision"


class UnknownFormatError(DomainError):
    code = "unknown_format"


class ProjectListApi(Api):
    @extend_schema(
        operation_id="project_list",
        parameters=[OpenApiParameter("workspace", int)],
        responses=ProjectOut(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        workspace = request.query_params.get("workspace", "")
        rows = selectors.list_projects(
            user=request.user,
            workspace_id=int(workspace) if workspace.isdigit() else None,
        )
        return self.paginate(request, rows, ProjectOut)

    @extend_schema(request=ProjectIn, responses={201: ProjectOut})
    def post(self, request: ApiRequest) -> Response:
        body = ProjectIn(data=request.data)
        body.is_valid(raise_exception=True)
        project = projects.create_project(user=request.user, **body.validated_data)
        return Response(ProjectOut(project).data, status.HTTP_201_CREATED)


class ProjectApi(Api):
    @extend_schema(operation_id="project", responses=ProjectOut)
    def get(self, request: ApiRequest, project_id: int) -> Response:
        project = selectors.access_project(user=request.user, project_id=project_id)
        return Response(ProjectOut(project).data)

    @extend_schema(request=ProjectPatch, responses=ProjectOut)
    def patch(self, request: ApiRequest, project_id: int) -> Response:
        body = ProjectPatch(data=request.data)
        body.is_valid(raise_exception=True)
        project = projects.update_project(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return Response(ProjectOut(project).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, project_id: int) -> Response:
        projects.archive_project(user=request.user, project_id=project_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class LabelListApi(Api):
    @extend_schema(operation_id="label_list", responses=LabelOut(many=True))
    def get(self, request: ApiRequest, project_id: int) -> Response:
        selectors.access_project(user=request.user, project_id=project_id)
        rows = selectors.list_labels(project_id=project_id)
        return Response(LabelOut(rows, many=True).data)

    @extend_schema(request=LabelIn, responses={201: LabelOut})
    def post(self, request: ApiRequest, project_id: int) -> Response:
        body = LabelIn(data=request.data)
        body.is_valid(raise_exception=True)
        label = projects.add_label(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return Response(LabelOut(label).data, status.HTTP_201_CREATED)


class LabelApi(Api):
    @extend_schema(request=LabelPatch, responses=LabelOut)
    def patch(self, request: ApiRequest, project_id: int, label_id: int) -> Response:
        body = LabelPatch(data=request.data)
        body.is_valid(raise_exception=True)
        label = projects.update_label(
            user=request.user,
            project_id=project_id,
            label_id=label_id,
            **body.validated_data,
        )
        return Response(LabelOut(label).data)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, project_id: int, label_id: int) -> Response:
        projects.delete_label(
            user=request.user, project_id=project_id, label_id=label_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class ImageListApi(Api):
    pagination_class = UploadOrder
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="image_list",
        parameters=[OpenApiParameter("state", str), OpenApiParameter("name", str)],
        responses=ImageOut(many=True),
    )
    def get(self, request: ApiRequest, project_id: int) -> Response:
        selectors.access_project(user=request.user, project_id=project_id)
        rows = selectors.list_images(
            project_id=project_id,
            state=request.query_params.get("state", ""),
            name=request.query_params.get("name", ""),
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
            user=request.user, project_id=project_id, name=file.name, file=file.file
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(ImageOut(image).data, code)


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


class ImageShownApi(Api):
    @extend_schema(responses={(200, "image/*"): OpenApiTypes.BINARY})
    def get(self, request: ApiRequest, image_id: int) -> HttpResponseBase:
        """Answer what a browser can draw: the original, or an upright copy of it."""
        image = selectors.access_image(user=request.user, image_id=image_id)
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


class DocumentApi(Api):
    @extend_schema(operation_id="document", responses=DocumentOut)
    def get(self, request: ApiRequest, image_id: int) -> Response:
        """Answer all that the editor needs; the ETag is the revision."""
        image = selectors.access_image(user=request.user, image_id=image_id)
        headers = {"ETag": f'"{image.revision}"'}
        return Response(document(image), headers=headers)


def document(image: Image) -> dict[str, Any]:
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
            "state": image.state,
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
        "predictions": PredictionOut(image.predictions.all(), many=True).data,
        "previous_id": position.previous_id,
        "next_id": position.next_id,
    }


class OperationsApi(Api):
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
        body = OperationsIn(data=request.data)
        body.is_valid(raise_exception=True)
        revision = if_match(request)
        new = saving.apply_operations(
            user=request.user,
            image_id=image_id,
            revision=revision,
            key=request.headers.get("Idempotency-Key", f"revision-{revision}")[:64],
            operations=body.parsed(),
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


class SubmitApi(Api):
    @extend_schema(request=None, responses=SubmittedOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        image = images.submit_image(user=request.user, image_id=image_id)
        return _submitted(image)


class ReopenApi(Api):
    @extend_schema(request=None, responses=SubmittedOut)
    def post(self, request: ApiRequest, image_id: int) -> Response:
        return _submitted(images.reopen_image(user=request.user, image_id=image_id))


def _submitted(image: Image) -> Response:
    next_id = selectors.next_to_label(project_id=image.project_id, after_id=image.pk)
    return Response({"state": image.state, "next_id": next_id})


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
            raise UnknownFormatError(f"no format is called {form!r}; there is: coco")
        only_submitted = request.query_params.get("only_submitted", "") in {"1", "true"}
        pieces = export_coco(project_id=project.pk, only_submitted=only_submitted)
        return StreamingHttpResponse(
            pieces,
            content_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="project-{project.pk}.json"'
            },
        )
