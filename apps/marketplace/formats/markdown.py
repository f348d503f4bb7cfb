"""Cards as HTML that can do no harm: no raw HTML, no script, no form, no style."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

LARGEST = 200_000
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr",
    "img", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead",
    "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}}
_reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def render(text: str, *, files_url: str) -> SafeString:
    """Render a card's Markdown; its headings begin below the page's own.

    Args:
        text: As somebody wrote it.
        files_url: Where the repository's files are, for relative links and pictures.
    """
    tokens = _reader.parse(text[:LARGEST])
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
        for inner in token.children or []:
            name = {"image": "src", "link_open": "href"}.get(inner.type)
            if name:
                target = str(inner.attrGet(name) or "")
                inner.attrSet(name, _absolute(target, files_url))
    html = _reader.renderer.render(tokens, _reader.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 -- cleaned above


def _absolute(target: str, files_url: str) -> str:
    is_elsewhere = target.startswith(("#", "/")) or ":" in target.partition("/")[0]
    return target if is_elsewhere else f"{files_url}{target.removeprefix('./')}"
