"""What the command palette can jump to: pages, actions, the workspace's projects."""

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.labeling import selectors

register = template.Library()

NUM_PROJECTS = 50


@register.simple_tag(takes_context=True)
def palette_entries(context: template.Context) -> list[dict[str, str]]:
    """Entries as ``{"group", "label", "url"}``, in the order in which they are shown."""
    user, workspace = context["user"], context.get("workspace")
    entries = [
        {"group": group, "label": label, "url": reverse(name)}
        for group, label, name in _places()
    ]
    if not workspace:
        return entries
    projects = selectors.name_projects(user=user, workspace_id=workspace.pk)
    return entries + [
        {
            "group": _("Projects"),
            "label": name,
            "url": reverse("labeling:project", args=[pk]),
        }
        for pk, name in projects[:NUM_PROJECTS]
    ]


def _places() -> list[tuple[str, str, str]]:
    pages, actions, settings = _("Pages"), _("Actions"), _("Settings")
    return [
        (pages, _("Home"), "home:home"),
        (pages, _("Label"), "labeling:projects"),
        (pages, _("Train"), "training:runs"),
        (pages, _("Models"), "marketplace:models"),
        (pages, _("Deploy"), "deployments:endpoints"),
        (pages, _("Diagnose"), "diagnostics:reports"),
        (pages, _("Jobs"), "jobs:jobs"),
        (actions, _("New project"), "labeling:new-project"),
        (settings, _("Profile"), "accounts:profile"),
        (settings, _("Password"), "account_change_password"),
        (settings, _("Access tokens"), "accounts:tokens"),
        (settings, _("People"), "accounts:people"),
        (settings, _("Audit log"), "accounts:audit"),
        (settings, _("API reference"), "api-docs"),
    ]
