"""The API's description, written once in a process, language and format."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

_written: dict[tuple[str | None, str], tuple[bytes, str]] = {}


class SchemaApi(SpectacularAPIView):
    """The same for everybody: it takes a second to write, and anybody may ask for it."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *_args: Any, **_named: Any) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        key = get_language(), renderer.media_type
        if key not in _written:
            answer = self._get_schema_response(request)  # type: ignore[no-untyped-call]  # theirs
            text = renderer.render(answer.data, renderer.media_type, {})
            _written[key] = text, answer.headers["Content-Disposition"]
        text, name = _written[key]
        headers = {"Content-Disposition": name}
        return HttpResponse(text, content_type=renderer.media_type, headers=headers)

    def _get_version_parameter(self, request: Request) -> None:
        """The address has it; what one asker writes there is not told to others."""
