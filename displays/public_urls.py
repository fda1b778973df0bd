from __future__ import annotations

from django.urls import path

from displays import public

urlpatterns = [
    path(public.SIGNUPS_PATH.lstrip("/"), public.signups, name="signups"),
]
