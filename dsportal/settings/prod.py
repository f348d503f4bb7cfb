"""Behind a TLS proxy that sets X-Forwarded-Proto."""

from django.core.exceptions import ImproperlyConfigured

from dsportal.settings.base import *  # noqa: F403
from dsportal.settings.base import SECRET_KEY as _GIVEN

if len(_GIVEN) < 32:
    raise ImproperlyConfigured("set SECRET_KEY to at least 32 random characters")

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 30 * 24 * 3600
