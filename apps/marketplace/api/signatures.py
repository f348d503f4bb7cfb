from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.errors import NotFoundError
from apps.core.http import Api, ApiRequest
from apps.marketplace import selectors
from apps.marketplace.selectors.signatures import Signed, signed
from apps.marketplace.types import MAIN


class SignatureOut(serializers.Serializer[Signed]):
    """``bundle`` is a file for ``model_signing verify key``; ``holds`` is checked anew."""

    holds = serializers.BooleanField()
    problem = serializers.CharField()
    fingerprint = serializers.CharField()
    public_pem = serializers.CharField()
    bundle = serializers.CharField()


class SignatureApi(Api):
    takes_limited_tokens = True

    @extend_schema(
        operation_id="model_signature",
        summary="What this server signed when a revision was made.",
        parameters=[OpenApiParameter("revision", str, default=MAIN)],
        responses=SignatureOut,
    )
    def get(self, request: ApiRequest, namespace: str, name: str) -> Response:
        model = selectors.addressed_repository(
            user=request.user, namespace=namespace, name=name
        )
        wanted: Any = request.query_params.get("revision", MAIN)
        revision = selectors.find_revision(model, wanted)
        found = signed(revision) if revision else None
        if found is None:
            raise NotFoundError(
                _(
                    "{full_name} at {revision} is not signed: its next commit will be"
                ).format(full_name=model.full_name, revision=repr(wanted[:80]))
            )
        return Response(SignatureOut(found).data)
