"""All settings, read from the environment by django-environ.

Where a server's URL is not set, the embedded default is used (docs/operating/running.md). Secrets have no
default outside the demo; what does not fit together is found by `manage.py check --deploy`.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF

# Generic base classes such as ModelAdmin[Client] and Paginator[Any] exist only for the type checker otherwise.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# Everything that a running portal writes beside its databases stands below this folder.
STATE_DIR = Path(env.str("PORTAL_STATE_DIR", default=str(BASE_DIR / ".local")))
DEMO = env.bool("PORTAL_DEMO", default=False)
DEBUG = False

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    from portal.secrets import local_secret

    SECRET_KEY = local_secret(STATE_DIR)

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "portal.vault.apps.VaultConfig",
    "portal.ledger.apps.LedgerConfig",
    "portal.cases.apps.CasesConfig",
    "portal.correspondence.apps.CorrespondenceConfig",
    "portal.access.apps.AccessConfig",
    "clients.apps.ClientsConfig",
    "consumers.apps.ConsumersConfig",
    # Written out, because the name is also that of an HTTP library (docs/adr/0002).
    "requests.apps.RequestsConfig",
    "portal.adminapp.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "simple_history",
    "csp",
    "django_htmx",
]

MIDDLEWARE = [
    "portal.hygiene.hygiene",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.replay_gate",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Before anything that acts for a member of staff, who is none before the second step.
    "portal.access.gate.second_factor",
    # Before the CSRF check, which reads the form and the files in it.
    "portal.uploadgate.upload_gate",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.refusals",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
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
            ],
        },
    },
]

# ---------------------------------------------------------------------------------------- databases


def _server_urls() -> tuple[str, str, str]:
    """The three servers' URLs: from the environment, or of the embedded servers if these are in use."""
    urls = tuple(
        env.str(name, default="") for name in ("DATABASE_URL", "VAULT_DATABASE_URL", "REDIS_URL")
    )
    if all(urls):
        return urls[0], urls[1], urls[2]
    from portal import embedded

    if any(urls):
        embedded.servers_are_set(os.environ)  # says which of the three is missing
    running = embedded.urls_if_running(STATE_DIR)
    if running:
        return running.database, running.vault, running.redis
    # Nothing answers here, so that a command without servers never meets somebody else's.
    nowhere = "postgres://nobody@127.0.0.1:9/none"
    return nowhere, nowhere, "redis://127.0.0.1:9/0"


_DATABASE_URL, _VAULT_URL, REDIS_URL = _server_urls()


# Work is handed on once its lease is over, but its row stays locked while the server believes that the
# silent worker lives. So a session ends whose machine is gone, or that sits in a transaction doing nothing
# for longer than any live worker does; and a long statement ends whose client was killed.
_END_OF_SILENCE = (
    "-c idle_in_transaction_session_timeout=5min -c client_connection_check_interval=10s"
    " -c tcp_keepalives_idle=60 -c tcp_keepalives_interval=15 -c tcp_keepalives_count=4"
)


def _database(url: str) -> dict[str, Any]:
    config: dict[str, Any] = dict(env.db_url_config(url))
    # Persistent connections: measured 6.6 times as fast for a small transaction.
    # The embedded servers listen on a socket in a folder, which their URLs name as an option.
    if host := config.get("OPTIONS", {}).pop("host", ""):
        config["HOST"] = host
    config |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    options = config.setdefault("OPTIONS", {})
    options["options"] = f"{_END_OF_SILENCE} {options.get('options', '')}".strip()
    return config


DATABASES = {"default": _database(_DATABASE_URL), "vault": _database(_VAULT_URL)}
DATABASE_ROUTERS = ["portal.vault.router.VaultRouter"]
# Nobody looks history up by date alone; the index would cost every import.
SIMPLE_HISTORY_DATE_INDEX = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------------------ keys, files, ledger

KEYRING_DIR = Path(env.str("KEYRING_DIR", default=str(STATE_DIR / "keyring")))
VAULT_COPY_DIR = Path(env.str("VAULT_COPY_DIR", default=str(STATE_DIR / "vault-copy")))
JOURNAL_PATH = Path(env.str("JOURNAL_PATH", default=str(KEYRING_DIR / "erasures.journal")))
LEDGER_KEY_PATH = Path(env.str("LEDGER_KEY_PATH", default=str(KEYRING_DIR / "ledger.key")))
LEDGER_WITNESS_PATH = Path(
    env.str("LEDGER_WITNESS_PATH", default=str(KEYRING_DIR / "ledger.witness"))
)
LEDGER_ORIGIN = env.str("LEDGER_ORIGIN", default="privacy-portal")
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(STATE_DIR / "media"))
# No file is taken but where `upload_gate` opens a page to somebody; then it is sealed while it arrives.
FILE_UPLOAD_HANDLERS = ["portal.uploadgate.RefusingHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
EVIDENCE_MAX_BYTES = env.int("EVIDENCE_MAX_BYTES", default=25 * 1024**2)
IMPORT_FILE_MAX_BYTES = env.int("IMPORT_FILE_MAX_BYTES", default=20 * 1024**3)

# --------------------------------------------------------------------------------------- the company

COMPANY_NAME = env.str("COMPANY_NAME", default="Customer Portfolios LLC")
COMPANY_TIME_ZONE = env.str("COMPANY_TIME_ZONE", default="America/New_York")
BACKUP_RETENTION_DAYS = env.int("BACKUP_RETENTION_DAYS", default=35)

# -------------------------------------------------------------------------------- log-in and cookies

AUTH_USER_MODEL = "portal.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
CSRF_FAILURE_VIEW = "portal.errorpages.csrf_failure"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_IDLE_LIMIT = timedelta(minutes=env.int("SESSION_IDLE_MINUTES", default=30))
# What the portal is called in an authenticator app.
SITE_NAME = env.str("SITE_NAME", default="Privacy portal")
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"

# The demo is served without TLS on this machine only; every other installation is behind TLS.
_TLS = not DEMO
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _TLS
CSRF_COOKIE_HTTPONLY = True
if _TLS:
    # Such a cookie is taken from this very host over TLS alone, so that no neighbour in the domain can set one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = None
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "img-src": [SELF, "data:"],
    },
}

# ------------------------------------------------------------------------------------- static files

STATIC_URL = "static/"
# No other site needs our style sheets.
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATIC_ROOT = env.str("STATIC_ROOT", default=str(STATE_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "portal" / "static"]
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# ------------------------------------------------------------------------------- language and times

LANGUAGE_CODE = "en-us"
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "portal.formats"
USE_I18N = False

# ------------------------------------------------------------------------------------------- e-mail

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="privacy@localhost")
# The address that consumers write to and get their answers from; its domain is that of our Message-IDs.
PRIVACY_MAILBOX = env.str("PRIVACY_MAILBOX", default=DEFAULT_FROM_EMAIL)
# A mail server that has stopped answering holds a worker for less than its lease.
EMAIL_TIMEOUT = 30
MAIL_DOMAIN = PRIVACY_MAILBOX.rpartition("@")[2]
# imaps://user:password@host/folder; without it no e-mail is fetched (docs/operating/mail.md).
PRIVACY_IMAP_URL = env.str("PRIVACY_IMAP_URL", default="")
PRIVACY_IMAP_DONE_FOLDER = env.str("PRIVACY_IMAP_DONE_FOLDER", default="Portal")
PRIVACY_MAIL_MAX_BYTES = env.int("PRIVACY_MAIL_MAX_BYTES", default=25 * 1024**2)
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(STATE_DIR / "mail")

# -------------------------------------------------------------------------------------------- tasks

# Celery has a name of its own for a Redis that listens on a socket.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "portal.beat:StartScheduler"
CELERY_TASK_DEFAULT_QUEUE = "short"
CELERY_TASK_ROUTES = {"*.long_*": {"queue": "long"}}
# A static schedule: the due dates live in the database, never in a message.
CELERY_BEAT_SCHEDULE = {
    "send the outbox": {"task": "portal.tasks.send_outbox", "schedule": 5.0},
    "purge sessions and attempts": {"task": "portal.tasks.purge_access", "schedule": 3600.0},
    "fetch mail": {"task": "portal.correspondence.tasks.fetch_mail", "schedule": 60.0},
    "seal the ledger": {"task": "portal.tasks.seal_ledger", "schedule": 30.0},
    "run imports": {"task": "consumers.tasks.long_run_imports", "schedule": 10.0},
    "run erasures": {"task": "requests.erasures.tasks.long_run_erasures", "schedule": 10.0},
    "advance suppressions": {
        "task": "requests.suppressions.tasks.advance_suppressions",
        "schedule": 3600.0,
    },
    "sweep inquiries": {"task": "requests.inquiries.tasks.sweep_inquiries", "schedule": 3600.0},
    "shred retired keys": {"task": "portal.tasks.shred_retired_keys", "schedule": 60.0},
    "lock mail drops": {"task": "clients.tasks.lock_drops", "schedule": 600.0},
    "recover and roll the vault": {"task": "portal.tasks.long_roll_vault", "schedule": 24 * 3600.0},
    "sweep left-over files": {"task": "portal.tasks.sweep_files", "schedule": 24 * 3600.0},
    "expire instructions": {"task": "clients.tasks.expire_instructions", "schedule": 3600.0},
    "lapse disputes": {
        "task": "requests.disputes.tasks.lapse_disputes",
        "schedule": 3600.0,
    },
    "watch deadlines": {"task": "requests.optouts.tasks.watch_deadlines", "schedule": 3600.0},
}

# ------------------------------------------------------------------------------------------ logging

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_personal_data": {"()": "portal.logs.NoPersonalData"}},
    "formatters": {
        "line": {"()": "portal.logs.LineFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["no_personal_data"],
            "formatter": "line",
        },
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Celery gives these a handler of its own, which scrubs nothing, unless they have one.
        "celery.task": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "multiprocessing": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}

SILENCED_SYSTEM_CHECKS: list[str] = []
