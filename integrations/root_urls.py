"""What providers call by an address that was registered there."""

from __future__ import annotations

from django.urls import path

from integrations import hook_views, oauth_views

urlpatterns = [
    path(
        "oauth/callback/<slug:provider>/", oauth_views.callback, name="oauth_callback"
    ),
    path("hooks/<slug:provider>/<uuid:pk>/<str:token>/", hook_views.hook, name="hook"),
]
