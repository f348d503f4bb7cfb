from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.deployments.trials import selectors, services
from apps.deployments.trials.models import Trial


class TrialIn(serializers.Serializer[Trial]):
    workspace_id = serializers.IntegerField()
    revision_id = serializers.IntegerField()
    image = serializers.FileField()


class TrialOut(serializers.ModelSerializer[Trial]):
    status = serializers.CharField(source="job.status")
    error = serializers.CharField(source="job.error")
    answer = serializers.JSONField(read_only=True)

    class Meta:
        model = Trial
        fields = [
            *("id", "job_id", "revision_id", "status", "error", "answer", "load_ms"),
            *("time_ms", "created_at"),
        ]


class TrialListApi(Api):
    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="trial_start", request=TrialIn, responses=TrialOut)
    def post(self, request: ApiRequest) -> Response:
        form = TrialIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        trial = services.start_trial(
            user=request.user,
            workspace_id=given["workspace_id"],
            revision_id=given["revision_id"],
            picture=services.check_picture(given["image"], size=given["image"].size),
        )
        return Response(TrialOut(trial).data, status=202)


class TrialApi(Api):
    @extend_schema(operation_id="trial", responses=TrialOut)
    def get(self, request: ApiRequest, trial_id: int) -> Response:
        trial = selectors.access_trial(user=request.user, trial_id=trial_id)
        return Response(TrialOut(trial).data)
