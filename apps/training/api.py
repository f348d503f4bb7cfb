from dataclasses import asdict, replace

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.core.devices import num_cpus
from apps.core.http import Api, ApiRequest
from apps.core.parsers import query_number
from apps.jobs.types import Priority
from apps.training import selectors
from apps.training.models import RunSeries, TrainingRun
from apps.training.services import starting
from apps.training.types import PRESET_NAMES, NewRun, RunDevice


class RunOut(serializers.ModelSerializer[TrainingRun]):
    status = serializers.CharField(source="job.status")
    num_done = serializers.IntegerField(source="job.num_done")
    num_total = serializers.IntegerField(source="job.num_total")
    last_seq = serializers.IntegerField(source="job.last_seq")
    error_code = serializers.CharField(source="job.error_code")
    error = serializers.CharField(source="job.error")

    class Meta:
        model = TrainingRun
        fields = [
            "id", "workspace_id", "job_id", "name", "notes", "tags",
            "dataset_version_id", "base_revision_id", "cloned_from_id", "preset",
            "changes", "recipe", "device", "licence", "code_version", "estimate_s",
            "images_per_s", "best", "best_step", "verdict", "result_revision_id",
            "status", "num_done", "num_total", "last_seq", "error_code", "error",
            "created_at",
        ]  # fmt: skip


class NewRunIn(serializers.Serializer[NewRun]):
    name = serializers.CharField(max_length=90)
    dataset_version_id = serializers.IntegerField(min_value=1, max_value=2**62)
    base_revision_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62
    )
    preset = serializers.ChoiceField(choices=PRESET_NAMES, default="balanced")
    changes = serializers.DictField(required=False)
    device = serializers.ChoiceField(
        choices=[one.value for one in RunDevice], default=RunDevice.CPU.value
    )
    priority = serializers.ChoiceField(
        choices=[one.value for one in Priority], default=Priority.NORMAL.value
    )
    time_limit_s = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1
    )
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20
    )
    licence = serializers.CharField(default="apache-2.0", max_length=64)


class CloneIn(serializers.Serializer[NewRun]):
    name = serializers.CharField(max_length=90, required=False)
    changes = serializers.DictField(required=False)


class RunIn(serializers.Serializer[TrainingRun]):
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20
    )


class EstimateIn(serializers.Serializer[NewRun]):
    preset = serializers.ChoiceField(choices=PRESET_NAMES, default="balanced")
    changes = serializers.DictField(required=False)
    device = serializers.ChoiceField(
        choices=[one.value for one in RunDevice], default=RunDevice.CPU.value
    )


class EstimateOut(serializers.Serializer[object]):
    seconds = serializers.FloatField()
    low_s = serializers.FloatField()
    high_s = serializers.FloatField()
    images_per_s = serializers.FloatField()
    num_steps = serializers.IntegerField()
    num_measured = serializers.IntegerField()


class PresetOut(serializers.Serializer[object]):
    name = serializers.CharField()
    recipe = serializers.DictField()


class CurveOut(serializers.ModelSerializer[RunSeries]):
    class Meta:
        model = RunSeries
        fields = ["name", "steps", "values"]


class PresetListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="preset_list", responses=PresetOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return Response(
            [
                {"name": name, "recipe": asdict(recipe)}
                for name, recipe in selectors.list_presets()
            ]
        )


class EstimateApi(Api):
    @extend_schema(
        operation_id="run_estimate", request=EstimateIn, responses=EstimateOut
    )
    def post(self, request: ApiRequest) -> Response:
        given = EstimateIn(data=request.data)
        given.is_valid(raise_exception=True)
        chosen = given.validated_data
        recipe = selectors.recipe_of(
            preset_name=chosen["preset"], changes=chosen.get("changes", {})
        )
        found = selectors.estimate(
            recipe=recipe, device=chosen["device"], num_cpus=num_cpus(), num_val=0
        )
        return Response(EstimateOut(asdict(found)).data)


class RunListApi(Api):
    @extend_schema(
        operation_id="run_list",
        parameters=[OpenApiParameter("workspace", int)],
        responses=RunOut(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        runs = selectors.list_runs(
            user=request.user,
            workspace_id=query_number(request.query_params, "workspace"),
        )
        return self.paginate(request, runs, RunOut)

    @extend_schema(operation_id="run_start", request=NewRunIn, responses={201: RunOut})
    def post(self, request: ApiRequest) -> Response:
        given = NewRunIn(data=request.data)
        given.is_valid(raise_exception=True)
        chosen = given.validated_data
        new = NewRun(
            name=chosen["name"], dataset_version_id=chosen["dataset_version_id"]
        )
        rest = {key: value for key, value in chosen.items() if value is not None}
        rest["tags"] = tuple(chosen.get("tags", ()))
        rest["device"] = RunDevice(chosen["device"])
        run = starting.start_run(user=request.user, new=replace(new, **rest))
        return Response(RunOut(run).data, status=status.HTTP_201_CREATED)


class RunApi(Api):
    @extend_schema(operation_id="run", responses=RunOut)
    def get(self, request: ApiRequest, run_id: int) -> Response:
        run = selectors.access_run(user=request.user, run_id=run_id)
        return Response(RunOut(run).data)

    @extend_schema(operation_id="run_describe", request=RunIn, responses=RunOut)
    def patch(self, request: ApiRequest, run_id: int) -> Response:
        given = RunIn(data=request.data)
        given.is_valid(raise_exception=True)
        run = starting.describe_run(
            user=request.user,
            run_id=run_id,
            notes=given.validated_data.get("notes"),
            tags=given.validated_data.get("tags"),
        )
        return Response(RunOut(run).data)


class RunCloneApi(Api):
    @extend_schema(operation_id="run_clone", request=CloneIn, responses={201: RunOut})
    def post(self, request: ApiRequest, run_id: int) -> Response:
        given = CloneIn(data=request.data)
        given.is_valid(raise_exception=True)
        run = starting.clone_run(
            user=request.user,
            run_id=run_id,
            name=given.validated_data.get("name", ""),
            changes=given.validated_data.get("changes"),
        )
        return Response(RunOut(run).data, status=status.HTTP_201_CREATED)


class CurveListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="curve_list", responses=CurveOut(many=True))
    def get(self, request: ApiRequest, run_id: int) -> Response:
        selectors.access_run(user=request.user, run_id=run_id)
        return Response(CurveOut(selectors.series_of(run_id=run_id), many=True).data)
