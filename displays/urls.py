"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from displays import confirm_views, hygiene_views, rule_views, views

HERE = "convert/displays/"
RULES = f"{HERE}<uuid:pk>/settings/rules/"

urlpatterns = [
    path("account/confirmation/", confirm_views.confirmation, name="confirmation"),
    path(
        "account/confirmation/<slug:language>/",
        confirm_views.confirmation_text,
        name="confirmation_text",
    ),
    path(HERE, views.displays, name="displays"),
    path(f"{HERE}names.json", views.display_names, name="display_names"),
    path(f"{HERE}new/", views.display_new, name="display_new"),
    path(f"{HERE}<uuid:pk>/design/", views.display_design, name="display_design"),
    path(f"{HERE}<uuid:pk>/settings/", views.display_settings, name="display_settings"),
    path(f"{HERE}<uuid:pk>/publish/", views.display_publish, name="display_publish"),
    path(
        f"{HERE}<uuid:pk>/settings/filter/",
        hygiene_views.display_hygiene,
        name="display_hygiene",
    ),
    path(
        "contacts/signups/<uuid:pk>/accept/",
        hygiene_views.signup_accept,
        name="signup_accept",
    ),
    path(f"{RULES}new/", rule_views.rule_new, name="rule_new"),
    path(f"{RULES}<uuid:rule>/", rule_views.rule_edit, name="rule_edit"),
    path(f"{RULES}<uuid:rule>/switch/", rule_views.rule_toggle, name="rule_toggle"),
    path(
        f"{RULES}<uuid:rule>/backfill/", rule_views.rule_backfill, name="rule_backfill"
    ),
    path(f"{RULES}<uuid:rule>/remove/", rule_views.rule_delete, name="rule_delete"),
]
