"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from displays import confirm_api, hygiene_api

urlpatterns = [
    path(
        "confirmations",
        confirm_api.ConfirmationList.as_view(),
        name="api-confirmations",
    ),
    path(
        "confirmations/events",
        confirm_api.ConfirmationEvents.as_view(),
        name="api-confirmation-events",
    ),
    path(
        "contacts/<uuid:id>/confirmation",
        confirm_api.ContactConfirmation.as_view(),
        name="api-contact-confirmation",
    ),
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
