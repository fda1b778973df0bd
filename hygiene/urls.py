"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from hygiene import views

POLICY = "hygiene/policy/"
LISTS = f"{POLICY}lists/"

urlpatterns = [
    path(POLICY, views.hygiene_policy, name="hygiene_policy"),
    path(LISTS, views.hygiene_entries, name="hygiene_entries"),
    path(f"{LISTS}add/", views.hygiene_entry_add, name="hygiene_entry_add"),
    path(
        f"{LISTS}import/", views.hygiene_entries_import, name="hygiene_entries_import"
    ),
    path(
        f"{LISTS}export.csv",
        views.hygiene_entries_export,
        name="hygiene_entries_export",
    ),
    path(
        f"{LISTS}<uuid:pk>/remove/",
        views.hygiene_entry_remove,
        name="hygiene_entry_remove",
    ),
]
