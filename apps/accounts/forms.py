from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import ROLE_CHOICES, SCOPE_CHOICES
from apps.accounts.types import Role, Scope


class ProfileForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120, required=False)


class WorkspaceForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("Email"))
    role = forms.ChoiceField(
        label=_("Role"), choices=ROLE_CHOICES, initial=Role.ANNOTATOR
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=ROLE_CHOICES)


class TokenForm(forms.Form):
    name = forms.CharField(label=_("What is it for?"), max_length=120)
    scope = forms.ChoiceField(
        label=_("It may"), choices=SCOPE_CHOICES, initial=Scope.WRITE
    )
    days = forms.IntegerField(
        label=_("Days until it expires"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=_("Empty: until you revoke it."),
    )
