from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.marketplace import selectors
from apps.marketplace.models import Model, ModelRevision


class ModelRevisionOut(serializers.ModelSerializer[ModelRevision]):
    class Meta:
        model = ModelRevision
        fields = [
            "id", "revision", "title", "classes", "size_bytes", "num_bytes_new", "created_at",
        ]  # fmt: skip


class ModelOut(serializers.ModelSerializer[Model]):
    revisions = ModelRevisionOut(many=True)
    full_name = serializers.CharField()

    class Meta:
        model = Model
        fields = [
            "id", "full_name", "name", "visibility", "task", "summary", "licence",
            "num_parameters", "num_downloads", "num_likes", "revisions",
        ]  # fmt: skip


class ModelListApi(Api):
    takes_limited_tokens = True

    @extend_schema(operation_id="model_list", responses=ModelOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.paginate(
            request, selectors.list_models(user=request.user), ModelOut
        )
