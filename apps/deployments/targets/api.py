from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.files import blob_response
from apps.core.http import Api, ApiRequest
from apps.deployments.targets import selectors
from apps.deployments.targets.engines.bundle import access_bundle
from apps.deployments.targets.engines.planning import plan_change, plan_deployment
from apps.deployments.targets.engines.registry import TARGETS
from apps.deployments.targets.models import Credential, Deployment, Entry, Resource
from apps.deployments.targets.services import credentials as credential_services
from apps.deployments.targets.services import deployments
from apps.deployments.targets.types import NewDeployment


class OptionOut(serializers.Serializer[object]):
    name = serializers.CharField()
    title = serializers.CharField(source="label")
    help = serializers.CharField()
    default = serializers.JSONField()
    example = serializers.CharField()
    is_required = serializers.BooleanField()
    choices = serializers.ListField(child=serializers.CharField())


class TargetOut(serializers.Serializer[object]):
    key = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    options = OptionOut(many=True)
    secrets = serializers.ListField(child=serializers.CharField())


class DeploymentOut(serializers.ModelSerializer[Deployment]):
    model = serializers.CharField(source="full_name")

    class Meta:
        model = Deployment
        fields = [
            *("id", "workspace", "name", "slug", "target", "model", "number"),
            *("weights_sha256", "options", "plan", "state", "error", "error_code"),
            *("url", "job_id", "drift", "checked_at", "created_at"),
        ]


class DeploymentIn(serializers.Serializer[Deployment]):
    workspace_id = serializers.IntegerField()
    name = serializers.CharField(max_length=120)
    target = serializers.CharField(max_length=24)
    model = serializers.CharField(max_length=200, default="", allow_blank=True)
    options = serializers.DictField(default=dict)
    credential_id = serializers.IntegerField(default=None, allow_null=True)


class ChangeIn(serializers.Serializer[Deployment]):
    model = serializers.CharField(max_length=200, default="", allow_blank=True)
    options = serializers.DictField(default=dict)


class ConfirmIn(serializers.Serializer[Deployment]):
    digest = serializers.CharField(max_length=64)


class ChooseIn(serializers.Serializer[Deployment]):
    credential_id = serializers.IntegerField(allow_null=True)


class ResourceOut(serializers.ModelSerializer[Resource]):
    class Meta:
        model = Resource
        fields = [
            *("number", "key", "kind", "name", "where", "body", "usd_per_hour"),
            *("external_id", "state", "changed_at"),
        ]


class EntryOut(serializers.ModelSerializer[Entry]):
    actor = serializers.CharField(allow_null=True)

    class Meta:
        model = Entry
        fields = ["at", "kind", "actor", "model", "weights_sha256", "number", "note"]


class CredentialOut(serializers.ModelSerializer[Credential]):
    class Meta:
        model = Credential
        fields = ["id", "name", "target", "created_at", "used_at"]


class CredentialIn(serializers.Serializer[Credential]):
    workspace_id = serializers.IntegerField()
    name = serializers.CharField(max_length=80)
    target = serializers.ChoiceField(
        choices=[key for key, each in TARGETS.items() if each.secrets]
    )
    values = serializers.DictField(child=serializers.CharField(), write_only=True)


class TargetListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="target_list", responses=TargetOut(many=True))
    def get(self, _request: ApiRequest) -> Response:
        return Response(TargetOut(list(TARGETS.values()), many=True).data)


class DeploymentListApi(Api):
    @extend_schema(operation_id="deployment_list", responses=DeploymentOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        rows = selectors.list_deployments(user=request.user)
        return self.paginate(request, rows, DeploymentOut)

    @extend_schema(
        operation_id="deployment_plan",
        request=DeploymentIn,
        responses={201: DeploymentOut},
    )
    def post(self, request: ApiRequest) -> Response:
        form = DeploymentIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        made = plan_deployment(
            user=request.user,
            workspace_id=given.pop("workspace_id"),
            new=NewDeployment(**given),
        )
        return Response(DeploymentOut(made).data, status=201)


class DeploymentApi(Api):
    @extend_schema(operation_id="deployment", responses=DeploymentOut)
    def get(self, request: ApiRequest, deployment_id: int) -> Response:
        found = selectors.access_deployment(
            user=request.user, deployment_id=deployment_id
        )
        return Response(DeploymentOut(found).data)

    @extend_schema(operation_id="deployment_remove", responses={202: DeploymentOut})
    def delete(self, request: ApiRequest, deployment_id: int) -> Response:
        found = deployments.remove_deployment(
            user=request.user, deployment_id=deployment_id
        )
        return Response(DeploymentOut(found).data, status=202)


class BundleApi(Api):
    @extend_schema(
        operation_id="deployment_bundle",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: ApiRequest, deployment_id: int) -> HttpResponseBase:
        blob, name = access_bundle(user=request.user, deployment_id=deployment_id)
        return blob_response(request, blob, media_type="application/x-tar", name=name)


class ConfirmApi(Api):
    @extend_schema(
        operation_id="deployment_confirm",
        request=ConfirmIn,
        responses={202: DeploymentOut},
    )
    def post(self, request: ApiRequest, deployment_id: int) -> Response:
        form = ConfirmIn(data=request.data)
        form.is_valid(raise_exception=True)
        found = deployments.confirm_plan(
            user=request.user, deployment_id=deployment_id, **form.validated_data
        )
        return Response(DeploymentOut(found).data, status=202)


class CheckApi(Api):
    @extend_schema(
        operation_id="deployment_check", request=None, responses={202: DeploymentOut}
    )
    def post(self, request: ApiRequest, deployment_id: int) -> Response:
        found = deployments.check_deployment(
            user=request.user, deployment_id=deployment_id
        )
        return Response(DeploymentOut(found).data, status=202)


class ChangeApi(Api):
    @extend_schema(
        operation_id="deployment_change", request=ChangeIn, responses=DeploymentOut
    )
    def post(self, request: ApiRequest, deployment_id: int) -> Response:
        form = ChangeIn(data=request.data)
        form.is_valid(raise_exception=True)
        found = plan_change(
            user=request.user, deployment_id=deployment_id, **form.validated_data
        )
        return Response(DeploymentOut(found).data)


class ChooseCredentialApi(Api):
    @extend_schema(
        operation_id="deployment_credential", request=ChooseIn, responses=DeploymentOut
    )
    def put(self, request: ApiRequest, deployment_id: int) -> Response:
        form = ChooseIn(data=request.data)
        form.is_valid(raise_exception=True)
        found = deployments.choose_credential(
            user=request.user, deployment_id=deployment_id, **form.validated_data
        )
        return Response(DeploymentOut(found).data)


class ResourceListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="resource_list", responses=ResourceOut(many=True))
    def get(self, request: ApiRequest, deployment_id: int) -> Response:
        selectors.access_deployment(user=request.user, deployment_id=deployment_id)
        rows = selectors.list_resources(deployment_id=deployment_id)
        return Response(ResourceOut(rows, many=True).data)


class EntryListApi(Api):
    @extend_schema(operation_id="deployment_ledger", responses=EntryOut(many=True))
    def get(self, request: ApiRequest, deployment_id: int) -> Response:
        selectors.access_deployment(user=request.user, deployment_id=deployment_id)
        rows = selectors.list_entries(deployment_id=deployment_id)
        return self.paginate(request, rows, EntryOut)


class CredentialListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="credential_list", responses=CredentialOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        rows = selectors.list_credentials(user=request.user)
        return Response(CredentialOut(rows, many=True).data)

    @extend_schema(
        operation_id="credential_keep",
        request=CredentialIn,
        responses={201: CredentialOut},
    )
    def post(self, request: ApiRequest) -> Response:
        form = CredentialIn(data=request.data)
        form.is_valid(raise_exception=True)
        kept = credential_services.keep_credential(
            user=request.user, **form.validated_data
        )
        return Response(CredentialOut(kept).data, status=201)


class CredentialApi(Api):
    @extend_schema(operation_id="credential_forget", responses={204: None})
    def delete(self, request: ApiRequest, credential_id: int) -> Response:
        credential_services.forget_credential(
            user=request.user, credential_id=credential_id
        )
        return Response(status=204)
