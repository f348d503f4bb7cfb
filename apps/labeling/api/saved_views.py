"""Choices of images under a name: one's own, and what others share."""

from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.labeling import selectors
from apps.labeling.models import SavedView
from apps.labeling.services import saved_views


class SavedViewIn(serializers.Serializer[Any]):
    name = serializers.CharField()
    query = serializers.CharField(
        help_text="As of the list of images, such as state=submitted&order=doubt."
    )
    is_shared = serializers.BooleanField(required=False)


class SavedViewOut(serializers.ModelSerializer[SavedView]):
    owner = serializers.CharField(source="owner.email")

    class Meta:
        model = SavedView
        fields = ["id", "name", "query", "is_shared", "owner"]


class SavedViewListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="saved_view_list", responses=SavedViewOut(many=True))
    def get(self, request: ApiRequest, project_id: int) -> Response:
        selectors.access_project(user=request.user, project_id=project_id)
        views = selectors.list_saved_views(user=request.user, project_id=project_id)
        return Response(SavedViewOut(views, many=True).data)

    @extend_schema(request=SavedViewIn, responses={201: SavedViewOut})
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Keep a view; one of one's own of that name is replaced."""
        selectors.access_project(user=request.user, project_id=project_id)
        body = SavedViewIn(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        view = saved_views.save_view(
            user=request.user,
            project_id=project_id,
            **{**given, "query": QueryDict(given["query"]).dict()},
        )
        return Response(SavedViewOut(view).data, status.HTTP_201_CREATED)


class SavedViewApi(Api):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, project_id: int, view_id: int) -> Response:
        saved_views.delete_view(
            user=request.user, project_id=project_id, view_id=view_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
