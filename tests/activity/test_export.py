"""The CSV: everything the list has, and nothing that runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.test import Client

from activity import export
from contacts.models import Contact
from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from integrations.models import LinkedAccount, State
from tests.activity import factories as make
from tests.activity.world import FAKE, every_kind

pytestmark = pytest.mark.django_db

URL = "/a/acme-outdoor/contacts/export.csv"


def read(client: Client, **query: str) -> list[dict[str, str]]:
    response = client.get(URL, query)
    assert response.status_code == 200
    assert response.streaming
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_contact_with_its_evidence(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    kinds = every_kind(display, linked)

    rows = {row["email"]: row for row in read(client_of(vera))}

    assert len(rows) == len(kinds)
    for kind in kinds.values():
        assert rows[kind.contact.email]["status"] == kind.label
    role = rows["role@filtered.example"]
    assert (role["category"], role["rule"]) == ("role", "exact")
    assert role["evidence"] == make.EVIDENCE["role"][1]
    fake = rows["sam.fake@example.net"]
    assert fake["provider_words"] == FAKE
    assert "no way to override" in fake["next_step"]
    assert fake["linked_account"] == "Acme Store"
    assert AuditEntry.objects.get(action="contacts.exported").subject == "all contacts"


def test_the_filters_of_the_list_count(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    every_kind(display, linked)
    rows = read(client_of(vera), status="held")
    assert [row["email"] for row in rows] == ["holly.held@example.net"]


@pytest.mark.parametrize(
    "text",
    ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1"],
)
def test_no_cell_is_a_formula(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
    text: str,
) -> None:
    make.rule(display, linked)
    contact = make.signup(
        display, "=cmd|' /C calc'!A0@example.com", fields={"first_name": text}
    )
    make.settle(contact, State.REJECTED, "provider.refused", text)

    (row,) = read(client_of(vera))

    assert row["email"] == "'=cmd|' /C calc'!A0@example.com"
    assert row["name"] == f"'{text}"
    assert row["provider_words"] == f"'{text}"
    dangerous = tuple("=+-@\t\r\n＝＋－＠")
    assert not [cell for cell in row.values() if cell.lstrip(" ").startswith(dangerous)]


def test_chunks_join_without_a_seam(
    acme: Account,
    display: Display,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "CHUNK", 4)
    for number in range(10):
        make.signup(display, f"p{number}@example.com")

    lines = list(export.lines(acme, export.Filters()))

    assert len(lines) == 11
    assert len(set(lines)) == 11
    assert Contact.objects.count() == 10


def test_two_destinations_are_two_lines(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    make.rule(display, linked)
    make.rule(display, linked, audience_id="b", audience_label="Newsletter")
    make.signup(display, "mira@example.com")

    rows = read(client_of(vera))

    assert [row["audience"] for row in rows] == ["VIP early access", "Newsletter"]
