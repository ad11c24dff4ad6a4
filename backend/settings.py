"""Every setting of Relais, in one file, read from the environment.

`RELAIS_DEMO=1` is what `bin/run` sets: invented people, a second factor that stays optional, letters that
can only reach a server on this machine. Without it, weak or missing secrets stop the start.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from backend import environment
from backend.environment import env_bool, env_int, env_list
from backend.logging import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where we are -----------------------------------------------------------------------------------------

DEMO = env_bool("RELAIS_DEMO")
DEBUG = False
SECRET_KEY = environment.secret_key(os.environ.get("SECRET_KEY", ""), demo=DEMO)
# Former keys, the newest first: what they signed or encrypted stays readable while a key is being replaced.
SECRET_KEY_FALLBACKS = [environment.secret_key(key, demo=DEMO) for key in env_list("SECRET_KEY_FALLBACKS")]
ALLOWED_HOSTS = environment.allowed_hosts(env_list("ALLOWED_HOSTS"), demo=DEMO)
SITE_URL = environment.site_url(os.environ.get("SITE_URL", ""), ALLOWED_HOSTS, demo=DEMO)
MESSAGE_ID_DOMAIN = urlsplit(SITE_URL).hostname
HTTPS = SITE_URL.startswith("https://")

# --- Rooms ------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "backend.apps.RelaisAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "django_htmx",
    "django_filters",
    "pgtrigger",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    # Before allauth, whose pages it replaces with French ones.
    "accounts",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "structures",
    "referrals",
    "reporting",
    "worker",
    "backend.apps.BackendConfig",
]

MIDDLEWARE = [
    "backend.middleware.AccessLogMiddleware",
    "backend.middleware.PageHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "backend.middleware.SessionEndMiddleware",
    "backend.middleware.LoginMiddleware",
    "backend.middleware.SecondFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "referrals.middleware.DoorMiddleware",
]

ROOT_URLCONF = "backend.urls"
WSGI_APPLICATION = "backend.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "backend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "backend.context.chrome",
            ],
        },
    }
]
# Found among our own templates: needs `django.forms` in INSTALLED_APPS.
FORM_RENDERER = "backend.forms.RelaisFormRenderer"

# --- Servers ----------------------------------------------------------------------------------------------

DATABASES = {"default": environment.database(os.environ.get("DATABASE_URL", ""), demo=DEMO)}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
# A worker whose machine vanishes holds its letters until PostgreSQL notices: after a minute instead of two hours.
_SESSION = {
    "jit": "off",
    # `structures.text.LEAST_ALIKE`: what the index of names looks for.
    "pg_trgm.word_similarity_threshold": 0.4,
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}
DATABASES["default"]["OPTIONS"] |= {"options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "backend.cache.SharedOrLocalCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "relais",
        "OPTIONS": {
            "serializer": "backend.cache.JSONSerializer",
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
        },
    }
}
CELERY_BROKER_URL = REDIS_URL
CELERY_TIMEZONE = "Europe/Paris"
CELERY_TASK_DEFAULT_QUEUE = "relais"
# What a task does stands in the database: nobody asks Celery for it.
CELERY_TASK_IGNORE_RESULT = True
# A task lost with its worker comes back after the visibility timeout; beat has woken another one long before.
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A wake works for 20 s and then waits at most for the answers of one mail server. Beyond, it hangs: it is interrupted,
# then killed; nothing is lost. Both stay below the visibility timeout: a task never runs twice at once.
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
# A child that leaks is replaced after some three hours of wakes; none is in the middle of a letter then.
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
# When Redis goes away, the letter under way is finished: to interrupt it would leave a doubt for nothing.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_keepalive": True, "health_check_interval": 25}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Redis may be away for longer than Celery's usual hundred attempts.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Celery would otherwise replace the log handlers, and the masks with them.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

_EMAIL = environment.email(os.environ.get("EMAIL_URL", ""), demo=DEMO)
EMAIL_HOST: str = _EMAIL["EMAIL_HOST"]
EMAIL_PORT: int = _EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER: str = _EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD: str = _EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_SSL: bool = _EMAIL["EMAIL_USE_SSL"]
EMAIL_USE_TLS: bool = _EMAIL["EMAIL_USE_TLS"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", f"Relais <ne-pas-repondre@{MESSAGE_ID_DOMAIN}>")
# Without one, whoever is to be reached by text message is called by a colleague.
SMS_GATEWAY = environment.sms(os.environ.get("SMS_URL", ""), os.environ.get("SMS_BODY", ""), SITE_URL, demo=DEMO)
# The most that each server takes in a minute from all workers together; 0: no limit.
EMAIL_PER_MINUTE = env_int("EMAIL_PER_MINUTE", 0)
SMS_PER_MINUTE = env_int("SMS_PER_MINUTE", 0)
# Who is told that letters leave again after a stop; empty: the superusers.
ALERTS_TO = environment.addresses("ALERTS_TO", env_list("ALERTS_TO"))
# What Prometheus bears to read /metrics; empty: the address does not exist.
METRICS_TOKEN = environment.token("METRICS_TOKEN", os.environ.get("METRICS_TOKEN", ""))

# --- Words, days and files --------------------------------------------------------------------------------

LANGUAGE_CODE = "fr"
TIME_ZONE = "Europe/Paris"
USE_I18N = True
USE_TZ = True
PHONENUMBER_DEFAULT_REGION = "FR"

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "backend" / "static"]
# Documents attached to fiches: no address leads to this folder, a view serves them one by one.
ATTACHMENTS_DIR = Path(os.environ.get("ATTACHMENTS_DIR", BASE_DIR / "var" / "attachments"))
# The antivirus that reads each file before it is kept; without one, files are shown as not analysed.
ATTACHMENT_SCANNER = environment.command("ATTACHMENT_SCANNER", os.environ.get("ATTACHMENT_SCANNER", ""))

# --- Who logs in, and how ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "referrals:home"
LOGOUT_REDIRECT_URL = "account_login"
SECOND_FACTOR_REQUIRED = not DEMO

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
MIN_PASSWORD_LENGTH = 15
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": MIN_PASSWORD_LENGTH},
    },
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "first_name", "last_name", "job_title"]},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# A reset link and an invitation: time for a Friday letter to be read on Monday.
PASSWORD_RESET_TIMEOUT = int(timedelta(days=3).total_seconds())

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Accounts are opened by managers and support: nobody's address is taken before they proved it by the
# invitation.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {
    # Several people share an address on the Internet in most offices: the tight limit is the one per account.
    "login": "30/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "reset_password": "10/m/ip,3/10m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "manage_email": "5/m/user",
    "reauthenticate": "10/m/user",
    # Ours, counted the same way: a new link to a fiche, asked for without an account.
    "new_link": "10/m/ip",
}
# How many proxies of ours stand in front: 0 means that X-Forwarded-For is not believed.
ALLAUTH_TRUSTED_PROXY_COUNT = env_int("TRUSTED_PROXY_COUNT", 0)

MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeAtLoginForm",
    "reauthenticate": "accounts.forms.CodeAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Relais"
# One step of 30 s on either side: telephones are not always on time.
MFA_TOTP_TOLERANCE = 1
# The rule this lifts protects against strangers who sign up with another's address: here nobody signs up.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# --- Sessions and cookies ---------------------------------------------------------------------------------

SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_IDLE_AGE = int(timedelta(minutes=60).total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
_PREFIX = "" if DEMO else "__Host-"
SESSION_COOKIE_NAME = f"{_PREFIX}relais-session"
SESSION_COOKIE_SECURE = not DEMO
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_PREFIX}relais-csrf"
CSRF_COOKIE_SECURE = not DEMO
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- The API ----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    # The token first: it is what a 401 asks for. The session serves the documentation page.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "600/min"},
    "EXCEPTION_HANDLER": "referrals.api.problems.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=90), "AUTO_REFRESH": False, "TOKEN_LIMIT_PER_USER": 10}
SPECTACULAR_SETTINGS = {
    "TITLE": "API de Relais",
    "DESCRIPTION": "The same verbs and the same door as the screens. Send `Authorization: Token …`; "
    "`Relais-Structure` chooses among one's structures. Errors are problem documents (RFC 9457).",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "ENUM_NAME_OVERRIDES": {
        "CecrlEnum": "structures.vocabulary.Cecrl",
        "ThemeEnum": "structures.vocabulary.NeedTheme",
        "HalfDayEnum": "structures.vocabulary.HalfDay",
        "ReferralStateEnum": "referrals.states.State",
        "ReasonEnum": "referrals.states.Reason",
        "BilanStateEnum": "referrals.models.bilan.BilanState",
        "FollowUpChannelEnum": "referrals.models.followup.FollowUpChannel",
        "FollowUpStateEnum": "referrals.models.followup.FollowUpState",
        "BilanKindEnum": "referrals.models.bilan.BilanKind",
        "ExitKindEnum": "referrals.models.exit.ExitKind",
        "EventKindEnum": "referrals.models.event.EventKind",
        "StructureKindEnum": "structures.vocabulary.StructureKind",
        "AttachmentKindEnum": "referrals.models.attachment.AttachmentKind",
        "ClarificationKindEnum": "referrals.models.clarification.ClarificationKind",
        "AppointmentStateEnum": "referrals.states.AppointmentState",
        "ImportStateEnum": "structures.models.table_batch.BatchState",
        "PaceEnum": "structures.vocabulary.Pace",
        "FileTypeEnum": "referrals.filechecks.FileType",
        "ScanEnum": "referrals.scanning.Scan",
    },
}

# --- Headers ----------------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Probes of the machine itself ask in plain http.
SECURE_REDIRECT_EXEMPT = [r"^sante(/envois)?$"]
if not DEMO:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    if ALLAUTH_TRUSTED_PROXY_COUNT:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- What is written down ---------------------------------------------------------------------------------

LOGGING = logging_settings(os.environ.get("LOG_LEVEL", "INFO"))
DEFAULT_EXCEPTION_REPORTER = "backend.logging.SilentReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "backend.logging.SilentReporterFilter"
