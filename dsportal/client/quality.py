"""The calls about how far labels can be trusted."""

from collections.abc import Sequence
from typing import Any

from dsportal.client.calls import ProjectCalls


class QualityCalls(ProjectCalls):
    """What Client says of overlap, tests and consensus; it brings the connection."""

    def quality(self, project: int | str) -> dict[str, Any]:
        """Agreement with its interval, tests, and a score card for everybody."""
        found: dict[str, Any] = self._http.get(self._of(project, "quality/"))
        return found

    def ask_several(
        self,
        project: int | str,
        *,
        num_people: int = 2,
        image_ids: Sequence[int] | None = None,
        num_images: int = 50,
    ) -> list[int]:
        """Have images labeled by several people; returns which they are.

        Args:
            project: Id or name.
            num_people: For each image.
            image_ids: These; None draws ``num_images`` that nobody has labeled yet.
            num_images: How many are drawn.
        """
        which: dict[str, Any] = {"num_images": num_images}
        if image_ids is not None:
            which = {"image_ids": list(image_ids)}
        body = {"num_people": num_people, **which}
        return self._changed(self._of(project, "overlap/"), body)

    def use_as_tests(
        self, project: int | str, image_ids: Sequence[int], *, are_tests: bool = True
    ) -> list[int]:
        """Take submitted images for tests, or no longer; returns which changed."""
        body = {"image_ids": list(image_ids), "is_truth": are_tests}
        return self._changed(self._of(project, "truths/"), body)

    def merge_copies(
        self, project: int | str, image_ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """Write what most people drew onto their images, these or all that are ready."""
        body = {} if image_ids is None else {"image_ids": list(image_ids)}
        merges: list[dict[str, Any]] = self._http.post(
            self._of(project, "merge/"), body
        ).json()
        return merges

    def undo_merge(self, image_id: int) -> None:
        """Take the last merge of an image back."""
        self._http.post(f"labeling/images/{image_id}/undo-merge/")

    def _changed(self, path: str, body: dict[str, Any]) -> list[int]:
        return [int(one) for one in self._http.post(path, body).json()["image_ids"]]
