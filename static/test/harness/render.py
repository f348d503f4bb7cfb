"""Render the editor's template as Django would, for the harness's own server."""

import sys
from pathlib import Path

import django
from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import translation

ROOT = Path(__file__).resolve().parents[3]

settings.configure(
    SECRET_KEY="harness",  # noqa: S106 -- signs nothing
    STATIC_URL="/static/",
    USE_I18N=True,
    LOCALE_PATHS=[ROOT / "locale"],
    LANGUAGES=[("en", "English"), ("zh-hans", "Chinese")],
    INSTALLED_APPS=["django.contrib.staticfiles"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [ROOT / "templates"],
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": ["django.template.context_processors.request"]
            },
        }
    ],
)
django.setup()

config = {
    "image_id": int(sys.argv[1]),
    "api": "/api/v1/labeling/",
    "csrf_cookie": "csrftoken",
    "kinds": [
        "box",
        "rotated_box",
        "ellipse",
        "polygon",
        "polyline",
        "points",
        "mask",
        "skeleton",
        "tag",
    ],
    "translations": {},
}
request = HttpRequest()
with translation.override(sys.argv[3]):
    page = render_to_string(
        "labeling/editor.html",
        {"editor_config": config, "theme": sys.argv[2]},
        request=request,
    )
sys.stdout.write(page)
