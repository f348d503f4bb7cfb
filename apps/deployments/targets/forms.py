from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.models import Credential
from apps.deployments.targets.types import Option, Target

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

OPTIONAL = {"aws_session_token"}
# Names of a thing, which may be seen as they are typed; the others are its secret.
SHOWN = {"aws_access_key_id", "access_key_id", "tenant_id", "client_id"}
LONG = {"kubeconfig", "service_account"}
SECRET_NAMES: dict[str, "StrOrPromise"] = {
    "aws_access_key_id": _("Access key ID"),
    "aws_secret_access_key": _("Secret access key"),
    "aws_session_token": _("Session token"),
    "access_key_id": _("AccessKey ID"),
    "access_key_secret": _("AccessKey secret"),
    "tenant_id": _("Tenant ID"),
    "client_id": _("Client ID"),
    "client_secret": _("Client secret"),
    "kubeconfig": "kubeconfig",
    "service_account": _("Key of a service account"),
}
SECRET_HELP: dict[str, "StrOrPromise"] = {
    "aws_session_token": _("Only temporary keys have one."),
    "kubeconfig": _(
        "The whole file, with a token or certificate in it; one that starts programs "
        "or names other files is refused."
    ),
    "service_account": _("The whole JSON file."),
    "client_id": _("Of the app registration."),
}
OWN_ENVIRONMENT = _("The worker's own environment or role")


class TargetForm(forms.Form):
    """What one target asks; its fields are the target's own options."""

    model = forms.ChoiceField(label=_("Model"))
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": _("Line 3, camera 2")}),
    )

    def __init__(
        self,
        *args: Any,
        target: Target,
        models: Sequence[tuple[str, str]],
        credentials: Sequence[Credential],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        model = self.fields["model"]
        assert isinstance(model, forms.ChoiceField)
        model.choices = list(models)
        self.option_names = [option.name for option in target.options]
        for option in target.options:
            self.fields[option.name] = _field(option)
        if target.secrets:
            self.fields["credential_id"] = forms.TypedChoiceField(
                label=_("Credential"),
                choices=[("", OWN_ENVIRONMENT)]
                + [(str(each.pk), each.name) for each in credentials],
                coerce=int,
                empty_value=None,
                required=False,
            )

    def options(self) -> dict[str, object]:
        return {name: self.cleaned_data[name] for name in self.option_names}


class ChangeForm(TargetForm):
    """Another version or size; the name and the credential stay."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("name")
        self.fields.pop("credential_id", None)


class CredentialForm(forms.Form):
    """One field a secret; what was typed is never shown again."""

    name = forms.CharField(label=_("Name"), max_length=80)

    def __init__(self, *args: Any, target: Target, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for secret in target.secrets:
            self.fields[secret] = forms.CharField(
                label=SECRET_NAMES[secret],
                help_text=SECRET_HELP.get(secret, ""),
                required=secret not in OPTIONAL,
                strip=True,
                widget=_widget(secret),
            )


def _widget(secret: str) -> forms.Widget:
    quiet = {"autocomplete": "off", "spellcheck": "false"}
    if secret in LONG:
        return forms.Textarea(attrs={**quiet, "rows": 6})
    if secret in SHOWN:
        return forms.TextInput(attrs=quiet)
    return forms.PasswordInput(attrs={"autocomplete": "off"})


def _field(option: Option) -> forms.Field:
    more: dict[str, Any] = {
        "label": option.label,
        "help_text": option.help,
        "initial": option.default,
    }
    if option.is_number:
        return forms.IntegerField(min_value=option.least, max_value=option.most, **more)
    more["required"] = option.is_required
    if option.choices:
        choices = [(each, each) for each in option.choices]
        return forms.ChoiceField(choices=choices, **more)
    more["widget"] = forms.TextInput(attrs={"placeholder": option.example})
    if option.pattern:
        looks = _("This does not look right; it looks like {example}.")
        return forms.RegexField(
            rf"^(?:{option.pattern})$",
            error_messages={
                "invalid": format_lazy(looks, example=option.example or option.default)
            },
            **more,
        )
    return forms.CharField(**more)
