from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.models import Credential
from apps.deployments.targets.types import Option, Target

OPTIONAL = {"aws_session_token"}
OWN_ENVIRONMENT = _("The worker's own environment or role")


class TargetForm(forms.Form):
    """What one target asks; its fields are the target's own options."""

    model = forms.ChoiceField(label=_("Model"))
    name = forms.CharField(label=_("Name"), max_length=120)

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
            is_long = secret in {"kubeconfig", "service_account"}
            self.fields[secret] = forms.CharField(
                label=secret,
                required=secret not in OPTIONAL,
                strip=True,
                widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"})
                if is_long
                else forms.PasswordInput(attrs={"autocomplete": "off"}),
            )


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
    if option.pattern:
        pattern = rf"^(?:{option.pattern})$"
        return forms.RegexField(
            pattern,
            error_messages={"invalid": _("This does not look right.")},
            **more,
        )
    return forms.CharField(**more)
