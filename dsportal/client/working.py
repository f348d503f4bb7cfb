"""The calls of those who label, review and hand out work."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from dsportal.client.calls import ProjectCalls
from dsportal.client.errors import ClientError


class WorkCalls(ProjectCalls):
    """What Client says of who labels what and what became of it."""

    def next_image(self, project: int | str) -> int | None:
        """Take the next image to label; None where nothing is left.

        Asking again answers the same one until it is submitted.
        """
        answer = self._http.post(self._of(project, "next/")).json()
        return answer["image_id"]  # type: ignore[no-any-return]  # what the API promises

    def submit(self, image_id: int) -> None:
        """Say that an image is labeled."""
        self._http.post(f"labeling/images/{image_id}/submit/")

    def reopen(self, image_id: int) -> None:
        """Take an image back from those that are submitted."""
        self._http.post(f"labeling/images/{image_id}/reopen/")

    def accept(self, project: int | str, image_ids: Sequence[int]) -> list[int]:
        """Accept submitted images as a reviewer; returns those that were submitted."""
        body = {"image_ids": list(image_ids)}
        answer = self._http.post(self._of(project, "accept/"), body)
        return [int(one) for one in answer.json()["accepted"]]

    def send_back(
        self, image_id: int, text: str, *, pin: tuple[float, float] | None = None
    ) -> None:
        """Open a submitted image again for whoever submitted it, and say why.

        Args:
            image_id: Which image.
            text: What is to be done.
            pin: Where, in pixels of the upright image.
        """
        body = {"text": text, "pin": None if pin is None else list(pin)}
        self._http.post(f"labeling/images/{image_id}/send-back/", body)

    def remarks(self, image_id: int) -> list[dict[str, Any]]:
        """What was said of an image, what is not settled first."""
        found: list[dict[str, Any]] = self._http.get(
            f"labeling/images/{image_id}/remarks/"
        )
        return found

    def remark(
        self, image_id: int, text: str, *, pin: tuple[float, float] | None = None
    ) -> dict[str, Any]:
        """Say something of an image, at a place of it or of the whole."""
        body = {"text": text, "pin": None if pin is None else list(pin)}
        path = f"labeling/images/{image_id}/remarks/"
        made: dict[str, Any] = self._http.post(path, body).json()
        return made

    def settle_remark(self, image_id: int, remark_id: int) -> None:
        self._http.post(f"labeling/images/{image_id}/remarks/{remark_id}/settle/")

    def history(self, image_id: int) -> Iterator[dict[str, Any]]:
        """Who changed what of an image, newest first."""
        return self._http.pages(f"labeling/images/{image_id}/history/")

    def restore_image(self, image_id: int, *, revision: int) -> int:
        """Bring an image back to a revision, as one more; returns that one."""
        body = {"revision": revision}
        answer = self._http.post(f"labeling/images/{image_id}/restore/", body)
        return int(answer.json()["revision"])

    def restore_project(self, project: int | str, *, at: datetime) -> int:
        """Bring all annotations back to a moment; returns how many images changed."""
        answer = self._http.post(self._of(project, "restore/"), {"at": at.isoformat()})
        return int(answer.json()["num_images"])

    def workload(self, project: int | str) -> list[dict[str, Any]]:
        """What everybody who labels has open, overdue and submitted."""
        found: list[dict[str, Any]] = self._http.get(self._of(project, "workload/"))
        return found

    def assign(
        self,
        project: int | str,
        image_ids: Sequence[int],
        to: str | None,
        *,
        due_at: datetime | None = None,
    ) -> list[int]:
        """Give images to somebody by e-mail, or free them with None.

        Returns:
            The images that changed hands.
        """
        body = {
            "image_ids": list(image_ids),
            "assignee_id": None if to is None else self._person(project, to),
            "due_at": None if due_at is None else due_at.isoformat(),
        }
        answer = self._http.post(self._of(project, "assign/"), body)
        return [int(one) for one in answer.json()["image_ids"]]

    def rules(self, project: int | str) -> list[dict[str, Any]]:
        """The rules by which images go to people, in their order."""
        found: list[dict[str, Any]] = self._http.get(self._of(project, "rules/"))
        return found

    def add_rule(
        self, project: int | str, people: Sequence[str], **which: Any
    ) -> dict[str, Any]:
        """Keep a rule and carry it out.

        Args:
            project: Id or name.
            people: Their e-mails; images go to them in turn.
            which: ``name_part``, ``state``, ``label_id``, ``min_score``, ``max_score``
                and ``due_in_days``; what is not given does not matter.
        """
        body = {"people": [self._person(project, one) for one in people], **which}
        made: dict[str, Any] = self._http.post(self._of(project, "rules/"), body).json()
        return made

    def apply_rules(self, project: int | str) -> int:
        """Carry the rules out on images that nobody has; returns how many went."""
        answer = self._http.post(self._of(project, "rules/apply/"))
        return int(answer.json()["num_images"])

    def delete_rule(self, project: int | str, rule_id: int) -> None:
        self._http.delete(self._of(project, f"rules/{rule_id}/"))

    def _person(self, project: int | str, email: str) -> int:
        known = {row["user"].casefold(): row for row in self.workload(project)}
        if email.casefold() not in known:
            emails = ", ".join(row["user"] for row in known.values())
            raise ClientError(f"{email} labels nothing here; there are: {emails}")
        return int(known[email.casefold()]["user_id"])
