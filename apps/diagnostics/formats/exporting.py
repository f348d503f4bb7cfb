"""A report as one file."""

from collections.abc import Iterable, Sequence

from django.utils import formats
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.diagnostics.formats.showing import image_ids
from apps.diagnostics.models import Report
from apps.labeling.selectors import pictures_in_versions
from apps.labeling.types import FrozenPicture
from deepseek_diagnostics.page import Cover, Thumbnail, write_page
from deepseek_diagnostics.result import ToolResult


def pictures_of(report: Report, ids: Iterable[int]) -> dict[int, FrozenPicture]:
    """The images of a report's data that are named, by their ids."""
    versions = [report.version_id]
    if report.reference_version_id is not None:
        versions.append(report.reference_version_id)
    return pictures_in_versions(version_ids=versions, ids=ids)


def precision_of(results: Sequence[ToolResult]) -> dict[str, str]:
    """The precision of each layer, as the quantisation tool advises.

    Raises:
        NotFoundError: The report has none.
    """
    for one in results:
        if one.tool == "quantisation" and not one.skipped:
            return dict(one.values["precision_map"])
    raise NotFoundError(_("the report says nothing of the precision of layers"))


def html_of(report: Report, results: Sequence[ToolResult]) -> str:
    """One page of HTML that holds its pictures and opens anywhere."""
    ids = {pk for one in results for pk in image_ids(one)}
    pictures = pictures_of(report, ids)

    def thumbnail(image_id: int) -> Thumbnail | None:
        picture = pictures.get(image_id)
        if picture is None:
            return None
        with blobs.open_blob(picture.thumbnail.sha256) as file:
            jpeg = file.read()
        return Thumbnail(jpeg=jpeg, width=picture.width, height=picture.height)

    cover = Cover(
        title=str(report),
        facts=[
            (_("Model"), report.model_name),
            (_("Data"), f"{report.version} ({report.num_images})"),
            (_("Created"), formats.date_format(report.created_at, "DATETIME_FORMAT")),
        ],
    )
    return write_page(cover, results, translate=_, pictures=thumbnail)
