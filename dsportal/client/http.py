"""Requests that are tried again and refused in words."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from dsportal.client.errors import (
    ClientError,
    NotFoundError,
    RefusedError,
    ServerDownError,
    TokenError,
)

API = "/api/v1/"
WORTH_ANOTHER_TRY = frozenset({429, 502, 503, 504})
LONGEST_PAUSE_S = 20.0


def pause_s(attempt: int) -> float:
    """Return how long to wait before trying again: doubling, with jitter."""
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- no secret
    return min(LONGEST_PAUSE_S, 0.25 * 2.0**attempt) * jitter


class Http:
    """One server, one token. Safe to use from several threads.

    A POST carries an Idempotency-Key that stays the same over its tries, so trying
    again after an answer that got lost does nothing twice.
    """

    def __init__(
        self, url: str, token: str, *, timeout_s: float, num_tries: int
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ClientError(
                f"the address must start with http:// or https://, got {url!r}"
            )
        self.url = url.rstrip("/")
        self.num_tries = num_tries
        self._client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def get(self, path: str, **params: Any) -> Any:
        given = {key: value for key, value in params.items() if value is not None}

        def send() -> httpx.Response:
            # A renamed model answers from where it lives now.
            return self._client.get(API + path, params=given, follow_redirects=True)

        return self._answer(send).json()

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list, however many pages it has."""
        page = self.get(path, **params)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            cursor = httpx.URL(page["next"]).params["cursor"]
            page = self.get(path, **{**params, "cursor": cursor})

    def post(
        self,
        path: str,
        body: object = None,
        *,
        file: Path | None = None,
        form: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        given = {"Idempotency-Key": str(uuid.uuid4()), **(headers or {})}

        def send() -> httpx.Response:
            with ExitStack() as stack:
                content: dict[str, Any] = {} if body is None else {"json": body}
                if file is not None:
                    opened = stack.enter_context(file.open("rb"))
                    content = {"files": {"file": (file.name, opened)}, "data": form}
                return self._client.post(API + path, headers=given, **content)

        return self._answer(send)

    def patch(self, path: str, body: object) -> httpx.Response:
        return self._answer(lambda: self._client.patch(API + path, json=body))

    def delete(self, path: str) -> httpx.Response:
        return self._answer(lambda: self._client.delete(API + path))

    def download(self, path: str, target: Path, **params: Any) -> None:
        """Write an answer to a file that is there whole or not at all."""
        partial = target.with_name(f".{target.name}.part")

        def receive() -> httpx.Response:
            with self._client.stream("GET", API + path, params=params) as answer:
                if answer.is_error:
                    answer.read()
                    return answer
                with partial.open("wb") as out:
                    for piece in answer.iter_bytes():
                        out.write(piece)
                return answer

        try:
            self._answer(receive)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _answer(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in range(self.num_tries):
            is_last = attempt == self.num_tries - 1
            try:
                answer = send()
            except httpx.TransportError as exc:
                if is_last:
                    raise ServerDownError(
                        f"{self.url} does not answer ({str(exc) or type(exc).__name__}): "
                        "is the server up, and is this its address?"
                    ) from exc
                time.sleep(pause_s(attempt))
                continue
            if answer.status_code not in WORTH_ANOTHER_TRY or is_last:
                return self._checked(answer)
            wanted = answer.headers.get("Retry-After", "")
            wait_s = float(wanted) if wanted.isdecimal() else pause_s(attempt)
            time.sleep(min(LONGEST_PAUSE_S, wait_s))
        raise AssertionError("num_tries is at least 1")

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        try:
            body = answer.json()
            detail, code = str(body["detail"]), str(body["code"])
        except (ValueError, LookupError, TypeError):
            raise RefusedError(
                f"{answer.url} answered {answer.status_code}, not as a dsportal does: "
                "is this its address?",
                code="not_dsportal",
                status=answer.status_code,
            ) from None
        if "fields" in body:
            detail += f": {body['fields']}"
        if answer.status_code == 401:
            raise TokenError(
                f"{detail}; make a token at {self.url}/settings/tokens/ and run "
                f"`dsportal login {self.url}`"
            )
        if code == "scope_too_narrow":
            raise TokenError(detail)
        if answer.status_code == 404:
            raise NotFoundError(detail)
        raise RefusedError(detail, code=code, status=answer.status_code)
