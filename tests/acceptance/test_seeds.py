"""SPEC.md 5.6, by its names: what the product was asked for, from the API to the
provider's own books and back. The provider is the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from contactsync.tenancy.models import Account
from displays.models import Display
from integrations import opt_ins
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount
from integrations.reasons import NO_OVERRIDE
from integrations.sandbox.testing import RunningSandbox, running_sandbox

pytestmark = pytest.mark.django_db(transaction=True)

NEWSLETTER = "a6b5da1054"


class World:
    """A merchant who uses nothing but the REST API."""

    def __init__(self, key: str, sandbox: RunningSandbox) -> None:
        self.key = key
        self.sandbox = sandbox
        self.client = Client()
        self.linked = ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body) if body is not None else "",
            content_type="application/json",
            headers={"authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code < 300, answer.content
        return json.loads(answer.content) if answer.content else None

    def link(self) -> Any:
        made = self.call(
            "POST",
            "linked-accounts",
            {
                "provider": "mailchimp",
                "label": "Acme Store",
                "credentials": {"api_key": "0123456789abcdef-us21"},
            },
        )
        self.linked = made["id"]
        return made

    def display(self, *, rule: bool = True, **options: Any) -> str:
        body = {"name": "Popup", "kind": "popup", "status": "live"}
        display: str = self.call("POST", "displays", body)["id"]
        if rule:
            settings = {
                "linked_account": self.linked,
                "audience": NEWSLETTER,
                "double_opt_in": False,
                "update_existing": True,
                "mapping": {"first_name": "FNAME"},
                "tags": ["spring"],
                "conditions": [],
                "enabled": True,
            }
            self.call("POST", f"displays/{display}/rules", {**settings, **options})
        return display

    def signup(self, display: str, email: str) -> Any:
        """Post one, let the worker run, and read it back."""
        body = {
            "display": display,
            "email": email,
            "fields": {"first_name": "Mira"},
            "consent": {"given": True, "text": "Email me news and offers"},
        }
        signup = self.call("POST", "signups", body)
        drain(LinkedAccount.objects.get().pk)
        return self.read(signup["id"])

    def read(self, signup: str) -> Any:
        return self.call("GET", f"signups/{signup}")

    def status_there(self, email: str) -> str | None:
        member = self.sandbox.member(email)
        return member["status"] if member else None


@pytest.fixture
def world(secret_key, settings) -> Iterator[World]:
    with running_sandbox() as sandbox:
        settings.PROVIDER_URLS = {"mailchimp": sandbox.base_url("mailchimp")}
        world = World(secret_key.text, sandbox)
        world.link()
        yield world


def test_t1_unsubscribed_there_stays_unsubscribed_and_the_record_says_so(world) -> None:
    display = world.display()
    email = "mira.okafor@gmail.com"
    assert world.signup(display, email)["deliveries"][0]["state"] == "synced"
    world.sandbox.control("POST", "mailchimp/unsubscribe", {"email": email})
    again = world.signup(display, email)
    assert world.status_there(email) == "unsubscribed"
    delivery = again["deliveries"][0]
    assert (delivery["state"], delivery["reason"]) == (
        "rejected",
        "consent.unsubscribed",
    )
    contact = world.call("GET", "contacts")["results"][0]
    told = json.dumps(world.call("GET", f"contacts/{contact['id']}/explain"))
    assert "unsubscribed" in told


def test_t1_asked_to_confirm_only_where_the_rule_allows_it(world) -> None:
    display = world.display(reconfirm=True)
    email = "mira.okafor@gmail.com"
    world.signup(display, email)
    world.sandbox.control("POST", "mailchimp/unsubscribe", {"email": email})
    again = world.signup(display, email)
    assert again["deliveries"][0]["state"] == "awaiting_opt_in"
    assert world.status_there(email) == "pending", "asked, not subscribed"


def test_t2_deleted_there_is_recreated(world) -> None:
    display = world.display()
    email = "mira.okafor@gmail.com"
    world.signup(display, email)
    world.sandbox.control(
        "POST", "mailchimp/delete", {"email": email, "permanent": False}
    )
    again = world.signup(display, email)["deliveries"][0]
    there = world.status_there(email)
    # Archived is not an opt-out; what the provider says then is what we show.
    assert (there, again["state"]) == ("subscribed", "synced")


def test_t18_test_account_gives_a_typed_reading_and_a_next_step(world) -> None:
    good = world.call("POST", f"linked-accounts/{world.linked}/test")
    assert (good["ok"], good["title"]) == (True, "Connection Successful")
    assert good["identity"] and good["resources"] and good["next_step"]
    assert good["ms"] >= 0 and good["sandbox"] is True
    world.sandbox.faults(credentials="broken")
    bad = world.call("POST", f"linked-accounts/{world.linked}/test")
    assert (bad["ok"], bad["reason"]) == (False, "auth.revoked")
    assert bad["next_step"] and bad["action"] == "reconnect"
    assert "0123456789abcdef" not in json.dumps(bad)


def test_t19_pending_opt_in_is_in_submissions_and_not_in_the_list(world) -> None:
    display = world.display(double_opt_in=True)
    email = "mira.okafor@gmail.com"
    signup = world.signup(display, email)
    assert signup["status"] == "accepted"
    assert signup["deliveries"][0]["state"] == "awaiting_opt_in"
    assert world.status_there(email) == "pending"
    world.sandbox.control("POST", "mailchimp/confirm", {"email": email})
    Delivery.objects.update(due=timezone.now())
    assert opt_ins.check(LinkedAccount.objects.get().pk) == 1
    assert world.read(signup["id"])["deliveries"][0]["state"] == "synced"
    assert world.status_there(email) == "subscribed"


def test_t20_a_refusal_after_sending_is_shown_with_no_override(world) -> None:
    display = world.display()
    email = "looks.odd@gmail.com"
    world.sandbox.faults(forgotten=[email])
    delivery = world.signup(display, email)["deliveries"][0]
    assert (delivery["state"], delivery["reason"]) == ("rejected", "consent.forgotten")
    contact = world.call("GET", "contacts")["results"][0]
    told = json.dumps(world.call("GET", f"contacts/{contact['id']}/explain"))
    assert NO_OVERRIDE.partition("{provider}")[2].split(",")[-1].strip(" .") in told


@pytest.mark.parametrize(
    ("email", "category"),
    [
        ("qzxvkjwpqhfzt@gmail.com", "bot"),
        ("all@acme-widgets.com", "broadcast"),
        ("support@acme-widgets.com", "role"),
        ("no-reply@acme-widgets.com", "transactional"),
        ("someone@mailinator.com", "disposable"),
        ("not an address", "syntax"),
    ],
)
def test_t21_filter_classes_suppress_and_are_counted(world, email, category) -> None:
    display = world.display()
    signup = world.signup(display, email)
    assert (signup["status"], signup["verdict"]["category"]) == ("filtered", category)
    assert signup["verdict"]["rule"] and signup["verdict"]["evidence"]
    assert signup["deliveries"] == []
    assert world.status_there(email) is None
    books = world.call("GET", "ledger")
    assert (books["captured"], books["filtered"][category]) == (1, 1)
    assert books["unexplained"] == 0


def test_t22_a_suspended_account_captures_and_does_not_sync_until_cleared(
    world, acme: Account
) -> None:
    display = world.display()
    acme.suspended_at = timezone.now()
    acme.save()
    signup = world.signup(display, "mira.okafor@gmail.com")
    assert signup["status"] == "accepted"
    assert signup["deliveries"][0]["state"] == "held"
    assert signup["deliveries"][0]["reason"] == "held.suspended"
    assert world.status_there("mira.okafor@gmail.com") is None


def test_t25_a_display_without_a_rule_does_not_sync(world) -> None:
    world.display()
    second = world.display(rule=False)
    signup = world.signup(second, "mira.okafor@gmail.com")
    assert (signup["status"], signup["deliveries"]) == ("accepted", [])
    assert world.status_there("mira.okafor@gmail.com") is None
    assert Display.objects.count() == 2
