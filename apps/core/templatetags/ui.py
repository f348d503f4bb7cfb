"""Small pieces of every page: icons, initials, the current place."""

from django import template
from django.http import HttpRequest
from django.http.request import QueryDict
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, title: str = "") -> SafeString:
    """Draw an icon of img/icons.svg; without a title it is decoration only."""
    href = f"{static('img/icons.svg')}#{name}"
    if not title:
        return format_html(
            '<svg class="icon" aria-hidden="true"><use href="{}"/></svg>', href
        )
    return format_html(
        '<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>',
        title,
        href,
    )


@register.filter
def initials(person: object) -> str:
    """One or two letters for a person: of her names, else of her address."""
    words = str(person).partition("@")[0].replace(".", " ").replace("_", " ").split()
    return "".join(word[0] for word in words[:2]) or "?"


@register.simple_tag(takes_context=True)
def current(context: template.Context, prefix: str, *, exact: bool = False) -> str:
    """Mark a link whose page, or whose part of the site, is shown."""
    request: HttpRequest | None = context.get("request")
    path = request.path if request else ""
    is_here = path == prefix if exact else path.startswith(prefix)
    return SafeString('aria-current="page"') if is_here else ""


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """The page's own query with some parameters changed; an empty value drops one."""
    given: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        if value in ("", None):
            given.pop(name, None)
        else:
            given[name] = str(value)
    return "?" + given.urlencode()


@register.filter
def seconds(value: float | None) -> str:
    """A length of time as m:ss or h:mm:ss; a dash where there is none."""
    if value is None:
        return "-"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
