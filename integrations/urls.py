"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from integrations import (
    flow_back_views,
    link_views,
    views,
    vote_views,
    watch_views,
)

HERE = "account/integrations/"

urlpatterns = [
    path(HERE, views.linked_accounts, name="linked_accounts"),
    path(f"{HERE}vote/", vote_views.vote, name="provider_vote"),
    path(f"{HERE}test/", views.linked_accounts_test, name="linked_accounts_test"),
    path(f"{HERE}link/<slug:provider>/", link_views.link, name="link"),
    path(
        f"{HERE}<uuid:pk>/test/", views.linked_account_test, name="linked_account_test"
    ),
    path(
        f"{HERE}<uuid:pk>/reconnect/",
        link_views.linked_account_reconnect,
        name="linked_account_reconnect",
    ),
    path(
        f"{HERE}<uuid:pk>/refresh/", watch_views.fields_refresh, name="fields_refresh"
    ),
    path(
        f"{HERE}targets/<uuid:pk>/send/",
        watch_views.target_send_always,
        name="target_send_always",
    ),
    path(f"{HERE}linking/<uuid:pk>/", link_views.link_question, name="link_question"),
    path(
        f"{HERE}<uuid:pk>/part/",
        link_views.linked_account_part,
        name="linked_account_part",
    ),
    path(
        f"{HERE}<uuid:pk>/rename/",
        link_views.linked_account_rename,
        name="linked_account_rename",
    ),
    path(
        f"{HERE}<uuid:pk>/pause/",
        views.linked_account_pause_view,
        name="linked_account_pause",
    ),
    path(
        f"{HERE}<uuid:pk>/resume/",
        views.linked_account_resume_view,
        name="linked_account_resume",
    ),
    path(
        f"{HERE}<uuid:pk>/back/",
        flow_back_views.linked_account_back,
        name="linked_account_back",
    ),
    path(
        f"{HERE}<uuid:pk>/back/save/",
        flow_back_views.linked_account_back_save,
        name="linked_account_back_save",
    ),
    path(
        f"{HERE}<uuid:pk>/back/look/",
        flow_back_views.linked_account_look,
        name="linked_account_look",
    ),
    path(
        f"{HERE}<uuid:pk>/back/compare/",
        flow_back_views.linked_account_compare,
        name="linked_account_compare",
    ),
    path(
        f"{HERE}<uuid:pk>/unlink/",
        link_views.linked_account_unlink_view,
        name="linked_account_unlink",
    ),
]
