from dataclasses import asdict
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest
from apps.core.parsers import query_number
from apps.diagnostics import selectors
from apps.diagnostics.errors import NotDoneError
from apps.diagnostics.formats import exporting
from apps.diagnostics.formats.showing import summary, tool_question, tool_title
from apps.diagnostics.models import Report
from apps.diagnostics.selectors.estimates import num_images_of
from apps.diagnostics.services import acting, starting
from apps.diagnostics.types import NewReport
from apps.jobs.types import JobStatus
from apps.labeling.selectors import access_dataset_version
from apps.marketplace.selectors import access_model_revision
from deepseek_diagnostics.catalog import BY_ID, TOOLS


class ToolOut(serializers.Serializer[object]):
    id = serializers.CharField()
    title = serializers.CharField()
    question = serializers.CharField()
    version = serializers.IntegerField()
    needs = serializers.ListField(child=serializers.CharField())


class ReportOut(serializers.ModelSerializer[Report]):
    status = serializers.CharField(source="job.status")
    num_done = serializers.IntegerField(source="job.num_done")
    num_total = serializers.IntegerField(source="job.num_total")
    error_code = serializers.CharField(source="job.error_code")
    error = serializers.CharField(source="job.error")

    class Meta:
        model = Report
        fields = [
            "id", "workspace_id", "job_id", "model_name", "revision_id",
            "other_revision_id", "version_id", "reference_version_id", "run_id",
            "earlier_id", "tools", "splits", "mapping", "options", "seed",
            "num_images", "estimate_s", "status", "num_done", "num_total",
            "error_code", "error", "created_at",
        ]  # fmt: skip


class SummaryOut(serializers.Serializer[object]):
    id = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.CharField()
    figure = serializers.CharField()
    span = serializers.CharField()
    text = serializers.CharField()


class ChangeOut(serializers.Serializer[object]):
    tool = serializers.CharField()
    name = serializers.CharField()
    before = serializers.FloatField()
    after = serializers.FloatField()
    change = serializers.FloatField()
    verdict = serializers.CharField()


class ResultsOut(serializers.Serializer[object]):
    results = serializers.ListField(child=serializers.DictField())
    summary = SummaryOut(many=True)
    changes = ChangeOut(many=True)


class NewReportIn(serializers.Serializer[NewReport]):
    revision_id = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    model = serializers.CharField(
        required=False,
        max_length=250,
        help_text="namespace/name or namespace/name@revision, instead of revision_id.",
    )
    version_id = serializers.IntegerField(min_value=1, max_value=2**62)
    tools = serializers.ListField(
        child=serializers.CharField(max_length=32), required=False, max_length=40
    )
    splits = serializers.ListField(
        child=serializers.CharField(max_length=5), required=False, max_length=3
    )
    other_revision_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62
    )
    reference_version_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62
    )
    run_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62
    )
    mapping = serializers.DictField(
        child=serializers.CharField(max_length=250, allow_blank=True),
        required=False,
        help_text="Class of the model to label of the data; empty leaves it out.",
    )
    options = serializers.DictField(child=serializers.FloatField(), required=False)
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**31 - 1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("revision_id" in attrs) == ("model" in attrs):
            raise serializers.ValidationError(_("give either revision_id or model"))
        return attrs


class AgainIn(serializers.Serializer[object]):
    revision_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62
    )


class ActIn(serializers.Serializer[object]):
    tool = serializers.CharField(max_length=32)
    code = serializers.CharField(
        max_length=64, help_text="The finding's, such as labels.missing."
    )


class ActOut(serializers.Serializer[object]):
    num_sent_back = serializers.IntegerField()
    num_moved = serializers.IntegerField(help_text="Images in another split now.")
    num_deleted = serializers.IntegerField()
    job_id = serializers.CharField(
        help_text="Of the job that changes or trains a model; it is measured when that "
        "is done. Else empty."
    )
    report_id = serializers.IntegerField(
        allow_null=True, help_text="Measures again what was put right at once."
    )


class ReportEstimateIn(serializers.Serializer[object]):
    version_id = serializers.IntegerField(min_value=1, max_value=2**62)
    tools = serializers.ListField(
        child=serializers.CharField(max_length=32), required=False, max_length=40
    )
    splits = serializers.ListField(
        child=serializers.CharField(max_length=5), required=False, max_length=3
    )


class ReportEstimateOut(serializers.Serializer[object]):
    seconds = serializers.FloatField()
    num_images = serializers.IntegerField()
    num_tools = serializers.IntegerField()
    num_measured = serializers.IntegerField()


class ToolListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="tool_list", responses=ToolOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return Response(
            [
                {
                    "id": one.id,
                    "title": tool_title(one.id),
                    "question": tool_question(one),
                    "version": one.version,
                    "needs": sorted(one.needs),
                }
                for one in TOOLS
            ]
        )


class EstimateApi(Api):
    @extend_schema(
        operation_id="report_estimate",
        request=ReportEstimateIn,
        responses=ReportEstimateOut,
    )
    def post(self, request: ApiRequest) -> Response:
        given = ReportEstimateIn(data=request.data)
        given.is_valid(raise_exception=True)
        chosen = given.validated_data
        version = access_dataset_version(
            user=request.user, version_id=chosen["version_id"]
        )
        wanted = chosen.get("tools") or BY_ID
        found = selectors.estimate(
            tools=[one for one in BY_ID if one in wanted],
            num_images=num_images_of(version, chosen.get("splits", ())),
        )
        return Response(ReportEstimateOut(asdict(found)).data)


class ReportListApi(Api):
    @extend_schema(
        operation_id="report_list",
        parameters=[OpenApiParameter("workspace", int)],
        responses=ReportOut(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        reports = selectors.list_reports(
            user=request.user,
            workspace_id=query_number(request.query_params, "workspace"),
        )
        return self.paginate(request, reports, ReportOut)

    @extend_schema(
        operation_id="report_start", request=NewReportIn, responses={201: ReportOut}
    )
    def post(self, request: ApiRequest) -> Response:
        given = NewReportIn(data=request.data)
        given.is_valid(raise_exception=True)
        chosen = dict(given.validated_data)
        if name := chosen.pop("model", ""):
            name, _at, revision = name.partition("@")
            found = access_model_revision(
                user=request.user, name=name, revision=revision or "main"
            )
            chosen["revision_id"] = found.id
        for key in ("tools", "splits"):
            chosen[key] = tuple(chosen.get(key, ()))
        report = starting.start_report(user=request.user, new=NewReport(**chosen))
        return Response(ReportOut(report).data, status=status.HTTP_201_CREATED)


class ReportApi(Api):
    @extend_schema(operation_id="report", responses=ReportOut)
    def get(self, request: ApiRequest, report_id: int) -> Response:
        report = selectors.access_report(user=request.user, report_id=report_id)
        return Response(ReportOut(report).data)


class ResultsApi(Api):
    pagination_class = None

    @extend_schema(operation_id="report_results", responses=ResultsOut)
    def get(self, request: ApiRequest, report_id: int) -> Response:
        report = selectors.access_report(user=request.user, report_id=report_id)
        results = selectors.results_of(report.pk)
        changes = selectors.changes_since(report, results)
        return Response(
            {
                "results": [asdict(one) for one in results],
                "summary": [asdict(one) for one in summary(results)],
                "changes": [asdict(one) for one in changes],
            }
        )


class AgainApi(Api):
    @extend_schema(
        operation_id="report_again", request=AgainIn, responses={201: ReportOut}
    )
    def post(self, request: ApiRequest, report_id: int) -> Response:
        given = AgainIn(data=request.data)
        given.is_valid(raise_exception=True)
        report = starting.measure_again(
            user=request.user,
            report_id=report_id,
            revision_id=given.validated_data.get("revision_id"),
        )
        return Response(ReportOut(report).data, status=status.HTTP_201_CREATED)


class ActApi(Api):
    @extend_schema(operation_id="report_act", request=ActIn, responses={201: ActOut})
    def post(self, request: ApiRequest, report_id: int) -> Response:
        """Do what a finding advises; its effect is measured when it is done."""
        given = ActIn(data=request.data)
        given.is_valid(raise_exception=True)
        done = acting.act(
            user=request.user, report_id=report_id, **given.validated_data
        )
        return Response(ActOut(asdict(done)).data, status=status.HTTP_201_CREATED)


class ExportApi(Api):
    pagination_class = None

    @extend_schema(
        operation_id="report_export",
        parameters=[OpenApiParameter("form", str, enum=["html", "json", "precision"])],
        responses={(200, "text/html"): str, (200, "application/json"): ResultsOut},
    )
    def get(self, request: ApiRequest, report_id: int) -> HttpResponse:
        report = selectors.access_report(user=request.user, report_id=report_id)
        if report.job.status != JobStatus.DONE:
            raise NotDoneError(_("wait until the report is done, then export it"))
        results = selectors.results_of(report.pk)
        form = request.query_params.get("form")
        name = f"report-{report.pk}.json"
        response: HttpResponse
        if form == "json":
            response = JsonResponse({"results": [asdict(one) for one in results]})
        elif form == "precision":
            response = JsonResponse(exporting.precision_of(results))
            name = f"precision-{report.pk}.json"
        else:
            html = exporting.html_of(report, results)
            response = HttpResponse(html, content_type="text/html; charset=utf-8")
            name = f"report-{report.pk}.html"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
