from typing import Any

from django.http import HttpRequest

THEMES = ("light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """What the frame of every page shows."""
    theme = request.COOKIES.get("theme", "")
    return {
        "theme": theme if theme in THEMES else "system",
        "is_rail_folded": request.COOKIES.get("rail") == "folded",
    }
