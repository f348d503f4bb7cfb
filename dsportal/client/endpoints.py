"""Calls a deployed model: ``Endpoint(url, key).predict("part.jpg")``."""

import time
from dataclasses import dataclass
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
from dsportal.client.http import LONGEST_PAUSE_S, WORTH_ANOTHER_TRY, pause_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object in a picture.

    Attributes:
        bbox: Left, top, right, bottom, in pixels of the upright picture.
    """

    label: str
    score: float
    bbox: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a model says about a picture.

    Attributes:
        version: Which revision of the model answered.
        found: Of a detector; empty for other models.
        whole: The answer as it came, with what other kinds of models say.
    """

    version: str
    found: tuple[Found, ...]
    whole: dict[str, Any]


class Endpoint:
    """One address, one key. Safe to use from several threads.

    A request that changes nothing may be sent again, so one that meets a restart, a
    full queue or a used-up rate waits as it is told and tries again.
    """

    def __init__(
        self, url: str, key: str, *, timeout_s: float = 60, num_tries: int = 5
    ) -> None:
        if not url.startswith(("http://", "https://")) or "/e/" not in url:
            raise ClientError(
                f"an endpoint's address looks like http://HOST/e/NAME/predict, got {url!r}"
            )
        self.url = url.rstrip("/").removesuffix("/predict")
        self.num_tries = num_tries
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"}, timeout=timeout_s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def predict(
        self, picture: str | Path | bytes, *, score_threshold: float | None = None
    ) -> Prediction:
        """Ask about a picture: a path, or a file's bytes.

        Raises:
            ServerDownError: Nobody answers, also after trying again.
            TokenError: The key opens nothing.
            NotFoundError: No endpoint has this address.
            RefusedError: The picture cannot be read, or limits are used up.
        """
        content = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
        given = {} if score_threshold is None else {"score_threshold": score_threshold}
        whole = self._ask(content, given)
        return Prediction(
            version=str(whole.get("version", "")),
            found=tuple(
                Found(label=row["label"], score=row["score"], bbox=tuple(row["bbox"]))
                for row in whole.get("detections", ())
            ),
            whole=whole,
        )

    def _ask(self, content: bytes, given: dict[str, float]) -> dict[str, Any]:
        for attempt in range(self.num_tries):
            is_last = attempt == self.num_tries - 1
            try:
                answer = self._client.post(
                    f"{self.url}/predict", content=content, params=given
                )
            except httpx.TransportError as exc:
                if is_last:
                    raise ServerDownError(
                        f"{self.url} does not answer ({str(exc) or type(exc).__name__}): "
                        "is the portal up, and is this its address?"
                    ) from exc
                time.sleep(pause_s(attempt))
                continue
            if answer.status_code not in WORTH_ANOTHER_TRY or is_last:
                return _checked(answer)
            wanted = answer.headers.get("Retry-After", "")
            wait_s = float(wanted) if wanted.isdecimal() else pause_s(attempt)
            time.sleep(min(LONGEST_PAUSE_S, wait_s))
        raise AssertionError("num_tries is at least 1")


def _checked(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = {}
    if answer.is_success and isinstance(content, dict):
        return content
    reason = content.get("error") if isinstance(content, dict) else None
    text = str(reason or f"{answer.url} answered {answer.status_code}")
    if answer.status_code == 401:
        raise TokenError(text)
    if answer.status_code == 404:
        raise NotFoundError(text)
    raise RefusedError(text, code="refused", status=answer.status_code)
