"""Who an API request comes from, and what its token lets it do."""

import base64
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, gettext_lazy
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from apps.accounts import selectors, services
from apps.accounts.models import ApiToken, User
from apps.accounts.secrets import PREFIX
from apps.accounts.types import Scope

if TYPE_CHECKING:
    from rest_framework.views import APIView


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer dsp_…``, or Basic with the token as the password.

    The second is for callers that know no other, such as Label Studio. Any other
    password is a proxy's before us, and none of our business.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            secret = _password(secret)
            if not secret.startswith(PREFIX):
                return None
        elif scheme.lower() != "bearer":
            return None
        token = selectors.token_of(secret.strip())
        if token is None or not token.user.is_active:
            raise exceptions.AuthenticationFailed(gettext("this token is not known"))
        if not token.is_live:
            raise exceptions.AuthenticationFailed(
                gettext(
                    "this token has expired or was revoked: make a new one in Settings"
                ),
                code="token_expired",
            )
        services.touch_token(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _password(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return ""
    return text.partition(":")[2]


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session; answers 401 rather than 403 when there is none."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class TokenScopeAllows(permissions.BasePermission):
    """A read token reads; views say ``needs_scope = Scope.ADMIN`` for the rest.

    A token for named repositories reaches the views that keep to those, which say so
    with ``takes_limited_tokens = True``.
    """

    message = gettext_lazy(
        "this token's scope does not allow that: make one with a wider scope"
    )
    code = "scope_too_narrow"

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return True
        if token.is_limited and not getattr(view, "takes_limited_tokens", False):
            self.message = gettext_lazy(
                "this token is for named repositories only: use another one here"
            )
            return False
        if request.method in permissions.SAFE_METHODS:
            return True
        needed: Any = getattr(view, "needs_scope", Scope.WRITE)
        return needed in token.scopes
