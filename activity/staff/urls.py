"""Below ``staff/``."""

from __future__ import annotations

from django.urls import path

from activity.staff import views

urlpatterns = [
    path("", views.staff_queue, name="staff_queue"),
    path("wishes/", views.staff_wishes, name="staff_wishes"),
    path("accounts/", views.staff_accounts, name="staff_accounts"),
    path("accounts/<slug:slug>/", views.staff_account, name="staff_account"),
    path("accounts/<slug:slug>/suspend/", views.staff_suspend, name="staff_suspend"),
    path("suspensions/<uuid:pk>/decide/", views.staff_decide, name="staff_decide"),
]
