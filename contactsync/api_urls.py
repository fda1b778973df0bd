"""The REST API's URL map. Posting a signup is in displays.public_urls."""

from __future__ import annotations

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from activity import api as activity
from activity import ledger_api as books
from contacts import api as contacts
from contactsync.api.views import elsewhere
from displays import api as displays
from displays import rules_api as rules
from displays import signups_api as signups
from hygiene import api as hygiene
from integrations import api as linked
from integrations import deliveries_api as deliveries
from integrations import flow_back_api as back
from integrations import provider_calls_api as calls
from integrations import providers_api as providers
from integrations import sub_accounts_api as parts

v1 = [
    path("signups", signups.Signups.as_view(), name="api-signups"),
    path("signups/batch", signups.SignupBatch.as_view(), name="api-signups-batch"),
    path("signups/<uuid:id>", signups.SignupDetail.as_view(), name="api-signup"),
    path("displays", displays.DisplayList.as_view(), name="api-displays"),
    path("displays/<uuid:id>", displays.DisplayDetail.as_view(), name="api-display"),
    path("displays/<uuid:id>/rules", rules.RuleList.as_view(), name="api-rules"),
    path(
        "displays/<uuid:id>/rules/<uuid:rule>",
        rules.RuleDetail.as_view(),
        name="api-rule",
    ),
    path("providers", providers.ProviderList.as_view(), name="api-providers"),
    path(
        "linked-accounts",
        linked.LinkedAccountList.as_view(),
        name="api-linked-accounts",
    ),
    path(
        "linked-accounts/<uuid:id>",
        linked.LinkedAccountDetail.as_view(),
        name="api-linked-account",
    ),
    path(
        "linked-accounts/<uuid:id>/test",
        calls.LinkedAccountTest.as_view(),
        name="api-linked-account-test",
    ),
    path(
        "linked-accounts/<uuid:id>/audiences",
        calls.AudienceList.as_view(),
        name="api-audiences",
    ),
    path(
        "linked-accounts/<uuid:id>/fields",
        calls.FieldList.as_view(),
        name="api-fields",
    ),
    path(
        "linked-accounts/<uuid:id>/sub-accounts",
        parts.SubAccountList.as_view(),
        name="api-sub-accounts",
    ),
    path(
        "linked-accounts/<uuid:id>/reconcile",
        back.LinkedAccountReconcile.as_view(),
        name="api-linked-account-reconcile",
    ),
    path("hygiene/check", hygiene.HygieneCheck.as_view(), name="api-hygiene-check"),
    path("contacts", contacts.ContactList.as_view(), name="api-contacts"),
    path("contacts/<uuid:id>", contacts.ContactDetail.as_view(), name="api-contact"),
    path(
        "contacts/<uuid:id>/explain",
        activity.ContactExplain.as_view(),
        name="api-contact-explain",
    ),
    path("deliveries", deliveries.DeliveryList.as_view(), name="api-deliveries"),
    path(
        "deliveries/<int:id>", deliveries.DeliveryDetail.as_view(), name="api-delivery"
    ),
    path(
        "deliveries/<int:id>/retry",
        deliveries.DeliveryRetry.as_view(),
        name="api-delivery-retry",
    ),
    path("ledger", books.Ledger.as_view(), name="api-ledger"),
    path("suppressions", contacts.SuppressionList.as_view(), name="api-suppressions"),
    path(
        "suppressions/<uuid:id>",
        contacts.SuppressionDetail.as_view(),
        name="api-suppression",
    ),
    path("events", contacts.EventList.as_view(), name="api-events"),
    path("", include("contacts.api_urls")),
    path("", include("hygiene.api_urls")),
    path("", include("hygiene.cleaning.api_urls")),
    path("", include("displays.api_urls")),
    path("", include("connections.api_urls")),
    path("", include("activity.api_urls")),
    re_path(r"^", elsewhere, name="api-elsewhere"),
]

urlpatterns = [
    path("v1/", include(v1)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", title="contactsync API"),
        name="api-docs",
    ),
]
