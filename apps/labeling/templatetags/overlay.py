"""Boxes over a thumbnail."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.labeling.models import Annotation, Image, Prediction
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
    return format_html(
        '<svg class="overlay" viewBox="0 0 {} {}" preserveAspectRatio="xMidYMid slice" '
        'aria-hidden="true">{}</svg>',
        image.width,
        image.height,
        format_html_join(
            "",
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}" stroke="{}" '
            'fill="none" vector-effect="non-scaling-stroke"/>',
            (
                (
                    kind,
                    f"{row.x1:.1f}",
                    f"{row.y1:.1f}",
                    f"{row.x2 - row.x1:.1f}",
                    f"{row.y2 - row.y1:.1f}",
                    row.label.color,
                )
                for kind, row in boxes
            ),
        ),
    )
