"""Complete for production; dev and test only loosen it."""

import json
import os
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

import dsportal.celery  # noqa: F401 -- or a process that only enqueues has no broker
from dsportal.settings.servers import (
    blob_origins,
    blob_storage,
    celery_broker,
    database,
    image_buckets,
    valkey_cache,
)

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(os.environ.get("DSPORTAL_VAR", BASE_DIR / "var")).resolve()
SECRET_KEY = os.environ.get("SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [
    origin for origin in os.environ.get("TRUSTED_ORIGINS", "").split(",") if origin
]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "channels",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "template_partials",
    "allauth",
    "allauth.account",
    "apps.core",
    "apps.accounts",
    "apps.jobs",
    "apps.marketplace",
    "apps.labeling",
    "apps.training",
    "apps.diagnostics",
    "apps.diagnostics.evaluations",
    "apps.diagnostics.transfer",
    "apps.deployments",
    "apps.deployments.targets",
    "apps.deployments.trials",
    "apps.marketplace.catalogue",
    "apps.marketplace.collections",
    "apps.marketplace.feedback",
    "apps.accounts.webhooks",
]
MIDDLEWARE = [
    "apps.core.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.middleware.HeadMiddleware",
    "apps.core.middleware.PolicyMiddleware",
    "apps.core.middleware.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.core.middleware.PartOfPageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.core.middleware.DomainErrorMiddleware",
]
ROOT_URLCONF = "dsportal.urls"
ASGI_APPLICATION = "dsportal.asgi.application"
WSGI_APPLICATION = "dsportal.wsgi.application"
HTTP_THREADS = int(os.environ.get("HTTP_THREADS", "8"))
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.core.context.shell",
                "apps.accounts.context.workspace",
            ],
        },
    }
]

IS_WEB = os.environ.get("DSPORTAL_ROLE") == "web"
DATABASES = {
    "default": database(os.environ.get("DATABASE_URL", ""), threads=HTTP_THREADS)
    if IS_WEB
    else database(os.environ.get("DATABASE_URL", ""))
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
CACHES = {"default": valkey_cache(REDIS_URL)}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py 8 gives up reading after 5 s unless told otherwise.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
    }
}

CELERY_BROKER_URL = celery_broker(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A job outlives this only if its lease is renewed; redelivery meets a live lease.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7 * 24 * 3600,
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_TASK_ROUTES = {"core.*": {"queue": "io"}, "jobs.*": {"queue": "io"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "blobs": blob_storage(os.environ.get("STORAGE_URL", ""), default=VAR_DIR / "blobs"),
    "staticfiles": {"BACKEND": "apps.core.statics.StaticFiles"},
}
MEDIA_ROOT = VAR_DIR / "media"
RUNS_DIR = VAR_DIR / "runs"
CHECKOUTS_DIR = VAR_DIR / "models"
INCOMING_DIR = VAR_DIR / "incoming"
DIAGNOSTICS_CACHE_DIR = VAR_DIR / "diagnostics"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [
    (name, BASE_DIR / "static" / name) for name in ("css", "dist", "img")
]
_VISION = BASE_DIR / "gpu_workers" / "deepseek_vision"
MODEL_DIRS = [_VISION / "weights", _VISION / "segmentation" / "instances" / "weights"]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_VALIDATION = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATION}MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_VALIDATION}CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home:home"
ACCOUNT_ADAPTER = "apps.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "apps.accounts.context.display_name"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = os.environ.get("EMAIL_VERIFICATION", "optional")
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
# Whether webhooks may lead to this host itself.
WEBHOOKS_TO_THIS_HOST = os.environ.get("WEBHOOKS_TO_THIS_HOST", "0") == "1"
# Whether images at addresses may lie on this host or in its private network.
FETCH_FROM_PRIVATE_NETWORKS = os.environ.get("FETCH_FROM_PRIVATE_NETWORKS", "0") == "1"
# Buckets that people may take images from, each NAME=ADDRESS as in STORAGE_URL.
IMAGE_BUCKETS = image_buckets(os.environ.get("IMAGE_BUCKETS", ""))
# What links in e-mails begin with.
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000")
DEFAULT_FROM_EMAIL = os.environ.get(
    "DEFAULT_FROM_EMAIL", "dsportal <noreply@localhost>"
)
INVITATION_DAYS = 14

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "apps.core.http.exception_handler",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.TokenAuthentication",
        "apps.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "apps.accounts.authentication.TokenScopeAllows",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["apps.core.throttle.PerMinute"],
    "DEFAULT_PAGINATION_CLASS": "apps.core.http.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
REQUESTS_PER_MINUTE = {"user": 30_000, "anonymous": 120}
SPECTACULAR_SETTINGS = {
    "TITLE": "dsportal",
    "DESCRIPTION": "Everything on the pages, with the same rights.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": True,
    "ENUM_NAME_OVERRIDES": {
        "ShapeKindEnum": "apps.labeling.models.images.KIND_CHOICES",
        "ImageStateEnum": "apps.labeling.models.images.STATE_CHOICES",
        "ScopeEnum": "apps.accounts.models.SCOPE_CHOICES",
        "DeviceKindEnum": [("cpu", "cpu"), ("gpu", "gpu")],
        "ThreadStateEnum": "apps.marketplace.feedback.models.STATE_CHOICES",
        "RepositoryKindEnum": "apps.marketplace.models.repositories.KIND_CHOICES",
    },
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Where signed addresses of the blob store lead; none for a folder.
BLOB_ORIGINS = blob_origins(os.environ.get("STORAGE_URL", ""))
# One policy for every page; the admin theme and the API page get their own in views.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:", *BLOB_ORIGINS],
        "font-src": [SELF],
        "connect-src": [SELF, *BLOB_ORIGINS],
        "worker-src": [SELF, "blob:"],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
X_FRAME_OPTIONS = "DENY"

# Larger request bodies are spooled to disk; nothing is held whole in memory.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 200
MAX_UPLOAD_BYTES = int(os.environ.get("MAX_UPLOAD_MB", "200")) * 1024 * 1024
MAX_IMAGE_PIXELS = 120_000_000  # that are decoded whole
MAX_TILED_PIXELS = 500_000_000  # that are read row by row
TILE_FROM_PIXELS = 40_000_000  # what browsers draw tile by tile
THUMBNAIL_PX = 384
ANSWERS_KEPT_H = 24  # to POSTs with an Idempotency-Key
BLOBS_COLLECTED_EVERY_H = 24
BLOB_GRACE_H = 24  # between a blob's last name and its end
DELETED_KEPT_DAYS = 30  # repositories and collections; then they are purged
CHECKOUTS_BYTES = int(float(os.environ.get("CHECKOUTS_GB") or 50) * 2**30)  # a host's
UPLOADS_KEPT_DAYS = 30  # that no commit took in, and chunks that clients refer to

# Whether public models can be listed and fetched without a token.
HUB_ANONYMOUS = os.environ.get("HUB_ANONYMOUS", "0") == "1"
HUB_MAX_FILES = 20_000
HUB_MAX_FILE_BYTES = 64 * 1024**3
HUB_PART_BYTES = int(os.environ.get("HUB_PART_MB", "256")) * 1024 * 1024
# What a workspace's repositories may hold together, where nobody says otherwise.
_quota_gb = float(os.environ.get("HUB_QUOTA_GB") or 0)
HUB_QUOTA_BYTES = int(_quota_gb * 1024**3) or None
# Where models are fetched from, and as whom; empty where nothing may be fetched.
HUB_UPSTREAM = os.environ.get("HUB_UPSTREAM", "https://huggingface.co")
HUB_UPSTREAM_TOKEN = os.environ.get("HUB_UPSTREAM_TOKEN", "")
# A Python that has timm, torch and onnx, for what is converted; else this one.
CONVERTER_PYTHON = os.environ.get("CONVERTER_PYTHON", "")

# A job's claim, and the devices with it, outlive their worker by no more than this
# and a heartbeat.
JOB_LEASE_S = 20
JOB_MAX_ATTEMPTS = 3
# Who may read /metrics from elsewhere; without it only this machine may.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
WORKER_SILENT_S = 20
# How long a deployment at a cloud may take until it answers.
TARGET_WAIT_S = float(os.environ.get("TARGET_WAIT_S", "1800"))
# Other addresses of clouds, such as private or sovereign ones: JSON, by target.
TARGET_URLS: dict[str, str] = json.loads(os.environ.get("TARGET_URLS", "{}"))
# A folder of wheels for bundles, where this server has no package index.
BUNDLE_WHEELS = os.environ.get("BUNDLE_WHEELS", "")
RUN_DIR_KEPT_DAYS = 7
# The most CPUs that one training takes; more hardly make it faster.
RUN_CPUS = int(os.environ.get("RUN_CPUS", "8"))
RUN_CHECKPOINT_EVERY_S = float(os.environ.get("RUN_CHECKPOINT_EVERY_S", "20"))
# Where the model behind the editor's click tool answers; empty for nowhere.
CLICK_SERVER_URL = os.environ.get("CLICK_SERVER_URL", "")
# Where runs are exported to on request; empty for nowhere.
MLFLOW_TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", "")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    # What they say of each request, or of a thread of their own, is no news.
    "loggers": {
        each: {"level": "WARNING"}
        for each in ("httpx", "azure", "apscheduler", "pyvips")
    },
}

UNFOLD = {
    "SITE_TITLE": "dsportal",
    "SITE_HEADER": "dsportal",
    "SITE_SUBHEADER": "Administration",
    "SITE_URL": "/",
    "SITE_ICON": "apps.core.context.admin_icon",
    "SHOW_HISTORY": False,
    "COLORS": {
        "primary": {
            "50": "#eef2ff",
            "100": "#e0e7ff",
            "200": "#c7d2fe",
            "300": "#a5b4fc",
            "400": "#818cf8",
            "500": "#4f63e6",
            "600": "#3451d1",
            "700": "#2b43b0",
            "800": "#26398f",
            "900": "#243372",
            "950": "#161f45",
        }
    },
}
