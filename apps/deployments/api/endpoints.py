from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.http import Api, ApiRequest
from apps.deployments import selectors
from apps.deployments.models import (
    Endpoint,
    EndpointKey,
    LedgerEntry,
    Release,
    Replica,
    endpoint_state,
)
from apps.deployments.services import endpoints as endpoint_services
from apps.deployments.services import keys as key_services
from apps.deployments.services import releases as release_services
from apps.deployments.types import (
    MAX_REPLICAS,
    MAX_SHARE,
    MAX_THREADS,
    USUAL_SHARE,
    NewEndpoint,
    Rollout,
)


class ReleaseOut(serializers.ModelSerializer[Release]):
    model = serializers.CharField(source="full_name")

    class Meta:
        model = Release
        fields = [
            *("number", "model", "answers", "weights_sha256", "state", "error"),
            "created_at",
        ]


class ReplicaOut(serializers.ModelSerializer[Replica]):
    release = serializers.IntegerField(source="release.number")

    class Meta:
        model = Replica
        fields = ["release", "index", "state", "restarts", "rss_mb", "error"]


class EndpointOut(serializers.ModelSerializer[Endpoint]):
    path = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    stable = ReleaseOut(allow_null=True)
    candidate = ReleaseOut(allow_null=True)
    share = serializers.IntegerField()

    class Meta:
        model = Endpoint
        fields = [
            *("id", "workspace", "name", "slug", "path", "state", "stable"),
            *("candidate", "stage", "share", "num_replicas", "num_threads"),
            *("sleep_after_s", "is_paused", "created_at"),
        ]

    def get_path(self, endpoint: Endpoint) -> str:
        return f"/e/{endpoint.slug}"

    def get_state(self, endpoint: Endpoint) -> str:
        serving = endpoint.stable_id or endpoint.candidate_id
        replicas = [
            replica
            for release in endpoint.releases.all()
            if release.pk == serving
            for replica in release.replicas.all()
        ]
        return endpoint_state(endpoint, replicas)


class EndpointIn(serializers.Serializer[Endpoint]):
    workspace_id = serializers.IntegerField()
    name = serializers.CharField(max_length=120)
    model = serializers.CharField(max_length=200, default="", allow_blank=True)
    num_replicas = serializers.IntegerField(
        min_value=1, max_value=MAX_REPLICAS, default=1
    )
    num_threads = serializers.IntegerField(
        min_value=1, max_value=MAX_THREADS, default=1
    )
    sleep_after_s = serializers.IntegerField(
        min_value=0, max_value=7 * 24 * 3600, default=0
    )


class ScaleIn(serializers.Serializer[Endpoint]):
    num_replicas = serializers.IntegerField(min_value=1, max_value=MAX_REPLICAS)
    sleep_after_s = serializers.IntegerField(
        min_value=0, max_value=7 * 24 * 3600, default=0
    )


class ReleaseIn(serializers.Serializer[Release]):
    model = serializers.CharField(max_length=200)
    rollout = serializers.ChoiceField(
        choices=[each.value for each in Rollout], default=Rollout.SWITCH.value
    )
    share = serializers.IntegerField(
        min_value=1, max_value=MAX_SHARE, default=USUAL_SHARE
    )


class LedgerOut(serializers.ModelSerializer[LedgerEntry]):
    actor = serializers.CharField(allow_null=True)

    class Meta:
        model = LedgerEntry
        fields = ["id", "at", "kind", "actor", "split", "note"]


class ServedOut(serializers.Serializer[object]):
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    split = serializers.ListField(child=serializers.DictField())


class MomentIn(serializers.Serializer[object]):
    at = serializers.DateTimeField(default=timezone.now)


class KeyIn(serializers.Serializer[EndpointKey]):
    name = serializers.CharField(max_length=80)
    per_minute = serializers.IntegerField(min_value=0, max_value=10**6, default=0)
    per_day = serializers.IntegerField(min_value=0, max_value=10**8, default=0)


class KeyOut(serializers.ModelSerializer[EndpointKey]):
    class Meta:
        model = EndpointKey
        fields = ["id", "name", "shown", "per_minute", "per_day", "created_at"]


class NewKeyOut(KeyOut):
    key = serializers.CharField(read_only=True)

    class Meta(KeyOut.Meta):
        fields = [*KeyOut.Meta.fields, "key"]


class FiguresOut(serializers.Serializer[object]):
    num = serializers.IntegerField()
    num_errors = serializers.IntegerField()
    num_retried = serializers.IntegerField()
    per_s = serializers.FloatField()
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)


class EndpointListApi(Api):
    @extend_schema(operation_id="endpoint_list", responses=EndpointOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.paginate(
            request, selectors.list_endpoints(user=request.user), EndpointOut
        )

    @extend_schema(
        operation_id="endpoint_create", request=EndpointIn, responses={201: EndpointOut}
    )
    def post(self, request: ApiRequest) -> Response:
        form = EndpointIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        endpoint = endpoint_services.create_endpoint(
            user=request.user,
            workspace_id=given.pop("workspace_id"),
            new=NewEndpoint(**given),
        )
        return Response(EndpointOut(endpoint).data, status=201)


class EndpointApi(Api):
    @extend_schema(operation_id="endpoint", responses=EndpointOut)
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        endpoint = selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        return Response(EndpointOut(endpoint).data)

    @extend_schema(
        operation_id="endpoint_scale", request=ScaleIn, responses=EndpointOut
    )
    def patch(self, request: ApiRequest, endpoint_id: int) -> Response:
        form = ScaleIn(data=request.data)
        form.is_valid(raise_exception=True)
        endpoint = endpoint_services.scale_endpoint(
            user=request.user, endpoint_id=endpoint_id, **form.validated_data
        )
        return Response(EndpointOut(endpoint).data)

    @extend_schema(operation_id="endpoint_delete", responses={204: None})
    def delete(self, request: ApiRequest, endpoint_id: int) -> Response:
        endpoint_services.delete_endpoint(user=request.user, endpoint_id=endpoint_id)
        return Response(status=204)


class EndpointPauseApi(Api):
    @extend_schema(operation_id="endpoint_pause", request=None, responses=EndpointOut)
    def post(self, request: ApiRequest, endpoint_id: int) -> Response:
        endpoint = endpoint_services.pause_endpoint(
            user=request.user, endpoint_id=endpoint_id
        )
        return Response(EndpointOut(endpoint).data)


class EndpointResumeApi(Api):
    @extend_schema(operation_id="endpoint_resume", request=None, responses=EndpointOut)
    def post(self, request: ApiRequest, endpoint_id: int) -> Response:
        endpoint = endpoint_services.resume_endpoint(
            user=request.user, endpoint_id=endpoint_id
        )
        return Response(EndpointOut(endpoint).data)


class EndpointRollBackApi(Api):
    @extend_schema(
        operation_id="endpoint_roll_back", request=None, responses=EndpointOut
    )
    def post(self, request: ApiRequest, endpoint_id: int) -> Response:
        endpoint = release_services.roll_back(
            user=request.user, endpoint_id=endpoint_id
        )
        return Response(EndpointOut(endpoint).data)


class ReleaseListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="release_list", responses=ReleaseOut(many=True))
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        rows = selectors.list_releases(endpoint_id=endpoint_id)[:100]
        return Response(ReleaseOut(rows, many=True).data)

    @extend_schema(
        operation_id="release_create", request=ReleaseIn, responses={201: ReleaseOut}
    )
    def post(self, request: ApiRequest, endpoint_id: int) -> Response:
        form = ReleaseIn(data=request.data)
        form.is_valid(raise_exception=True)
        release = release_services.release_model(
            user=request.user,
            endpoint_id=endpoint_id,
            model=form.validated_data["model"],
            rollout=Rollout(form.validated_data["rollout"]),
            share=form.validated_data["share"],
        )
        return Response(ReleaseOut(release).data, status=201)


class ReplicaListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="replica_list", responses=ReplicaOut(many=True))
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        rows = selectors.list_replicas(endpoint_id=endpoint_id)
        return Response(ReplicaOut(rows, many=True).data)


class LedgerListApi(Api):
    @extend_schema(operation_id="ledger_list", responses=LedgerOut(many=True))
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        return self.paginate(
            request, selectors.list_ledger(endpoint_id=endpoint_id), LedgerOut
        )


class ServedApi(Api):
    @extend_schema(
        operation_id="endpoint_served",
        parameters=[OpenApiParameter("at", datetime)],
        responses=ServedOut,
    )
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        form = MomentIn(data=request.query_params)
        form.is_valid(raise_exception=True)
        served = selectors.served_at(
            endpoint_id=endpoint_id, moment=form.validated_data["at"]
        )
        if served is None:
            raise NotFoundError(_("nothing served here yet at that moment"))
        return Response(ServedOut(served).data)


class FiguresApi(Api):
    pagination_class = None

    @extend_schema(operation_id="endpoint_figures", responses=FiguresOut(many=True))
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        rows = selectors.history_of(endpoint_id=endpoint_id)
        return Response(FiguresOut(rows, many=True).data)


class KeyListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="endpoint_key_list", responses=KeyOut(many=True))
    def get(self, request: ApiRequest, endpoint_id: int) -> Response:
        selectors.access_endpoint(
            user=request.user, endpoint_id=endpoint_id, needs=Role.MANAGER
        )
        rows = selectors.list_keys(endpoint_id=endpoint_id)
        return Response(KeyOut(rows, many=True).data)

    @extend_schema(
        operation_id="endpoint_key_create", request=KeyIn, responses={201: NewKeyOut}
    )
    def post(self, request: ApiRequest, endpoint_id: int) -> Response:
        form = KeyIn(data=request.data)
        form.is_valid(raise_exception=True)
        key, text = key_services.create_key(
            user=request.user, endpoint_id=endpoint_id, **form.validated_data
        )
        return Response({**KeyOut(key).data, "key": text}, status=201)


class KeyApi(Api):
    @extend_schema(operation_id="endpoint_key_revoke", responses={204: None})
    def delete(self, request: ApiRequest, endpoint_id: int, key_id: int) -> Response:
        key_services.revoke_key(
            user=request.user, endpoint_id=endpoint_id, key_id=key_id
        )
        return Response(status=204)
