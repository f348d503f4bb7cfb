"""``{% chart %}``: a chart with its legend, table and downloads."""

from typing import Any

from django import template

from apps.core.charts import Chart

register = template.Library()


@register.inclusion_tag("components/chart.html")
def chart(
    spec: Chart, *, src: str = "", name: str = "", heading: int = 3, behind: str = ""
) -> dict[str, Any]:
    """Place a chart on a page that loads dist/charts.js.

    Args:
        spec: What to draw at once.
        src: An address whose JSON replaces that, for what takes long to gather.
        name: The element's id, for scripts that append to it.
        heading: Level of its title; 0 leaves the title to the page.
        behind: An address with a query, to which ``&point=SERIES.PLACE`` is added for
            a fragment of what stands behind a point.
    """
    return {
        "spec": spec.as_json(),
        "title": spec.title,
        "src": src,
        "name": name,
        "heading": heading,
        "behind": behind,
    }
