from __future__ import annotations

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "connections"
    verbose_name = "Connections"

    def ready(self) -> None:
        from connections.work import still_read
        from hygiene.cleaning.services import in_use

        in_use.append(still_read)
