"""What ./portal up runs: one machine, plain HTTP, the secret made at first start."""

import os

from dsportal.settings.base import *  # noqa: F403
from dsportal.settings.base import SECRET_KEY as _GIVEN

SECRET_KEY = _GIVEN or "only-for-commands-that-sign-nothing"
DEBUG = os.environ.get("DEBUG", "0") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
EMAIL_BACKEND = os.environ.get(
    "EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend"
)
EMAIL_FILE_PATH = str(VAR_DIR / "mail")  # noqa: F405
