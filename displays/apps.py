from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class DisplaysConfig(AppConfig):
    name = "displays"

    def ready(self) -> None:
        import_module("displays.backfill")  # says where a backfill's people come from
