"""Boxes over a thumbnail."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.labeling.formats.geometry import BBox
from apps.labeling.models import Annotation, FrozenImage, Image, Prediction
from apps.labeling.selectors.versions import Picture
from apps.labeling.types import ImageState

register = template.Library()


@register.simple_tag
def overlay(image: Image, *, min_score: float = 0.0) -> SafeString:
    """Draw an image's annotations, and its proposals while they are still open.

    Coordinates are those of the original; the picture beneath is scaled alike, so no
    arithmetic is needed. ``slice`` crops as ``object-fit: cover`` does.
    """
    proposals = [] if image.state == ImageState.SUBMITTED else image.predictions.all()
    boxes: list[tuple[str, Annotation | Prediction]] = [
        ("annotation", row) for row in image.annotations.all()
    ]
    boxes += [("proposal", row) for row in proposals if row.score >= min_score]
    return drawn(
        image,
        [
            (kind, (row.x1, row.y1, row.x2, row.y2), row.label.color)
            for kind, row in boxes
        ],
    )


def drawn(
    image: Image | FrozenImage,
    boxes: Iterable[tuple[str, BBox, str]],
    *,
    fit: str = "slice",
) -> SafeString:
    """Boxes of an image, each with its class and its colour ("" is the style's own)."""
    return format_html(
        '<svg class="overlay" viewBox="0 0 {} {}" preserveAspectRatio="xMidYMid {}" '
        'aria-hidden="true">{}</svg>',
        image.width,
        image.height,
        fit,
        format_html_join(
            "",
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}"{} '
            'fill="none" vector-effect="non-scaling-stroke"/>',
            (
                (
                    kind,
                    f"{x1:.1f}",
                    f"{y1:.1f}",
                    f"{x2 - x1:.1f}",
                    f"{y2 - y1:.1f}",
                    format_html(' stroke="{}"', color) if color else "",
                )
                for kind, (x1, y1, x2, y2), color in boxes
            ),
        ),
    )


@register.simple_tag
def difference_overlay(picture: Picture) -> SafeString:
    """Draw what came, what went and what stayed between two versions of an image."""
    before = {shape.id: shape for shape in picture.before}
    after = {shape.id: shape for shape in picture.after}
    boxes = [
        ("gone", shape) for key, shape in before.items() if after.get(key) != shape
    ]
    boxes += [
        ("kept" if before.get(key) == shape else "came", shape)
        for key, shape in after.items()
    ]
    return drawn(picture.image, [(kind, shape.bbox, "") for kind, shape in boxes])
