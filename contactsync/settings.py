"""Every setting, from the environment. README.md has the table.

With nothing set this is the embedded product: SQLite and a broker in files, under
``CONTACTSYNC_HOME``. DATABASE_URL and BROKER_URL turn it into the production one.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import environ
from kombu import Exchange, Queue

from contactsync.lib.bootstrap import local_secret
from contactsync.lib.crypto_keys import new_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

HOME = Path(env.str("CONTACTSYNC_HOME", default="") or BASE_DIR / "var").resolve()
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or local_secret(HOME, "secret_key")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
CREDENTIAL_KEYS = env.str("CREDENTIAL_KEYS", default="") or local_secret(
    HOME, "credential_keys", make=lambda: new_key("k1")
)
CONSENT_SIGNING_KEY = env.str("CONSENT_SIGNING_KEY", default="") or local_secret(
    HOME, "consent_signing_key", make=lambda: b64encode(os.urandom(32)).decode()
)
BASE_URL = env.str("BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

INSTALLED_APPS = [
    "contactsync.apps.ContactsyncConfig",
    "contactsync.tenancy",
    "contactsync.api.apps.ApiConfig",
    "contacts",
    "hygiene",
    "integrations",
    "displays",
    "connections",
    "activity",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "template_partials.apps.SimpleAppConfig",
    "lucide",
    "csp",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "contactsync.api.fastlane.FastLaneMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "contactsync.tenancy.middleware.TenancyMiddleware",
]

ROOT_URLCONF = "contactsync.urls"
WSGI_APPLICATION = "contactsync.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django_cotton.cotton_loader.Loader",
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "template_partials.templatetags.partials",
                "lucide.templatetags.lucide",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "contactsync.tenancy.context.shell",
            ],
        },
    }
]

# --- data base -----------------------------------------------------------------
DATABASES = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{HOME}/contactsync.db")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # FULL, because 202 means durable; IMMEDIATE and a long timeout, because one
    # writer at a time must queue and never see "database is locked". A checkpoint
    # every 16 MB instead of 4: a signup touches some twenty pages, most of them again
    # and again, and each is copied back once per checkpoint.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
        "PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-16000;",
    }
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- broker and cache ----------------------------------------------------------
BROKER_URL = env.str("BROKER_URL", default="filesystem://localhost")
CELERY_BROKER_URL = BROKER_URL
# Requests never talk to the broker (contactsync/lib/wake.py), so these only have to
# bound how long a worker or beat hangs on a frozen one. Shorter ones make a worker
# give up messages that a slow Redis would have acknowledged.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
    "visibility_timeout": 3600,
}
if BROKER_URL.startswith("filesystem://"):
    _queue = HOME / "broker"
    for _name in ("messages", "processed", "control"):
        (_queue / _name).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "processed_folder": str(_queue / "processed"),
        "control_folder": str(_queue / "control"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
if BROKER_URL.startswith(("amqp:", "amqps:", "pyamqp:")):
    # No limit on reading: an idle worker reads for minutes; heartbeats find the dead.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "connect_timeout": 2,
        "write_timeout": 5,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.5,
    }
    CELERY_BROKER_HEARTBEAT = 30
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_TIME_LIMIT = 240
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A worker without -Q takes from all of them; give each its own and a slow provider
# keeps nobody else waiting.
CELERY_TASK_QUEUES = [
    Queue(name, Exchange(name), routing_key=name)
    for name in ("deliver", "slow", "background")
]
CELERY_TASK_DEFAULT_QUEUE = "background"
CELERY_TASK_ROUTES = {
    "integrations.drain": {"queue": "deliver"},
    "integrations.sweep": {"queue": "deliver"},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"

CACHE_URL = env.str("CACHE_URL", default="")
CACHES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
if CACHE_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CACHE_URL,
            "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.3},
        }
    }

# --- people --------------------------------------------------------------------
AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
_RULES = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": _RULES + "UserAttributeSimilarityValidator"},
    {"NAME": _RULES + "MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": _RULES + "CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "contactsync.tenancy.signup_form.SignupForm"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", default="optional")
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[contactsync] "
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = BASE_URL.startswith("http://")
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=10)
CONFIRM_MAILS_PER_ADDRESS = env.int("CONFIRM_MAILS_PER_ADDRESS", default=3)
CONFIRM_ADDRESSES_PER_IP = env.int("CONFIRM_ADDRESSES_PER_IP", default=20)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="contactsync@localhost")

# --- web -----------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default="") or HOME / "static")
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
_collected = "collectstatic" in sys.argv or (STATIC_ROOT / "staticfiles.json").exists()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _collected
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not _collected
WHITENOISE_AUTOREFRESH = DEBUG

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}

# --- API -----------------------------------------------------------------------
SIGNUP_MAX_BYTES = 64 * 1024
SIGNUP_RATE_PER_IP = env.str("SIGNUP_RATE_PER_IP", default="300/min")
SIGNUP_RATE_PER_KEY = env.str("SIGNUP_RATE_PER_KEY", default="60000/min")
API_RATE_PER_KEY = env.str("API_RATE_PER_KEY", default="1200/min")
KEY_CACHE_SECONDS = env.int("KEY_CACHE_SECONDS", default=10)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["contactsync.api.keys.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["contactsync.api.permissions.SecretKey"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["contactsync.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "contactsync.api.pagination.KeysetPagination",
    "DEFAULT_THROTTLE_CLASSES": ["contactsync.api.throttles.KeyThrottle"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "contactsync.api.problems.handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "contactsync API",
    "DESCRIPTION": "Post signups, link accounts, write sync rules, and ask why.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- hygiene -------------------------------------------------------------------
HYGIENE_WIDE = env.str("HYGIENE_WIDE", default="off")
HYGIENE_LISTS_SECONDS = env.float("HYGIENE_LISTS_SECONDS", default=30.0)
HYGIENE_DNS = env.list("HYGIENE_DNS", default=[])
SUSPEND_BELOW = env.int("SUSPEND_BELOW", default=40)

# --- delivery ------------------------------------------------------------------
PROVIDER_URLS: dict[str, str] = env.json("CONTACTSYNC_PROVIDER_URLS", default={})
# slug -> {"client_id", "client_secret"} of the app registered there (docs/linking.md).
OAUTH_APPS: dict[str, dict[str, str]] = env.json("CONTACTSYNC_OAUTH", default={})
# How long a worker has the rows that it sends, should it die. What it may take for
# them follows from that: no second worker has them before the first one gave up.
LEASE_SECONDS = env.int("LEASE_SECONDS", default=120)
BATCH_SECONDS = LEASE_SECONDS / 2
CALL_GRACE_SECONDS = LEASE_SECONDS / 12
DRAIN_SOFT_LIMIT = LEASE_SECONDS * 5 / 6
DRAIN_HARD_LIMIT = LEASE_SECONDS * 23 / 24
DRAIN_SECONDS = 20
# Days until what is finished, and what was said, may be deleted; 0: never.
KEEP_DELIVERIES_DAYS = env.int("KEEP_DELIVERIES_DAYS", default=400)
KEEP_ATTEMPTS_DAYS = env.int("KEEP_ATTEMPTS_DAYS", default=90)
KEEP_CONFIRMATIONS_DAYS = env.int("KEEP_CONFIRMATIONS_DAYS", default=400)
KEEP_CONFIRMATION_MAILS_DAYS = env.int("KEEP_CONFIRMATION_MAILS_DAYS", default=90)
# A bulk action that would change more than this share of an audience's known contacts,
# or more than so many, asks for a second confirmation.
BULK_GUARD_SHARE = env.float("BULK_GUARD_SHARE", default=0.2)
BULK_GUARD_COUNT = env.int("BULK_GUARD_COUNT", default=1000)
BULK_LOOK_UPS = env.int("BULK_LOOK_UPS", default=200)
BULK_AHEAD = env.int("BULK_AHEAD", default=1000)
BULK_KEEP_DAYS = env.int("BULK_KEEP_DAYS", default=30)

# --- observing -----------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "contactsync.lib.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}
if env.str("SENTRY_DSN", default=""):
    import sentry_sdk

    sentry_sdk.init(dsn=os.environ["SENTRY_DSN"], send_default_pii=False)
