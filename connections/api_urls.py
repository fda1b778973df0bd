"""Below ``api/v1/``."""

from __future__ import annotations

from django.urls import path

from connections import api

HERE = "imports/<uuid:id>"

urlpatterns = [
    path("imports", api.ImportList.as_view(), name="api-imports"),
    path(HERE, api.ImportDetail.as_view(), name="api-import"),
    path(f"{HERE}/pause", api.ImportPause.as_view(), name="api-import-pause"),
    path(f"{HERE}/resume", api.ImportResume.as_view(), name="api-import-resume"),
    path(f"{HERE}/cancel", api.ImportCancel.as_view(), name="api-import-cancel"),
]
