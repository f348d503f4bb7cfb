from urllib.parse import urlencode

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def query_of(context: template.Context, name: str, value: str) -> str:
    """The page's own query with one facet set, or taken out where it was set to that."""
    given = context["request"].GET
    kept = [
        (key, one)
        for key, values in given.lists()
        if key not in (name, "page")
        for one in values
    ]
    if given.get(name) != value:
        kept.append((name, value))
    return "?" + urlencode(kept)
