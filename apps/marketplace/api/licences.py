from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.accounts.types import Scope
from apps.core.http import Api, ApiRequest
from apps.marketplace.models import LicenceRules
from apps.marketplace.selectors.licences import licence_rules
from apps.marketplace.services.licences import set_licence_rules


def _names(text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=200, help_text=text
    )


class LicenceRulesOut(serializers.Serializer[LicenceRules]):
    """SPDX identifiers, or "unknown": no licence, or one that SPDX lacks."""

    allowed = _names("Empty allows all that is not denied.")
    denied = _names("Denied though it is allowed too.")


class LicenceRulesApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(
        summary="Which licences a workspace deploys and trains from.",
        responses=LicenceRulesOut,
    )
    def get(self, request: ApiRequest, workspace_id: int) -> Response:
        rules = licence_rules(user=request.user, workspace_id=workspace_id)
        return Response(LicenceRulesOut(rules).data)

    @extend_schema(request=LicenceRulesOut, responses=LicenceRulesOut)
    def put(self, request: ApiRequest, workspace_id: int) -> Response:
        body = LicenceRulesOut(data=request.data)
        body.is_valid(raise_exception=True)
        rules = set_licence_rules(
            user=request.user, workspace_id=workspace_id, **body.validated_data
        )
        return Response(LicenceRulesOut(rules).data)
