"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from hygiene.cleaning import views

BASE = "hygiene/cleaning/"
urlpatterns = [
    path(BASE, views.cleaning_runs, name="cleaning_runs"),
    path(f"{BASE}new/", views.cleaning_new, name="cleaning_new"),
    path(f"{BASE}<uuid:pk>/", views.cleaning_run, name="cleaning_run"),
    path(f"{BASE}<uuid:pk>/columns/", views.cleaning_columns, name="cleaning_columns"),
    path(f"{BASE}<uuid:pk>/pause/", views.cleaning_pause, name="cleaning_pause"),
    path(f"{BASE}<uuid:pk>/resume/", views.cleaning_resume, name="cleaning_resume"),
    path(f"{BASE}<uuid:pk>/cancel/", views.cleaning_cancel, name="cleaning_cancel"),
    path(f"{BASE}<uuid:pk>/delete/", views.cleaning_delete, name="cleaning_delete"),
    path(
        f"{BASE}<uuid:pk>/download/", views.cleaning_download, name="cleaning_download"
    ),
]
