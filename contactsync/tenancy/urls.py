"""Below ``a/<slug:account>/``."""

from __future__ import annotations

from django.urls import path

from contactsync.tenancy import keys_views, team_views, views

urlpatterns = [
    path("account/team/", team_views.team, name="team"),
    path("account/team/invite/", team_views.team_invite, name="team_invite"),
    path("account/team/leave/", team_views.team_leave, name="team_leave"),
    path(
        "account/team/invitations/<uuid:pk>/withdraw/",
        team_views.invitation_withdraw,
        name="invitation_withdraw",
    ),
    path("account/team/<int:member>/role/", team_views.team_role, name="team_role"),
    path(
        "account/team/<int:member>/remove/", team_views.team_remove, name="team_remove"
    ),
    path("account/api-keys/", keys_views.api_keys, name="api_keys"),
    path("account/api-keys/new/", keys_views.api_key_new, name="api_key_new"),
    path("account/api-keys/<uuid:pk>/", keys_views.api_key, name="api_key"),
    path(
        "account/api-keys/<uuid:pk>/revoke/",
        keys_views.api_key_revoke_view,
        name="api_key_revoke",
    ),
    path("account/audit/", views.audit_log, name="audit"),
    path("account/settings/", views.account_settings, name="account_settings"),
    path("account/settings/name/", views.account_rename, name="account_rename"),
]
