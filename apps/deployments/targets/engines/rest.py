"""JSON over HTTPS to a provider, with its refusals put in one way."""

from collections.abc import Mapping
from typing import Any, Protocol

import httpx
from django.utils.translation import gettext as _

from apps.deployments.targets.engines.clients import TIMEOUT_S
from apps.deployments.targets.errors import Cause, TargetError

_CAUSES = {
    401: Cause.CREDENTIALS,
    403: Cause.PERMISSION,
    408: Cause.TIMEOUT,
    429: Cause.QUOTA,
    504: Cause.TIMEOUT,
}


class Login(Protocol):
    """Whoever has tokens for a provider."""

    def token(self) -> str:
        """Return one that is valid now; may raise TargetError."""

    def close(self) -> None: ...


class Rest:
    """One provider's API, as a bearer of tokens sees it."""

    def __init__(self, provider: str, base: str, login: Login) -> None:
        self._provider = provider
        self._login = login
        self._http = httpx.Client(base_url=base, timeout=TIMEOUT_S)

    def close(self) -> None:
        self._http.close()
        self._login.close()

    def find(self, path: str, **params: str) -> dict[str, Any] | None:
        """Return what stands there, None where nothing does."""
        return self._send("GET", path, params=params, absent=True)

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        **params: str,
    ) -> dict[str, Any]:
        return self._send(method, path, body=body, params=params) or {}

    def drop(self, path: str, **params: str) -> dict[str, Any]:
        """Delete; what is gone already is as well."""
        return self._send("DELETE", path, params=params, absent=True) or {}

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        absent: bool = False,
    ) -> dict[str, Any] | None:
        headers = {"Authorization": f"Bearer {self._login.token()}"}
        try:
            reply = self._http.request(
                method, path, params=dict(params), json=body, headers=headers
            )
        except httpx.TimeoutException:
            raise TargetError(
                Cause.TIMEOUT,
                _("{provider} did not answer in time").format(provider=self._provider),
            ) from None
        except httpx.TransportError:
            raise TargetError(
                Cause.UNREACHABLE,
                _("{provider} cannot be reached").format(provider=self._provider),
            ) from None
        if reply.status_code == 404 and absent:
            return None
        if reply.is_error:
            raise self._refusal(reply)
        answer: dict[str, Any] = reply.json() if reply.content else {}
        return answer

    def _refusal(self, reply: httpx.Response) -> TargetError:
        said = reply.text[:300]
        try:
            error = reply.json()["error"]
            said = f"{error['message']} ({error.get('status') or error.get('code')})"
        except (ValueError, KeyError, TypeError):
            pass
        return TargetError(
            self.cause(reply.status_code, said),
            _("{provider} says: {said}").format(provider=self._provider, said=said),
        )

    @staticmethod
    def cause(status: int, said: str) -> Cause:
        if "quota" in said.lower():
            return Cause.QUOTA
        return _CAUSES.get(status, Cause.BROKEN if status >= 500 else Cause.REJECTED)
