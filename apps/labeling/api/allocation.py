"""Who labels what: the next image, assignments by hand and by rule."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.accounts.types import Role
from apps.core.http import Api, ApiRequest
from apps.labeling import selectors
from apps.labeling.selectors.workload import list_rules, workload_of
from apps.labeling.serializers.allocation import (
    AssignIn,
    GivenOut,
    RuleIn,
    RuleOut,
    WorkloadOut,
)
from apps.labeling.serializers.quality import ChangedOut
from apps.labeling.services import allocating, assigning


class NextOut(serializers.Serializer[int | None]):
    image_id = serializers.IntegerField(allow_null=True)


class NextApi(Api):
    @extend_schema(request=None, responses=NextOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Take the next image to label; asking again answers the same one."""
        image_id = allocating.take_next(user=request.user, project_id=project_id)
        return Response({"image_id": image_id})


class WorkloadApi(Api):
    pagination_class = None

    @extend_schema(operation_id="workload", responses=WorkloadOut(many=True))
    def get(self, request: ApiRequest, project_id: int) -> Response:
        """Answer what everybody who labels has to do."""
        project = selectors.access_project(
            user=request.user, project_id=project_id, needs=Role.REVIEWER
        )
        rows = workload_of(user=request.user, project=project)
        return Response(WorkloadOut(rows, many=True).data)


class AssignApi(Api):
    @extend_schema(request=AssignIn, responses=ChangedOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Give images to somebody, or free them; answer which changed hands."""
        body = AssignIn(data=request.data)
        body.is_valid(raise_exception=True)
        ids = assigning.assign_images(
            user=request.user, project_id=project_id, **body.validated_data
        )
        return Response({"image_ids": ids})


class RuleListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="rule_list", responses=RuleOut(many=True))
    def get(self, request: ApiRequest, project_id: int) -> Response:
        selectors.access_project(
            user=request.user, project_id=project_id, needs=Role.REVIEWER
        )
        return Response(RuleOut(list_rules(project_id=project_id), many=True).data)

    @extend_schema(request=RuleIn, responses={201: RuleOut})
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Keep a rule and carry it out."""
        body = RuleIn(data=request.data)
        body.is_valid(raise_exception=True)
        rule = assigning.add_rule(
            user=request.user, project_id=project_id, new=body.parsed()
        )
        return Response(RuleOut(rule).data, status.HTTP_201_CREATED)


class ApplyRulesApi(Api):
    @extend_schema(request=None, responses=GivenOut)
    def post(self, request: ApiRequest, project_id: int) -> Response:
        """Carry the rules out on images that nobody has."""
        num = assigning.apply_rules(user=request.user, project_id=project_id)
        return Response({"num_images": num})


class RuleApi(Api):
    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, project_id: int, rule_id: int) -> Response:
        assigning.delete_rule(user=request.user, project_id=project_id, rule_id=rule_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
