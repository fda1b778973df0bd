"""The whole URL map on one screen."""

from __future__ import annotations

from django.urls import include, path

from activity.home import home as account_home
from contactsync import health, home

tenant = [
    path("", account_home, name="home"),
    path("", include("contactsync.tenancy.urls")),
    path("", include("integrations.urls")),
    path("", include("hygiene.urls")),
    path("", include("hygiene.cleaning.urls")),
    path("", include("displays.urls")),
    path("", include("connections.urls")),
    path("", include("activity.urls")),
]

urlpatterns = [
    path("", home.front, name="front"),
    path("a/<slug:account>/", include(tenant)),
    path("", include("contactsync.tenancy.root_urls")),
    path("", include("displays.public_urls")),
    path("", include("integrations.root_urls")),
    path("staff/", include("activity.staff.urls")),
    path("api/", include("contactsync.api_urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
