"""The calls about what was deleted and can be brought back."""

from collections.abc import Iterator
from typing import Any

from dsportal.client.http import Http


class TrashCalls:
    """What Client says of deleted repositories and collections; it brings the connection."""

    _http: Http

    def deleted_repositories(self) -> Iterator[dict[str, Any]]:
        """Those that you can bring back, the last deleted first.

        Each has ``id``, ``full_name``, ``kind``, ``deleted_at`` and ``undo_until``,
        after which it is purged.
        """
        return self._http.pages("marketplace/trash/repositories/")

    def restore_repository(self, repository_id: int) -> str:
        """Bring one back, under the address that it had; returns that.

        Raises:
            NotFoundError: Nothing that you may bring back has that id, or not any more.
            RefusedError: Another one has its address by now (``name_taken``), or its
                room is taken (``quota``).
        """
        path = f"marketplace/trash/repositories/{repository_id}/restore/"
        return str(self._http.post(path).json()["full_name"])

    def deleted_collections(self) -> Iterator[dict[str, Any]]:
        """Those that you can bring back, the last deleted first.

        Each has ``id``, ``slug``, ``title``, ``deleted_at`` and ``undo_until``.
        """
        return self._http.pages("marketplace/trash/collections/")

    def restore_collection(self, collection_id: int) -> str:
        """Bring one back; returns its slug."""
        path = f"marketplace/trash/collections/{collection_id}/restore/"
        return str(self._http.post(path).json()["slug"])
