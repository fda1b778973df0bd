"""What providers call by an address that was registered there."""

from __future__ import annotations

from django.urls import path

from integrations import oauth_views

urlpatterns = [
    path(
        "oauth/callback/<slug:provider>/", oauth_views.callback, name="oauth_callback"
    ),
]
