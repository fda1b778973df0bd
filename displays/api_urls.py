"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from displays import hygiene_api

urlpatterns = [
    path(
        "displays/<uuid:id>/hygiene-policy",
        hygiene_api.DisplayHygienePolicy.as_view(),
        name="api-display-hygiene-policy",
    ),
    path(
        "signups/<uuid:id>/accept",
        hygiene_api.SignupAccept.as_view(),
        name="api-signup-accept",
    ),
]
