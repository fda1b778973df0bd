"""``manage.py sandbox``: simulated providers for development, demo and tests."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.sandbox.server import NotLoopback, add_arguments, serve


class Command(BaseCommand):
    """Runs in the foreground until it is told to stop. Needs no database."""

    help = "Run the provider sandbox: simulated email tools with a fault dial."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            serve(
                host=options["host"],
                port=options["port"],
                state=options["state"],
                public=options["public"],
            )
        except NotLoopback as error:
            raise CommandError(str(error)) from None
