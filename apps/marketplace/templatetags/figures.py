from collections.abc import Mapping

from django import template

register = template.Library()
_ORDER = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")


@register.filter
def figures(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Metrics as COCO orders them, others behind; what could not be measured is a dash."""
    known = {name: position for position, name in enumerate(_ORDER)}
    names = sorted(metrics, key=lambda name: (known.get(name, len(known)), name))
    return [
        (name, f"{metrics[name]:.3f}" if metrics[name] >= 0 else "-") for name in names
    ]
