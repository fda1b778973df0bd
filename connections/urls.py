"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from connections import views

HERE = "hygiene/cleaning/imports/<uuid:pk>/"

urlpatterns = [
    path(
        "hygiene/cleaning/<uuid:run>/import/",
        views.list_import_new,
        name="list_import_new",
    ),
    path(HERE, views.list_import, name="list_import"),
    path(f"{HERE}pause/", views.list_import_pause, name="list_import_pause"),
    path(f"{HERE}resume/", views.list_import_resume, name="list_import_resume"),
    path(f"{HERE}cancel/", views.list_import_cancel, name="list_import_cancel"),
]
