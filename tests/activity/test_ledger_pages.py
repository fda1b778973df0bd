"""The books as people and the API see them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from activity.ledger import ledger
from contactsync.tenancy.models import Account, AuditEntry, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, SyncRule
from integrations.models import Delivery, LinkedAccount
from tests.activity import factories as make
from tests.activity.world import every_kind, lose

pytestmark = pytest.mark.django_db

PAGE = "/a/acme-outdoor/ledger/"


def api(client: Client, key: IssuedKey, query: str = "") -> Any:
    return client.get(
        f"/api/v1/ledger{query}", headers={"Authorization": f"Bearer {key.text}"}
    )


def test_the_api_answers_by_day_display_and_rule(
    client: Client,
    secret_key: IssuedKey,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    rule = make.rule(display, linked)
    lost = make.signup(display, "mira@example.com")
    lose(lost)

    plain = api(client, secret_key).json()
    assert (plain["captured"], plain["accepted"], plain["unexplained"]) == (1, 1, 1)
    assert plain["details"]["missing"] == 1
    assert (plain["by"], plain["lines"]) == ("", [])

    told = api(client, secret_key, f"?by=rule&display={display.pk}").json()
    assert [(each["key"], each["unexplained"]) for each in told["lines"]] == [
        (str(rule.pk), 1)
    ]
    day = make.last_signup(lost).at.date().isoformat()
    told = api(client, secret_key, f"?by=day&from={day}&to={day}").json()
    assert [each["key"] for each in told["lines"]] == [day]


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("?by=week", "by", "day, display, rule"),
        ("?from=2026-05-02&to=2026-05-01", "from", "earlier day"),
        ("?from=yesterday", "from", ""),
        ("?display=7188841a-6b06-479f-ba9f-1a8790371e90", "display", "no such display"),
        ("?rule=7188841a-6b06-479f-ba9f-1a8790371e90", "rule", "no such sync rule"),
        ("?days=3", "days", "Unknown"),
    ],
)
def test_the_api_names_what_is_wrong(
    client: Client, secret_key: IssuedKey, query: str, field: str, says: str
) -> None:
    answer = api(client, secret_key, query)
    assert answer.status_code in (400, 422)
    errors = answer.json()["errors"]
    assert errors[0]["field"] == field
    assert says in errors[0]["detail"]


def test_the_page_says_that_all_is_accounted_for_or_what_is_not(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    page = client_of(vera)
    assert "Nothing to count" in page.get(PAGE).content.decode()
    make.rule(display, linked)
    make.signup(display, "omar@example.com")
    lost = make.signup(display, "mira@example.com")
    html = page.get(PAGE).content.decode()
    assert "Everything is accounted for" in html

    lose(lost)

    for by in ("day", "display", "rule"):
        html = page.get(f"{PAGE}?by={by}").content.decode()
        assert "1 is not accounted for" in html
        assert "there is no record of sending it" in html
    rows = page.get(f"{PAGE}rows/?show=missing").content.decode()
    assert "mira@example.com" in rows
    assert "omar@example.com" not in rows


def test_each_number_leads_to_its_contacts(
    client_of: Callable[[User], Client],
    vera: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    every_kind(display, linked)
    rule = SyncRule.objects.get()
    page = client_of(vera)
    book = ledger(acme)
    figures = {
        "captured": book.captured,
        "accepted": book.accepted,
        "filtered": book.refused,
        "filtered.role": 1,
        "deliveries": book.sent,
        **book.deliveries,
        "missing": 0,
        "signups": 0,
        "lists": 0,
        "unknown_state": 0,
        "lease_over": 0,
        "overdue": 0,
    }
    for show, count in figures.items():
        for part in ("", f"&display={display.pk}"):
            answer = page.get(f"{PAGE}rows/?show={show}{part}")
            if show in ("captured", "accepted") and part:
                count -= 1  # the one of the other display
            assert len(answer.context["rows"]) == count, (show, part)
    answer = page.get(f"{PAGE}rows/?show=synced&rule={rule.pk}")
    assert len(answer.context["rows"]) == 1
    answer = page.get(f"{PAGE}rows/?show=synced&target={rule.target_id}")
    assert len(answer.context["rows"]) == 1


def test_the_rows_are_paged(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    make.rule(display, linked)
    for number in range(27):
        make.signup(display, f"person{number}@example.com")
    page = client_of(vera)
    for show in ("captured", "pending"):
        first = page.get(f"{PAGE}rows/?show={show}")
        assert len(first.context["rows"]) == 25
        second = page.get(f"{PAGE}rows/{first.context['next_url']}")
        assert len(second.context["rows"]) == 2
        assert second.context["next_url"] == ""
    Delivery.objects.all().delete()
    first = page.get(f"{PAGE}rows/?show=missing")
    second = page.get(f"{PAGE}rows/{first.context['next_url']}")
    assert (len(first.context["rows"]), len(second.context["rows"])) == (25, 2)


def test_the_export_has_a_line_each_and_the_sum(
    client_of: Callable[[User], Client],
    vera: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    every_kind(display, linked)
    Display.objects.filter(pk=display.pk).update(name="=cmd()")
    answer = client_of(vera).get(f"{PAGE}export.csv?by=display")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows][-1] == "Total"
    assert {row["name"] for row in rows} == {"'=cmd()", "Footer form", "Total"}
    assert int(rows[-1]["captured"]) == ledger(acme).captured
    assert sum(int(row["synced"]) for row in rows[:-1]) == int(rows[-1]["synced"])
    assert AuditEntry.objects.filter(action="books.exported").exists()


def test_strangers_see_nothing_of_it(
    acme: Account,
    other: Account,
    display: Display,
    linked: LinkedAccount,
    client_of: Callable[[User], Client],
    charlie: User,
) -> None:
    make.rule(display, linked)
    lose(make.signup(display, "mira@example.com"))
    assert (ledger(other).captured, ledger(other).unexplained) == (0, 0)
    page = client_of(charlie)
    answer = page.get(f"/a/other-store/ledger/rows/?show=missing&display={display.pk}")
    assert list(answer.context["rows"]) == []
