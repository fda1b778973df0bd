"""What the tests of the rule editor post, and the signups that they find there."""

from __future__ import annotations

from typing import Any

from displays.models import Display
from displays.store import NewSignup, store_signup
from integrations.models import LinkedAccount

NEWSLETTER = "a6b5da1054"
VIP = "c1f83e07b2"


def form_of(linked: LinkedAccount, **more: Any) -> dict[str, Any]:
    """What the editor posts for a simple rule."""
    return {
        "do": "save",
        "linked_account": str(linked.pk),
        "audience": NEWSLETTER,
        "loaded": f"{linked.pk}|{NEWSLETTER}",
        "options_shown": "1",
        "match": "every",
        "map:first_name": "FNAME",
        "tags": "spring, popup ,spring,",
        "update_existing": "on",
        "version": "1",
        **more,
    }


def sign_up(display: Display, email: str, **more: Any) -> None:
    store_signup(
        NewSignup(
            account_id=display.account_id,
            display_id=display.pk,
            environment="live",
            email=email,
            email_key=email,
            accepted=True,
            category="valid",
            rule="",
            evidence="",
            **more,
        )
    )
