from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.marketplace import selectors
from apps.marketplace.models import Clearance
from apps.marketplace.services.clearing import check_clears, clear_revision
from apps.marketplace.types import MAIN


class ClearanceIn(serializers.Serializer[Clearance]):
    revision = serializers.CharField(default=MAIN, max_length=200)
    reason = serializers.CharField(max_length=500)


class ClearanceOut(serializers.ModelSerializer[Clearance]):
    revision = serializers.CharField(source="revision.revision")
    by = serializers.CharField(source="user")

    class Meta:
        model = Clearance
        fields = ["revision", "reason", "by", "at"]


class ClearanceApi(Api):
    @extend_schema(
        operation_id="model_clear",
        summary="Let a revision be used that scanners held.",
        request=ClearanceIn,
        responses={201: ClearanceOut},
    )
    def post(self, request: ApiRequest, namespace: str, name: str) -> Response:
        model = selectors.addressed_repository(
            user=request.user, namespace=namespace, name=name
        )
        check_clears(request.user, model)
        body = ClearanceIn(data=request.data)
        body.is_valid(raise_exception=True)
        made = clear_revision(user=request.user, model=model, **body.validated_data)
        return Response(ClearanceOut(made).data, status.HTTP_201_CREATED)
