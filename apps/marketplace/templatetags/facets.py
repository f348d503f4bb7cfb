from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def query_of(context: template.Context, name: str, value: str) -> str:
    """The page's own query with one facet set, or taken out where it was set to that."""
    given = context["request"].GET.copy()
    given.pop("page", None)
    if given.get(name) == value:
        del given[name]
    else:
        given[name] = value
    return "?" + str(given.urlencode())
