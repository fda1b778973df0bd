from __future__ import annotations

from django.apps import AppConfig


class ContactsyncConfig(AppConfig):
    name = "contactsync"
    verbose_name = "contactsync"

    def ready(self) -> None:
        from contactsync import checks  # noqa: F401  (registers the system checks)
