"""Small pieces of every page: icons, initials, the current place."""

from datetime import datetime

from django import template
from django.http import HttpRequest
from django.http.request import QueryDict
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

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


@register.simple_tag
def stacked_bar(title: str, **parts: int) -> SafeString:
    """Draw shares of a whole as one bar; each part is named by its CSS state."""
    total = sum(parts.values())
    width, offset, rects = 1000.0, 0.0, []
    for name, num in parts.items():
        length = width * num / total if total else 0.0
        rects.append((name, f"{offset:.1f}", f"{length:.1f}"))
        offset += length
    return format_html(
        '<svg class="stacked-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" '
        'role="img" aria-label="{}">{}</svg>',
        title,
        format_html_join(
            "",
            '<rect data-part="{}" x="{}" y="0" width="{}" height="10"/>',
            rects,
        ),
    )


@register.simple_tag
def swatch(color: str) -> SafeString:
    """A little square of a label's own colour; its name stands beside it."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true">'
        '<rect width="1" height="1" fill="{}"/></svg>',
        color,
    )


@register.filter
def share(num: int, total: int) -> int:
    """Percent of a whole; none of nothing is 0."""
    return round(100 * num / total) if total else 0


@register.filter
def ago(moment: datetime) -> str:
    """How long ago, in its largest unit: "just now", "3 hours ago"."""
    if (timezone.now() - moment).total_seconds() < 60:
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}
