from django.urls import path

from apps.accounts import api, views
from apps.accounts.webhooks import urls as webhooks

# /settings/
page_urls = [
    path("profile/", views.profile, name="profile"),
    path("people/", views.people, name="people"),
    path("people/invite/", views.invite, name="invite"),
    path("people/<int:member_id>/role/", views.change_role, name="change-role"),
    path("people/<int:member_id>/remove/", views.remove_member, name="remove-member"),
    path(
        "invitations/<int:invitation_id>/revoke/",
        views.revoke_invitation,
        name="revoke-invitation",
    ),
    path("invitations/<str:secret>/", views.invitation, name="invitation"),
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke-token"),
    path("audit/", views.audit, name="audit"),
    *webhooks.page_urls,
    path("workspaces/", views.create_workspace, name="create-workspace"),
    path(
        "workspaces/<int:workspace_id>/switch/", views.switch, name="switch-workspace"
    ),
]

# /api/v1/accounts/
_workspace = "workspaces/<int:workspace_id>"
api_urls = [
    path("me/", api.MeApi.as_view(), name="me"),
    path("tokens/", api.TokenListApi.as_view(), name="token-list"),
    path("tokens/<int:token_id>/", api.TokenApi.as_view(), name="token"),
    path("workspaces/", api.WorkspaceListApi.as_view(), name="workspace-list"),
    path(f"{_workspace}/", api.WorkspaceApi.as_view(), name="workspace"),
    path(f"{_workspace}/members/", api.MemberListApi.as_view(), name="member-list"),
    path(
        f"{_workspace}/members/<int:member_id>/",
        api.MemberApi.as_view(),
        name="member",
    ),
    path(
        f"{_workspace}/invitations/",
        api.InvitationListApi.as_view(),
        name="invitation-list",
    ),
    path(
        f"{_workspace}/invitations/<int:invitation_id>/",
        api.InvitationApi.as_view(),
        name="invitation",
    ),
    path(f"{_workspace}/audit/", api.AuditListApi.as_view(), name="audit-list"),
    *webhooks.api_urls,
]
