"""Boxes over a thumbnail."""

from collections.abc import Collection, Mapping

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.labeling.models import FrozenImage, Image
from apps.labeling.selectors.images import Boxed
from apps.labeling.selectors.versions import Picture

register = template.Library()


@register.simple_tag
def overlay(image: Image, boxes: Mapping[int, Collection[Boxed]]) -> SafeString:
    """Draw what selectors.boxes_of found on an image."""
    return drawn(image, boxes.get(image.pk, ()))


def drawn(
    image: Image | FrozenImage, boxes: Collection[Boxed], *, fit: str = "slice"
) -> SafeString:
    """Boxes of an image, each with its class and its colour ("" is the style's own).

    Coordinates are those of the original; the picture beneath is scaled alike, so no
    arithmetic is needed. ``slice`` crops as ``object-fit: cover`` does. Pages draw
    hundreds of boxes: only a colour is not ours, and each is escaped once.
    """
    strokes = {
        color: format_html(' stroke="{}"', color) if color else ""
        for color in {color for _kind, _bbox, color in boxes}
    }
    rects = "".join(
        f'<rect class="{kind}" x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" '
        f'height="{y2 - y1:.1f}"{strokes[color]} fill="none" '
        'vector-effect="non-scaling-stroke"/>'
        for kind, (x1, y1, x2, y2), color in boxes
    )
    return SafeString(
        f'<svg class="overlay" viewBox="0 0 {image.width} {image.height}" '
        f'preserveAspectRatio="xMidYMid {fit}" aria-hidden="true">{rects}</svg>'
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
