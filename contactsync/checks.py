"""Settings that cannot work together, told before anything starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from contactsync.api.limits import parse_rate
from contactsync.lib.crypto import parse_keys
from contactsync.lib.sql import is_postgres

RATES = ("SIGNUP_RATE_PER_IP", "SIGNUP_RATE_PER_KEY", "API_RATE_PER_KEY")

SHORTEST_LEASE = 12


@register()
def settings_fit(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name in RATES:
        try:
            parse_rate(getattr(settings, name))
        except ValueError as error:
            found.append(Error(f"{name}: {error}", id="contactsync.E001"))
    try:
        parse_keys(settings.CREDENTIAL_KEYS)
    except ValueError as error:
        found.append(Error(str(error), id="contactsync.E002"))
    if not isinstance(settings.PROVIDER_URLS, dict):
        found.append(
            Error(
                'CONTACTSYNC_PROVIDER_URLS must be JSON such as {"mailchimp": "..."}',
                id="contactsync.E003",
            )
        )
    apps = settings.OAUTH_APPS
    if not isinstance(apps, dict) or not all(
        isinstance(app, dict) and app.get("client_id") for app in apps.values()
    ):
        found.append(
            Error(
                "CONTACTSYNC_OAUTH must be JSON such as "
                '{"mailchimp": {"client_id": "...", "client_secret": "..."}}',
                id="contactsync.E006",
            )
        )
    if settings.HYGIENE_WIDE not in ("off", "flag", "on"):
        found.append(
            Error("HYGIENE_WIDE must be off, flag or on", id="contactsync.E005")
        )
    if settings.LEASE_SECONDS < SHORTEST_LEASE:
        found.append(
            Error(
                f"LEASE_SECONDS must be {SHORTEST_LEASE} or more: a provider needs "
                "some seconds to answer",
                id="contactsync.E004",
            )
        )
    if is_postgres() and settings.BROKER_URL.startswith("filesystem"):
        found.append(
            Warning(
                "PostgreSQL with the broker in files: one machine only. "
                "Set BROKER_URL to a Redis for more.",
                id="contactsync.W001",
            )
        )
    return found
