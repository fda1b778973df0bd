"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from activity import deliverability_api
from activity import hygiene_api as hygiene

urlpatterns = [
    path(
        "deliverability",
        deliverability_api.DeliverabilityView.as_view(),
        name="api-deliverability",
    ),
    path("contacts/why", hygiene.Why.as_view(), name="api-contacts-why"),
    path("rejected", hygiene.Rejected.as_view(), name="api-rejected"),
    path("rejected.csv", hygiene.RejectedCsv.as_view(), name="api-rejected-csv"),
    path("hygiene/shadow", hygiene.HygieneShadow.as_view(), name="api-hygiene-shadow"),
]
