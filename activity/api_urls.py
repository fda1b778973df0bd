"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from activity import bulk_api as bulk
from activity import deliverability_api, incidents_api
from activity import hygiene_api as hygiene

BULK = "bulk-runs/<uuid:id>"

urlpatterns = [
    path("incidents", incidents_api.IncidentList.as_view(), name="api-incidents"),
    path("bulk-runs", bulk.BulkList.as_view(), name="api-bulk-runs"),
    path(BULK, bulk.BulkDetail.as_view(), name="api-bulk-run"),
    path(f"{BULK}/items", bulk.BulkItems.as_view(), name="api-bulk-items"),
    path(f"{BULK}/start", bulk.BulkStart.as_view(), name="api-bulk-start"),
    path(f"{BULK}/pause", bulk.BulkPause.as_view(), name="api-bulk-pause"),
    path(f"{BULK}/resume", bulk.BulkResume.as_view(), name="api-bulk-resume"),
    path(f"{BULK}/cancel", bulk.BulkCancel.as_view(), name="api-bulk-cancel"),
    path(f"{BULK}/undo", bulk.BulkUndo.as_view(), name="api-bulk-undo"),
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
