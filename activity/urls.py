"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from activity import actions, views

urlpatterns = [
    path("contacts/", views.contacts, name="contacts"),
    path("contacts/export.csv", views.contacts_export, name="contacts_export"),
    path("contacts/<uuid:pk>/", views.contact, name="contact"),
    path(
        "contacts/<uuid:pk>/retry/<int:delivery>/",
        actions.delivery_retry,
        name="delivery_retry",
    ),
    path(
        "contacts/<uuid:pk>/check/<uuid:linked>/",
        actions.opt_in_check,
        name="opt_in_check",
    ),
    path("activity/", views.sync_activity, name="sync_activity"),
    path("activity/retry/<uuid:linked>/", actions.failed_retry, name="failed_retry"),
]
