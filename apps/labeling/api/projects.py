from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.core.parsers import query_number
from apps.labeling import selectors
from apps.labeling.serializers import (
    ProjectIn,
    ProjectOut,
    ProjectPatch,
)
from apps.labeling.serializers.labels import LabelIn, LabelOut, LabelPatch
from apps.labeling.services import projects


class ProjectListApi(Api):
    @extend_schema(
        operation_id="project_list",
        parameters=[OpenApiParameter("workspace", int)],
        responses=ProjectOut(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        rows = selectors.list_projects(
            user=request.user,
            workspace_id=query_number(request.query_params, "workspace"),
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
    pagination_class = None

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
