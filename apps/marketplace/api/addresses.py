from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.marketplace import selectors
from apps.marketplace.models import OldAddress
from apps.marketplace.services.repositories import forget_address


class OldAddressOut(serializers.ModelSerializer[OldAddress]):
    address = serializers.CharField(source="__str__")

    class Meta:
        model = OldAddress
        fields = ["id", "address", "left_at"]


class AddressListApi(Api):
    @extend_schema(
        operation_id="model_addresses",
        summary="Where a model lived before it was renamed; these lead to it.",
        responses=OldAddressOut(many=True),
    )
    def get(self, request: ApiRequest, namespace: str, name: str) -> Response:
        model = selectors.addressed_repository(
            user=request.user, namespace=namespace, name=name
        )
        rows = model.old_addresses.select_related("namespace").order_by("-pk")
        return Response(OldAddressOut(rows, many=True).data)


class AddressApi(Api):
    @extend_schema(
        operation_id="model_address_forget",
        summary="Let an old address lead nowhere, so that another can be made there.",
        responses={204: None},
    )
    def delete(self, request: ApiRequest, address_id: int, **names: Any) -> Response:
        model = selectors.addressed_repository(user=request.user, **names)
        forget_address(user=request.user, model=model, address_id=address_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
