from __future__ import annotations

from django.urls import path

from displays import confirm_public, hosted, public

urlpatterns = [
    path(public.SIGNUPS_PATH.lstrip("/"), public.signups, name="signups"),
    path("d/<uuid:display>/", hosted.hosted_page, name="hosted_page"),
    path("c/<str:token>", confirm_public.confirm_page, name="confirm"),
]
