from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response

from apps.accounts import selectors, services
from apps.accounts.models import (
    ROLE_CHOICES,
    SCOPE_CHOICES,
    ApiToken,
    AuditEntry,
    Invitation,
    Membership,
    User,
    Workspace,
)
from apps.accounts.types import Role, Scope
from apps.core.http import Api, ApiRequest


class UserOut(serializers.Serializer[User]):
    # It stands in most answers, and reading fields off a model is slow.
    id = serializers.IntegerField(read_only=True)
    email = serializers.EmailField(read_only=True)
    name = serializers.CharField(read_only=True)
    is_staff = serializers.BooleanField(read_only=True)


class WorkspaceOut(serializers.ModelSerializer[Workspace]):
    class Meta:
        model = Workspace
        fields = ["id", "name", "created_at"]


class WorkspaceIn(serializers.Serializer[Workspace]):
    name = serializers.CharField(max_length=120)


class MemberOut(serializers.ModelSerializer[Membership]):
    user = UserOut()

    class Meta:
        model = Membership
        fields = ["id", "user", "role", "created_at"]


class MemberIn(serializers.Serializer[Membership]):
    role = serializers.ChoiceField(ROLE_CHOICES)


class InvitationOut(serializers.ModelSerializer[Invitation]):
    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "expires_at", "created_at"]


class InvitationMade(InvitationOut):
    link = serializers.CharField()

    class Meta(InvitationOut.Meta):
        fields = [*InvitationOut.Meta.fields, "link"]


class InvitationIn(serializers.Serializer[Invitation]):
    email = serializers.EmailField()
    role = serializers.ChoiceField(ROLE_CHOICES)


class TokenOut(serializers.ModelSerializer[ApiToken]):
    class Meta:
        model = ApiToken
        fields = [
            "id", "name", "prefix", "scopes", "is_limited", "expires_at", "last_used_at",
            "created_at",
        ]  # fmt: skip


class TokenMade(TokenOut):
    secret = serializers.CharField(help_text="Shown this once.")

    class Meta(TokenOut.Meta):
        fields = [*TokenOut.Meta.fields, "secret"]


class TokenIn(serializers.Serializer[ApiToken]):
    name = serializers.CharField(max_length=120)
    scope = serializers.ChoiceField(SCOPE_CHOICES, default=Scope.WRITE)
    days = serializers.IntegerField(min_value=1, max_value=3650, required=False)


class AuditOut(serializers.ModelSerializer[AuditEntry]):
    actor = UserOut()

    class Meta:
        model = AuditEntry
        fields = ["id", "action", "target", "detail", "actor", "at"]


class MeApi(Api):
    @extend_schema(operation_id="me", responses=UserOut)
    def get(self, request: ApiRequest) -> Response:
        return Response(UserOut(request.user).data)


class WorkspaceListApi(Api):
    @extend_schema(operation_id="workspace_list", responses=WorkspaceOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.paginate(
            request, selectors.list_workspaces(user=request.user), WorkspaceOut
        )

    @extend_schema(request=WorkspaceIn, responses={201: WorkspaceOut})
    def post(self, request: ApiRequest) -> Response:
        body = WorkspaceIn(data=request.data)
        body.is_valid(raise_exception=True)
        workspace = services.create_workspace(user=request.user, **body.validated_data)
        return Response(WorkspaceOut(workspace).data, status.HTTP_201_CREATED)


class WorkspaceApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(request=WorkspaceIn, responses=WorkspaceOut)
    def patch(self, request: ApiRequest, workspace_id: int) -> Response:
        body = WorkspaceIn(data=request.data)
        body.is_valid(raise_exception=True)
        workspace = services.rename_workspace(
            user=request.user, workspace_id=workspace_id, **body.validated_data
        )
        return Response(WorkspaceOut(workspace).data)


class MemberListApi(Api):
    @extend_schema(operation_id="member_list", responses=MemberOut(many=True))
    def get(self, request: ApiRequest, workspace_id: int) -> Response:
        members = selectors.list_members(user=request.user, workspace_id=workspace_id)
        return self.paginate(request, members, MemberOut)


class MemberApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(request=MemberIn, responses=MemberOut)
    def patch(self, request: ApiRequest, workspace_id: int, member_id: int) -> Response:
        body = MemberIn(data=request.data)
        body.is_valid(raise_exception=True)
        membership = services.change_role(
            user=request.user,
            workspace_id=workspace_id,
            member_id=member_id,
            role=Role(body.validated_data["role"]),
        )
        return Response(MemberOut(membership).data)

    @extend_schema(responses={204: None})
    def delete(
        self, request: ApiRequest, workspace_id: int, member_id: int
    ) -> Response:
        services.remove_member(
            user=request.user, workspace_id=workspace_id, member_id=member_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationListApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(operation_id="invitation_list", responses=InvitationOut(many=True))
    def get(self, request: ApiRequest, workspace_id: int) -> Response:
        rows = selectors.list_invitations(user=request.user, workspace_id=workspace_id)
        return self.paginate(request, rows, InvitationOut)

    @extend_schema(request=InvitationIn, responses={201: InvitationMade})
    def post(self, request: ApiRequest, workspace_id: int) -> Response:
        body = InvitationIn(data=request.data)
        body.is_valid(raise_exception=True)
        invitation, link = services.invite(
            user=request.user,
            workspace_id=workspace_id,
            email=body.validated_data["email"],
            role=Role(body.validated_data["role"]),
            base_url=request.build_absolute_uri("/")[:-1],
        )
        answer = {**InvitationOut(invitation).data, "link": link}
        return Response(answer, status.HTTP_201_CREATED)


class InvitationApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(responses={204: None})
    def delete(
        self, request: ApiRequest, workspace_id: int, invitation_id: int
    ) -> Response:
        services.revoke_invitation(
            user=request.user, workspace_id=workspace_id, invitation_id=invitation_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class AuditListApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(operation_id="audit_list", responses=AuditOut(many=True))
    def get(self, request: ApiRequest, workspace_id: int) -> Response:
        rows = selectors.list_audit(user=request.user, workspace_id=workspace_id)
        return self.paginate(request, rows, AuditOut)


class TokenListApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(operation_id="token_list", responses=TokenOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return self.paginate(
            request, selectors.list_tokens(user=request.user), TokenOut
        )

    @extend_schema(request=TokenIn, responses={201: TokenMade})
    def post(self, request: ApiRequest) -> Response:
        body = TokenIn(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        token, secret = services.create_token(
            user=request.user,
            name=data["name"],
            scope=Scope(data["scope"]),
            days=data.get("days"),
        )
        answer = {**TokenOut(token).data, "secret": secret}
        return Response(answer, status.HTTP_201_CREATED)


class TokenApi(Api):
    needs_scope = Scope.ADMIN

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, token_id: int) -> Response:
        services.revoke_token(user=request.user, token_id=token_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped base
    target_class = "apps.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped base
    target_class = "apps.accounts.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
