from collections.abc import Mapping

from django import template

from apps.core.figures import reading_order

register = template.Library()


@register.filter
def figure(value: object) -> str:
    """A share with three digits; a dash where there is none."""
    is_number = isinstance(value, int | float) and value >= 0
    return f"{value:.3f}" if is_number else "-"


@register.filter
def figures(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Metrics in the order of reading."""
    names = sorted(metrics, key=reading_order)
    return [(name, figure(metrics[name])) for name in names]
