"""The calls of the catalogue and of what comes from an upstream."""

from typing import Any

from dsportal.client.http import Http

LISTED = 50


class MirrorCalls:
    """What Client says of models that lie elsewhere; it brings the connection."""

    _http: Http

    def oldest_workspace(self) -> int:
        raise NotImplementedError

    def catalogue(
        self, text: str = "", *, limit: int = LISTED, **facts: str | int
    ) -> list[dict[str, Any]]:
        """Pretrained models that can be fetched; null where a fact is not known.

        ``facts`` narrow it down: task, library, licence ("unknown" where none is said),
        family, least_parameters, most_parameters.
        """
        given = {"q": text, "page_size": limit, **facts}
        rows: list[dict[str, Any]] = self._http.get("marketplace/catalogue/", **given)[
            "results"
        ]
        return rows

    def fetch_model(
        self,
        source: str,
        *,
        revision: str = "",
        name: str = "",
        workspace_id: int | None = None,
    ) -> dict[str, Any]:
        """Have the server bring a model of its upstream.

        Returns:
            ``job_id`` to watch; or None there and ``mirror``, where this very revision
            is here already.
        """
        body = {
            "workspace_id": workspace_id or self.oldest_workspace(),
            "source": source,
            "revision": revision,
            "name": name,
        }
        told: dict[str, Any] = self._http.post(
            "marketplace/catalogue/fetch/", body
        ).json()
        return told

    def mirrors(self) -> list[dict[str, Any]]:
        """Models here that come from an upstream; ``has_moved`` where it has newer."""
        return list(self._http.pages("marketplace/mirrors/"))
