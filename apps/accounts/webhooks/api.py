from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.accounts.types import Scope
from apps.accounts.webhooks import selectors, services
from apps.accounts.webhooks.models import Delivery, Webhook
from apps.core.http import Api, ApiRequest, NewestFirst


class WebhookOut(serializers.ModelSerializer[Webhook]):
    class Meta:
        model = Webhook
        fields = ["id", "url", "events", "is_active", "created_at"]


class NewWebhookOut(WebhookOut):
    secret = serializers.CharField()

    class Meta(WebhookOut.Meta):
        fields = [*WebhookOut.Meta.fields, "secret"]


class WebhookIn(serializers.Serializer[Any]):
    url = serializers.URLField(max_length=500)
    events = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=50
    )


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    is_taken = serializers.BooleanField()

    class Meta:
        model = Delivery
        fields = [
            "id", "event", "created_at", "num_attempts", "status", "problem", "next_at",
            "is_taken",
        ]  # fmt: skip


class NewestDelivery(NewestFirst):
    ordering = ("-created_at", "id")


class WebhookListApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(operation_id="webhook_list", responses=WebhookOut(many=True))
    def get(self, request: ApiRequest, workspace_id: int) -> Response:
        found = selectors.list_webhooks(user=request.user, workspace_id=workspace_id)
        return self.paginate(request, found, WebhookOut)

    @extend_schema(
        operation_id="webhook_create",
        request=WebhookIn,
        responses={201: NewWebhookOut},
    )
    def post(self, request: ApiRequest, workspace_id: int) -> Response:
        """Have an address told; the answer holds its secret, which is shown once."""
        given = WebhookIn(data=request.data)
        given.is_valid(raise_exception=True)
        made, secret = services.create_webhook(
            user=request.user, workspace_id=workspace_id, **given.validated_data
        )
        out = {**WebhookOut(made).data, "secret": secret}
        return Response(out, status.HTTP_201_CREATED)


class WebhookApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(operation_id="webhook_delete", responses={204: None})
    def delete(
        self, request: ApiRequest, workspace_id: int, webhook_id: int
    ) -> Response:
        services.delete_webhook(
            user=request.user, workspace_id=workspace_id, webhook_id=webhook_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class PingApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(
        operation_id="webhook_ping", request=None, responses={202: DeliveryOut}
    )
    def post(self, request: ApiRequest, workspace_id: int, webhook_id: int) -> Response:
        """Send an event that says nothing."""
        sent = services.ping(
            user=request.user, workspace_id=workspace_id, webhook_id=webhook_id
        )
        return Response(DeliveryOut(sent).data, status.HTTP_202_ACCEPTED)


class DeliveryListApi(Api):
    pagination_class = NewestDelivery
    needs_scope = Scope.ADMIN

    @extend_schema(operation_id="webhook_deliveries", responses=DeliveryOut(many=True))
    def get(self, request: ApiRequest, workspace_id: int, webhook_id: int) -> Response:
        found = selectors.access_webhook(
            user=request.user, workspace_id=workspace_id, webhook_id=webhook_id
        )
        return self.paginate(request, found.deliveries.all(), DeliveryOut)
