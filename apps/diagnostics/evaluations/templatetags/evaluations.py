from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def percent(share: float | None) -> str:
    """A share as COCO figures are written, 57.3; a dash where there is none."""
    return "\N{EN DASH}" if share is None else number_format(100 * share, 1)
