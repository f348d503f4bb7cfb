from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.core.parsers import number
from apps.diagnostics.evaluations import selectors, services
from apps.diagnostics.evaluations.models import SPLIT_CHOICES, Evaluation


class EvaluationIn(serializers.Serializer[Evaluation]):
    revision_id = serializers.IntegerField()
    version_id = serializers.IntegerField()
    split = serializers.ChoiceField(choices=SPLIT_CHOICES, default="val")


class EvaluationOut(serializers.ModelSerializer[Evaluation]):
    model = serializers.CharField(source="revision.model.full_name")
    revision = serializers.CharField(source="revision.revision")
    status = serializers.CharField(source="job.status")
    error = serializers.CharField(source="job.error")
    figures = serializers.DictField()
    is_genuine = serializers.SerializerMethodField()

    class Meta:
        model = Evaluation
        fields = [
            *("id", "job_id", "model", "revision", "revision_id", "version_id"),
            *("split", "status", "error", "figures", "is_genuine", "weights_sha256"),
            *("data_sha256", "code_version", "measured_at", "signature"),
        ]

    def get_is_genuine(self, row: Evaluation) -> bool:
        return services.is_genuine(row)


class EvaluationListApi(Api):
    @extend_schema(
        operation_id="evaluations",
        parameters=[
            OpenApiParameter("revision_id", int),
            OpenApiParameter("version_id", int),
        ],
        responses=EvaluationOut(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        asked: dict[str, Any] = request.query_params
        rows = selectors.list_evaluations(
            user=request.user,
            revision_id=number(asked.get("revision_id", "")),
            version_id=number(asked.get("version_id", "")),
        )
        return Response(EvaluationOut(rows[: selectors.MOST], many=True).data)

    @extend_schema(
        operation_id="evaluation_start",
        request=EvaluationIn,
        responses={202: EvaluationOut},
    )
    def post(self, request: ApiRequest) -> Response:
        form = EvaluationIn(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.start_evaluation(user=request.user, **form.validated_data)
        return Response(EvaluationOut(made).data, status=202)


class EvaluationApi(Api):
    @extend_schema(operation_id="evaluation", responses=EvaluationOut)
    def get(self, request: ApiRequest, evaluation_id: int) -> Response:
        found = selectors.access_evaluation(
            user=request.user, evaluation_id=evaluation_id
        )
        return Response(EvaluationOut(found).data)
