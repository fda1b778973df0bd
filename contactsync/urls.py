"""The whole URL map on one screen."""

from __future__ import annotations

from django.urls import include, path

from contactsync import health, home

urlpatterns = [
    path("", home.front, name="front"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("", include("displays.public_urls")),
    path("api/", include("contactsync.api_urls")),
]
