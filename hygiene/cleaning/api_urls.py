"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from hygiene.cleaning import api

BASE = "hygiene/cleanings"
urlpatterns = [
    path(BASE, api.CleaningList.as_view(), name="api-cleanings"),
    path(f"{BASE}/<uuid:id>", api.CleaningDetail.as_view(), name="api-cleaning"),
    path(
        f"{BASE}/<uuid:id>/pause",
        api.CleaningPause.as_view(),
        name="api-cleaning-pause",
    ),
    path(
        f"{BASE}/<uuid:id>/resume",
        api.CleaningResume.as_view(),
        name="api-cleaning-resume",
    ),
    path(
        f"{BASE}/<uuid:id>/cancel",
        api.CleaningCancel.as_view(),
        name="api-cleaning-cancel",
    ),
    path(
        f"{BASE}/<uuid:id>/rows", api.CleaningRows.as_view(), name="api-cleaning-rows"
    ),
    path(
        f"{BASE}/<uuid:id>/file", api.CleaningFile.as_view(), name="api-cleaning-file"
    ),
]
