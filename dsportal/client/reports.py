"""The client's calls for diagnostic reports and for models by one's own images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsportal.client.http import Http


class ReportCalls:
    """What Client says of reports; it brings the connection."""

    _http: Http

    def start_report(
        self,
        dataset_version: int,
        *,
        model: str,
        tools: Sequence[str] = (),
        splits: Sequence[str] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """Diagnose a model on a dataset version; returns the report, whose job works.

        ``model`` is ``namespace/name``, ``namespace/name@revision`` or the number of a
        revision; without tools, all that need nothing more. The rest is in the API's
        reference: ``other_revision_id``, ``reference_version_id``, ``run_id``,
        ``mapping``, ``options``.
        """
        key = "revision_id" if model.isdecimal() else "model"
        body = {
            "version_id": dataset_version,
            key: model,
            "tools": list(tools),
            "splits": list(splits),
            **{name: value for name, value in more.items() if value is not None},
        }
        report: dict[str, Any] = self._http.post("diagnostics/reports/", body).json()
        return report

    def report(self, report_id: int) -> dict[str, Any]:
        """A report and how its job stands."""
        found: dict[str, Any] = self._http.get(f"diagnostics/reports/{report_id}/")
        return found

    def report_results(self, report_id: int) -> dict[str, Any]:
        """A report's results, a summary of them, and what changed since the last."""
        found: dict[str, Any] = self._http.get(
            f"diagnostics/reports/{report_id}/results/"
        )
        return found

    def find_models(
        self,
        dataset_version: int,
        *,
        num_images: int = 40,
        image_ids: Sequence[int] = (),
        split: str = "",
        most_ms: float | None = None,
    ) -> dict[str, Any]:
        """Look for the models that suit labeled images; returns the search.

        Its job asks them: ``watch(search["job_id"])`` follows it, and ``found_models``
        has the order. ``image_ids`` takes these images of the version, 20 to 50, instead
        of ``num_images`` that the server chooses; ``most_ms`` leaves out what takes
        longer a picture there.
        """
        body = {
            "version_id": dataset_version,
            "num_images": num_images,
            "image_ids": list(image_ids),
            "split": split,
            "most_ms": most_ms,
        }
        search: dict[str, Any] = self._http.post("diagnostics/models/", body).json()
        return search

    def found_models(self, search_id: int) -> dict[str, Any]:
        """A search with its ``models``, the best first, and why others are ``left_out``."""
        found: dict[str, Any] = self._http.get(f"diagnostics/models/{search_id}/")
        return found

    def measure_again(
        self, report_id: int, *, revision: int | None = None
    ) -> dict[str, Any]:
        """Measure with the labels, or a model, as they are now; returns the report."""
        answer = self._http.post(
            f"diagnostics/reports/{report_id}/again/", {"revision_id": revision}
        )
        report: dict[str, Any] = answer.json()
        return report

    def export_report(self, report_id: int, path: str | Path) -> Path:
        """Write a report as one HTML page, or as JSON where the path ends so."""
        target = Path(path)
        form = "json" if target.suffix == ".json" else "html"
        self._http.download(
            f"diagnostics/reports/{report_id}/export/", target, form=form
        )
        return target
