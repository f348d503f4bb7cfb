from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.accounts import services

if TYPE_CHECKING:
    from apps.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    def save_user(
        self, request: HttpRequest, user: "User", form: Any, *, commit: bool = True
    ) -> "User":
        """Give everybody who signs up a workspace of their own."""
        user = super().save_user(request, user, form, commit=commit)
        if commit:
            name = user.email.partition("@")[0]
            services.create_workspace(
                user=user, name=_("%(name)s's workspace") % {"name": name}
            )
        return user
