"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from contacts import consents_api

urlpatterns = [
    path(
        "contacts/<uuid:id>/consents",
        consents_api.ContactConsents.as_view(),
        name="api-contact-consents",
    ),
    path(
        "contacts/<uuid:id>/certificate",
        consents_api.ContactCertificate.as_view(),
        name="api-contact-certificate",
    ),
]
