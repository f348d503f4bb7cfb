from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.http import Api, ApiRequest
from apps.deployments import selectors
from apps.deployments.models import Sampling
from apps.deployments.services import sampling as services
from apps.deployments.types import NewSampling


class SamplingIn(serializers.Serializer[Sampling]):
    project_id = serializers.IntegerField()
    is_agreed = serializers.BooleanField()
    per_day = serializers.IntegerField(default=50)
    unsure_below = serializers.FloatField(default=0.5)
    longest_side = serializers.IntegerField(default=1280)
    blur_px = serializers.IntegerField(default=0)
    keep_days = serializers.IntegerField(default=14)


class SamplingOut(serializers.ModelSerializer[Sampling]):
    agreed_by = serializers.CharField()
    num_waiting = serializers.SerializerMethodField()
    num_taken = serializers.SerializerMethodField()

    class Meta:
        model = Sampling
        fields = [
            *("project_id", "per_day", "unsure_below", "longest_side", "blur_px"),
            *("keep_days", "agreed_by", "agreed_at", "num_waiting", "num_taken"),
        ]

    def get_num_waiting(self, sampling: Sampling) -> int:
        return selectors.waiting_samples(endpoint_id=sampling.endpoint_id).count()

    def get_num_taken(self, sampling: Sampling) -> int:
        return selectors.count_samples(endpoint_id=sampling.endpoint_id)["taken"]


class SamplingApi(Api):
    @extend_schema(operation_id="endpoint_sampling", responses=SamplingOut)
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        selectors.access_endpoint(
            user=request.user, endpoint_id=endpoint_id, needs=Role.MANAGER
        )
        sampling = selectors.find_sampling(endpoint_id=endpoint_id)
        if sampling is None:
            raise NotFoundError(_("no live picture of this endpoint is kept"))
        return Response(SamplingOut(sampling).data)

    @extend_schema(
        operation_id="endpoint_sampling_start",
        request=SamplingIn,
        responses=SamplingOut,
    )
    def put(self, request: ApiRequest, endpoint_id: int) -> Response:
        form = SamplingIn(data=request.data)
        form.is_valid(raise_exception=True)
        sampling = services.start_sampling(
            user=request.user,
            endpoint_id=endpoint_id,
            wanted=NewSampling(**form.validated_data),
        )
        return Response(SamplingOut(sampling).data)

    @extend_schema(operation_id="endpoint_sampling_stop", responses={204: None})
    def delete(self, request: ApiRequest, endpoint_id: int) -> Response:
        services.stop_sampling(user=request.user, endpoint_id=endpoint_id)
        return Response(status=204)
