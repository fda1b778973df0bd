"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from activity import (
    actions,
    bench_views,
    bulk_views,
    consent_views,
    deliverability,
    finder_views,
    incidents_views,
    ledger_views,
    rejected_views,
    shadow_views,
    suppressed_views,
    views,
)

BULK = "activity/bulk/<uuid:pk>/"

urlpatterns = [
    path("contacts/", views.contacts, name="contacts"),
    path("contacts/export.csv", views.contacts_export, name="contacts_export"),
    path("contacts/why/", finder_views.missing_mail, name="missing_mail"),
    path("hygiene/suppressed/", suppressed_views.suppressed, name="suppressed"),
    path(
        "hygiene/suppressed/add/",
        suppressed_views.suppression_add,
        name="suppression_add",
    ),
    path(
        "hygiene/suppressed/<uuid:pk>/remove/",
        suppressed_views.suppression_remove,
        name="suppression_remove",
    ),
    path("contacts/<uuid:pk>/", views.contact, name="contact"),
    path(
        "contacts/<uuid:pk>/confirmation/",
        consent_views.confirmation_resend,
        name="confirmation_resend",
    ),
    path(
        "contacts/<uuid:pk>/certificate.json",
        consent_views.consent_certificate,
        name="consent_certificate",
    ),
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
    path("rejected/", rejected_views.rejected, name="rejected"),
    path("rejected/export.csv", rejected_views.rejected_export, name="rejected_export"),
    path("hygiene/bench/", bench_views.hygiene_bench, name="hygiene_bench"),
    path(
        "hygiene/bench/votes/",
        bench_views.hygiene_bench_votes,
        name="hygiene_bench_votes",
    ),
    path("hygiene/bench/shadow/", shadow_views.hygiene_shadow, name="hygiene_shadow"),
    path("deliverability/", deliverability.page, name="deliverability"),
    path("deliverability/appeal/", deliverability.appeal, name="suspension_appeal"),
    path("ledger/", ledger_views.page, name="ledger"),
    path("ledger/export.csv", ledger_views.export, name="ledger_export"),
    path("ledger/rows/", ledger_views.rows, name="ledger_rows"),
    path("incidents/", incidents_views.page, name="incidents"),
    path("incidents/<uuid:pk>/close/", incidents_views.close, name="incident_close"),
    path("activity/", views.sync_activity, name="sync_activity"),
    path("activity/retry/<uuid:linked>/", actions.failed_retry, name="failed_retry"),
    path("activity/held/", actions.held_send, name="held_send"),
    path("activity/bulk/", bulk_views.bulk_runs, name="bulk_runs"),
    path("activity/bulk/new/", bulk_views.bulk_new, name="bulk_new"),
    path(BULK, bulk_views.bulk_run, name="bulk_run"),
    path(f"{BULK}contacts.csv", bulk_views.bulk_items, name="bulk_items"),
    path(f"{BULK}start/", bulk_views.bulk_start_view, name="bulk_start"),
    path(f"{BULK}pause/", bulk_views.bulk_pause_view, name="bulk_pause"),
    path(f"{BULK}resume/", bulk_views.bulk_resume_view, name="bulk_resume"),
    path(f"{BULK}cancel/", bulk_views.bulk_cancel_view, name="bulk_cancel"),
    path(f"{BULK}undo/", bulk_views.bulk_undo_view, name="bulk_undo"),
]
