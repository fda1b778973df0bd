"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from integrations import link_views, views

HERE = "account/integrations/"

urlpatterns = [
    path(HERE, views.linked_accounts, name="linked_accounts"),
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
        f"{HERE}<uuid:pk>/unlink/",
        link_views.linked_account_unlink_view,
        name="linked_account_unlink",
    ),
]
