from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts import selectors, services
from apps.accounts.forms import (
    InviteForm,
    ProfileForm,
    RoleForm,
    TokenForm,
    WorkspaceForm,
)
from apps.accounts.types import Role, Scope
from apps.core.http import PageRequest


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: PageRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, initial={"name": request.user.name})
    if request.method == "POST" and form.is_valid():
        services.set_profile(user=request.user, name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form})


@login_required
@require_GET
def people(request: PageRequest) -> HttpResponse:
    return _people(request, InviteForm())


def _people(request: PageRequest, form: InviteForm, link: str = "") -> HttpResponse:
    workspace = selectors.workspace_of(request)
    role = selectors.role_in(user=request.user, workspace_id=workspace.pk)
    may_manage = role is not None and role.allows(Role.MANAGER)
    context = {
        "members": selectors.list_members(user=request.user, workspace_id=workspace.pk),
        "invitations": selectors.list_invitations(
            user=request.user, workspace_id=workspace.pk
        )
        if may_manage
        else [],
        "may_manage": may_manage,
        "form": form,
        "link": link,
    }
    return render(request, "accounts/people.html", context)


@login_required
@require_POST
def invite(request: PageRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _people(request, form)
    _invitation, link = services.invite(
        user=request.user,
        workspace_id=selectors.workspace_of(request).pk,
        email=form.cleaned_data["email"],
        role=Role(form.cleaned_data["role"]),
        base_url=request.build_absolute_uri("/")[:-1],
    )
    return _people(request, InviteForm(), link)


@login_required
@require_POST
def change_role(request: PageRequest, member_id: int) -> HttpResponse:
    form = RoleForm(request.POST)
    if form.is_valid():
        services.change_role(
            user=request.user,
            workspace_id=selectors.workspace_of(request).pk,
            member_id=member_id,
            role=Role(form.cleaned_data["role"]),
        )
    return redirect("accounts:people")


@login_required
@require_POST
def remove_member(request: PageRequest, member_id: int) -> HttpResponse:
    services.remove_member(
        user=request.user,
        workspace_id=selectors.workspace_of(request).pk,
        member_id=member_id,
    )
    return redirect("accounts:people")


@login_required
@require_POST
def revoke_invitation(request: PageRequest, invitation_id: int) -> HttpResponse:
    services.revoke_invitation(
        user=request.user,
        workspace_id=selectors.workspace_of(request).pk,
        invitation_id=invitation_id,
    )
    return redirect("accounts:people")


@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Show an invitation to anyone who holds its link; joining needs an account."""
    found = selectors.invitation_of(secret)
    if request.method == "POST" and request.user.is_authenticated:
        workspace = services.accept_invitation(user=request.user, secret=secret)
        request.session[selectors.SESSION_KEY] = workspace.pk
        messages.success(request, _("Welcome to %(name)s.") % {"name": workspace.name})
        return redirect("home:home")
    status = 200 if found and found.is_open else 410
    context = {"invitation": found, "is_open": status == 200}
    return render(request, "accounts/invitation.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def tokens(request: PageRequest) -> HttpResponse:
    form = TokenForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        _token, secret = services.create_token(
            user=request.user,
            name=form.cleaned_data["name"],
            scope=Scope(form.cleaned_data["scope"]),
            days=form.cleaned_data["days"],
        )
        form = TokenForm()
    context = {
        "tokens": selectors.list_tokens(user=request.user),
        "form": form,
        "secret": secret,
    }
    return render(request, "accounts/tokens.html", context)


@login_required
@require_POST
def revoke_token(request: PageRequest, token_id: int) -> HttpResponse:
    services.revoke_token(user=request.user, token_id=token_id)
    return redirect("accounts:tokens")


@login_required
@require_GET
def audit(request: PageRequest) -> HttpResponse:
    rows = selectors.list_audit(
        user=request.user, workspace_id=selectors.workspace_of(request).pk
    )
    return render(request, "accounts/audit.html", {"entries": rows[:200]})


@login_required
@require_POST
def create_workspace(request: PageRequest) -> HttpResponse:
    form = WorkspaceForm(request.POST)
    if form.is_valid():
        workspace = services.create_workspace(
            user=request.user, name=form.cleaned_data["name"]
        )
        request.session[selectors.SESSION_KEY] = workspace.pk
    return redirect("home:home")


@login_required
@require_POST
def switch(request: PageRequest, workspace_id: int) -> HttpResponse:
    workspace = selectors.access_workspace(user=request.user, workspace_id=workspace_id)
    request.session[selectors.SESSION_KEY] = workspace.pk
    return redirect("home:home")
