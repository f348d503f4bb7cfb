"""Fast hashes, eager tasks, files in a folder of the run's own."""

import os
import tempfile
from pathlib import Path

# Tests that run side by side share neither news nor queues (tests/lanes.py).
LANE = os.environ.get("PYTEST_XDIST_WORKER", "")
if LANE and (urls := os.environ.get("TEST_REDIS_URLS", "").split()):
    os.environ["REDIS_URL"] = urls[int(LANE.removeprefix("gw")) % len(urls)]

from dsportal.settings.base import *  # noqa: E402, F403
from dsportal.settings.servers import blob_storage  # noqa: E402

SECRET_KEY = "test" * 10
VAR_DIR = Path(os.environ.get("DSPORTAL_TEST_VAR") or tempfile.mkdtemp(prefix="dsp-"))
VAR_DIR /= LANE
RUNS_DIR = VAR_DIR / "runs"
CHECKOUTS_DIR = VAR_DIR / "models"
INCOMING_DIR = VAR_DIR / "incoming"
DIAGNOSTICS_CACHE_DIR = VAR_DIR / "diagnostics"
STATIC_ROOT = VAR_DIR / "static"
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = {
    **STORAGES,  # noqa: F405
    "blobs": blob_storage("", default=VAR_DIR / "blobs"),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
HUB_UPSTREAM = ""  # no test asks a network
ACCOUNT_RATE_LIMITS = False  # type: ignore[assignment]  # allauth: none
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": []}  # noqa: F405
