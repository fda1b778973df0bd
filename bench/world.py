"""An account to measure in, and the engine it runs on."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import connection

from bench.models import PlainSignup, Row
from contactsync.tenancy.models import User
from contactsync.tenancy.services import account_create, api_key_issue
from displays.services import RuleSettings, display_create, rule_create
from integrations.services import linked_account_create

KEY = "0123456789abcdef0123456789abcdef-us21"
MAPPING = {"first_name": "FNAME", "last_name": "LNAME"}


def prepare() -> None:
    call_command("migrate", verbosity=0)
    known = connection.introspection.table_names()
    with connection.schema_editor() as editor:
        for model in (Row, PlainSignup):
            if model._meta.db_table not in known:
                editor.create_model(model)


def world(rules: int = 1) -> dict[str, Any]:
    """A fresh account with one live display and ``rules`` sync rules."""
    owner = User.objects.create_user(f"{secrets.token_hex(6)}@bench.test", "x")
    account = account_create(name=f"Bench {secrets.token_hex(3)}", owner=owner)
    display = display_create(account=account, name="d", kind="popup", status="live")
    linked = linked_account_create(
        account=account, provider="mailchimp", label="l", credentials={"api_key": KEY}
    )
    made = [
        rule_create(
            display=display,
            settings=RuleSettings(
                linked_account=linked, audience_id=f"a{n}", mapping=MAPPING
            ),
        )
        for n in range(rules)
    ]
    return {
        "account": account,
        "display": display,
        "linked": linked,
        "rules": made,
        "pk": api_key_issue(account=account, kind="pk", name="b").text,
    }


def body(display: Any, number: object) -> bytes:
    """A signup as a display sends it."""
    return json.dumps(
        {
            "display": str(display.pk),
            "email": f"mira.okafor{number}@gmail.com",
            "fields": {"first_name": "Mira", "last_name": "Okafor"},
            "consent": {"given": True, "text": "Email me news and offers"},
            "page_url": "https://shop.example/tents",
            "utm": {"campaign": "spring"},
            "elapsed_ms": 4200,
        }
    ).encode()


@contextmanager
def cursor() -> Any:
    with connection.cursor() as opened:
        yield opened
