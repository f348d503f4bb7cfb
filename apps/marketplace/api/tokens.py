from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.accounts.types import Scope
from apps.core.http import Api, ApiRequest
from apps.marketplace.selectors.tokens import list_limited_tokens
from apps.marketplace.services.tokens import MOST, create_limited_token


class LimitedTokenOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    repositories = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_repositories(self, token: Any) -> list[str]:
        return [row.address for row in token.repositories.all()]


class LimitedTokenMade(LimitedTokenOut):
    secret = serializers.CharField(help_text="Shown this once.")


class LimitedTokenIn(serializers.Serializer[Any]):
    """A repository is named as ``namespace/name``, data as ``datasets/namespace/name``."""

    name = serializers.CharField(max_length=120)
    scope = serializers.ChoiceField([Scope.READ.value, Scope.WRITE.value])
    repositories = serializers.ListField(
        child=serializers.CharField(max_length=250), min_length=1, max_length=MOST
    )
    days = serializers.IntegerField(min_value=1, max_value=3650, required=False)


class LimitedTokenListApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(
        operation_id="limited_token_list",
        summary="Your tokens that are for named repositories only.",
        responses=LimitedTokenOut(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        return self.paginate(
            request, list_limited_tokens(user=request.user), LimitedTokenOut
        )

    @extend_schema(request=LimitedTokenIn, responses={201: LimitedTokenMade})
    def post(self, request: ApiRequest) -> Response:
        body = LimitedTokenIn(data=request.data)
        body.is_valid(raise_exception=True)
        token, secret = create_limited_token(
            user=request.user,
            name=body.validated_data["name"],
            scope=Scope(body.validated_data["scope"]),
            repositories=body.validated_data["repositories"],
            days=body.validated_data.get("days"),
        )
        made = list_limited_tokens(user=request.user).get(pk=token.pk)
        answer = {**LimitedTokenOut(made).data, "secret": secret}
        return Response(answer, status.HTTP_201_CREATED)
