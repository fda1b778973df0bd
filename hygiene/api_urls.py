"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from hygiene import entries_api, policy_api

ENTRIES = "hygiene/entries"

urlpatterns = [
    path(
        "hygiene/policy",
        policy_api.HygienePolicyView.as_view(),
        name="api-hygiene-policy",
    ),
    path(ENTRIES, entries_api.EntryList.as_view(), name="api-hygiene-entries"),
    path(
        f"{ENTRIES}/import",
        entries_api.EntryImport.as_view(),
        name="api-hygiene-entries-import",
    ),
    path(
        f"{ENTRIES}/export",
        entries_api.EntryExport.as_view(),
        name="api-hygiene-entries-export",
    ),
    path(
        f"{ENTRIES}/<uuid:id>",
        entries_api.EntryDetail.as_view(),
        name="api-hygiene-entry",
    ),
]
