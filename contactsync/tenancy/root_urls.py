"""What belongs to a person rather than to an account."""

from __future__ import annotations

from django.urls import include, path

from contactsync.tenancy import people_views

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("you/", people_views.profile, name="profile"),
    path("theme/", people_views.theme, name="theme"),
    path("new-account/", people_views.account_new, name="account_new"),
    path("invitations/<str:token>/", people_views.invitation, name="invitation"),
]
