"""The Rejected page: filters, counts, pages, rows, the way in, the export."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from activity import rejected
from activity.rejected import Filters, appeal
from contactsync.lib.ids import uuid7
from contactsync.tenancy.models import Account, AuditEntry, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display
from tests.activity import factories as make
from tests.contactsync.api.client import Api, fields_of

pytestmark = pytest.mark.django_db

URL = "/a/acme-outdoor/rejected/"


@pytest.fixture
def page(client_of: Callable[[User], Client], vera: User) -> Client:
    return client_of(vera)


def one_of_each(display: Display) -> None:
    for category in make.EVIDENCE:
        make.signup(display, f"{category}@filtered.shop", category=category, fields={})


def emails(account: Account, **query: str) -> list[str]:
    found = rejected.rejected(account, Filters.read(query))
    return list(found.order_by("-id").values_list("email", flat=True))


def test_every_row_says_what_was_found_what_to_do_and_shows_the_evidence(
    page: Client, display: Display
) -> None:
    one_of_each(display)
    make.signup(display, "mira@filtered.shop")

    answer = page.get(URL)

    html = answer.content.decode()
    assert "mira@filtered.shop" not in html
    for category, (_, evidence) in make.EVIDENCE.items():
        assert f"{category}@filtered.shop" in html
        assert evidence in html
    rows = answer.context["rows"]
    assert len(rows) == len(make.EVIDENCE)
    assert all(row.sentence and row.next_step for row in rows)
    ids = [row.signup_id for row in rows]
    assert ids == sorted(ids, reverse=True)


def test_filters(acme: Account, display: Display) -> None:
    other = Display.objects.create(account=acme, name="Bar", kind="bar")
    old = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    make.signup(display, "old@filtered.shop", category="role", at=old)
    make.signup(other, "new_1@filtered.shop", category="role")
    make.signup(display, "100%@filtered.shop", category="bot")

    everybody = ["100%@filtered.shop", "new_1@filtered.shop", "old@filtered.shop"]
    assert emails(acme) == everybody
    assert emails(acme, category="role") == everybody[1:]
    assert emails(acme, rule="exact") == everybody[1:]
    assert emails(acme, display=str(other.pk)) == everybody[1:2]
    assert emails(acme, q=" OLD@ ") == everybody[2:]
    assert emails(acme, q="_1@") == everybody[1:2]
    assert emails(acme, q="0%@") == everybody[:1]
    assert emails(acme, to="2026-03-01") == everybody[2:]
    assert emails(acme, to="2026-02-28") == []
    assert emails(acme, **{"from": "2026-03-01"}) == everybody
    assert emails(acme, **{"from": "2026-03-02"}) == everybody[:2]
    assert emails(acme, to="9999-12-31") == everybody
    nonsense = dict.fromkeys(("category", "rule", "display", "from", "to"), "<x>")
    assert emails(acme, **nonsense) == everybody


def test_the_tabs_count_the_categories_of_the_period(
    page: Client, acme: Account, display: Display
) -> None:
    one_of_each(display)
    old = datetime(2026, 3, 1, tzinfo=UTC)
    make.signup(display, "old@filtered.shop", category="role", at=old)

    def counted(**query: str) -> dict[str, int]:
        return {t.key: t.count for t in page.get(URL, query).context["tabs"]}

    every = dict.fromkeys(make.EVIDENCE, 1)
    assert counted() == {"": 9, **every, "role": 2}
    assert counted(category="role", rule="exact") == {"": 9, **every, "role": 2}
    assert counted(to="2026-03-01") == {"": 1, "role": 1}
    assert counted(to="2026-03-01", category="bot") == {"": 1, "role": 1, "bot": 0}
    rules = page.get(URL, {"category": "role"}).context["rules"]
    assert rules == ["exact"]


def test_pages_lead_on_and_lose_nobody_while_rows_are_added(
    page: Client, display: Display
) -> None:
    for number in range(60):
        make.signup(display, f"p{number}@filtered.shop", category="role")
    seen: list[str] = []
    url = f"{URL}?category=role"
    for turn in range(9):
        answer = page.get(url)
        seen += [row.email for row in answer.context["rows"]]
        make.signup(display, f"new{turn}@filtered.shop", category="role")
        if not answer.context["next_url"]:
            break
        assert "category=role" in answer.context["next_url"]
        url = f"{URL}{answer.context['next_url']}"

    assert len(seen) == len(set(seen)) == 60
    assert "Newest" in answer.content.decode()
    assert len(page.get(URL, {"after": "nonsense"}).context["rows"]) == 25


def test_the_number_of_queries_does_not_grow(
    acme: Account, display: Display, django_assert_num_queries: Callable[..., Any]
) -> None:
    names = {str(display.pk): display.name}
    make.signup(display, "p@filtered.shop", category="role")
    for _ in range(2):
        with django_assert_num_queries(3):
            rows, _after = rejected.page(acme, Filters(), "", names)
            rejected.tabs(acme, Filters())
        for number in range(24):
            make.signup(display, f"p{number}@filtered.shop", category="bot")
    assert len(rows) == 25


def test_who_got_through_since_is_marked_and_needs_no_appeal(
    page: Client, display: Display
) -> None:
    make.signup(display, "mira@filtered.shop", category="role")
    make.signup(display, "mira@filtered.shop")
    make.signup(display, "omar@filtered.shop", category="role")

    rows = {row.email: row for row in page.get(URL).context["rows"]}

    assert rows["mira@filtered.shop"].accepted_since
    assert rows["mira@filtered.shop"].appeal is None
    assert rows["omar@filtered.shop"].appeal is not None
    assert page.get(URL).content.decode().count("Accepted since") == 1


@pytest.mark.parametrize(
    ("category", "email", "domain"),
    [
        ("role", "sales@filtered.shop", "filtered.shop"),
        ("broadcast", "all@filtered.shop", "filtered.shop"),
        ("transactional", "noreply@filtered.shop", "filtered.shop"),
        ("disposable", "jo@mailinator.com", "mailinator.com"),
        ("denied", "jo@filtered.shop", "filtered.shop"),
        ("bot", "asdf@gmail.com", ""),
        ("bot", "asdf@duck.com", ""),
    ],
)
def test_what_may_be_let_in(category: str, email: str, domain: str) -> None:
    signup = uuid7()
    found = appeal(signup, email, category, "")
    assert found is not None
    assert (found.signup_id, found.domain) == (signup, domain)


@pytest.mark.parametrize(
    ("category", "email"),
    [("syntax", "jo@@x"), ("suppressed", "jo@filtered.shop"), ("bot", "jo at x")],
)
def test_what_may_not_be_let_in(category: str, email: str) -> None:
    assert appeal(uuid7(), email, category, "") is None


def test_a_hostile_address_is_text(page: Client, display: Display) -> None:
    make.signup(display, "<script>alert(1)</script>@x.shop", category="syntax")
    make.signup(display, "moc.\u202eshop@x.io", category="syntax")
    html = page.get(URL).content.decode()
    assert "\u202e" not in html
    assert "moc.\\u202eshop@x.io" in html
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_nobody_yet_and_nobody_like_that(page: Client, display: Display) -> None:
    assert "Nobody has been turned away" in page.get(URL).content.decode()
    html = page.get(URL, {"q": "nobody"}).content.decode()
    assert "Clear filters" in html
    assert page.get(URL, {"q": "a\x00b"}).status_code == 200


def cells(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_export_is_the_same_list_safe_to_open_and_noted(
    page: Client, display: Display, vera: User
) -> None:
    make.signup(display, "=cmd|'/c calc'!A1@filtered.shop", category="role")
    make.signup(display, "mira@filtered.shop", category="bot")
    make.signup(display, "omar@filtered.shop", category="role")

    answer = page.get(f"{URL}export.csv", {"category": "role"})

    assert answer["Content-Type"].startswith("text/csv")
    rows = cells(answer)
    assert [row["email"] for row in rows] == [
        "omar@filtered.shop",
        "'=cmd|'/c calc'!A1@filtered.shop",
    ]
    assert rows[0]["display"] == "Spring welcome popup"
    assert rows[0]["evidence"] == make.EVIDENCE["role"][1]
    assert rows[0]["sentence"] and rows[0]["next_step"]
    entry = AuditEntry.objects.get(action="rejected.exported")
    assert entry.actor == vera
    assert entry.subject == "?category=role"


def test_the_export_goes_on_beyond_one_chunk(
    acme: Account, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "CHUNK", 4)
    for number in range(8):
        make.signup(display, f"p{number}@filtered.shop", category="role")
    text = "".join(rejected.lines(acme, Filters()))
    found = [row["email"] for row in csv.DictReader(io.StringIO(text[1:]))]
    # Ids of one millisecond have no order among them.
    assert sorted(found) == [f"p{number}@filtered.shop" for number in range(8)]


def test_the_contact_s_page_has_the_way_in_only_while_they_are_rejected(
    page: Client, display: Display
) -> None:
    mira = make.signup(display, "mira@filtered.shop", category="role")
    url = f"/a/acme-outdoor/contacts/{mira.pk}/"
    assert page.get(url).context["appeal"].domain == "filtered.shop"
    make.signup(display, "mira@filtered.shop")
    assert page.get(url).context["appeal"] is None
    away = make.signup(display, "m@x.io", category="suppressed")
    answer = page.get(f"/a/acme-outdoor/contacts/{away.pk}/")
    assert answer.context["appeal"] is None


def test_the_api_lists_the_same(
    secret_key: IssuedKey, display: Display, other: Account
) -> None:
    api = Api(secret_key.text)
    for number in range(3):
        make.signup(display, f"p{number}@filtered.shop", category="role")
    make.signup(display, "bot@filtered.shop", category="syntax")
    theirs = Display.objects.create(account=other, name="Theirs", kind="bar")
    make.signup(theirs, "theirs@filtered.shop", category="role")

    first = api.get("rejected?category=role&limit=2&from=2026-01-01").json()
    second = api.get(first["next"].removeprefix("http://testserver")).json()

    found = [row["email"] for row in first["results"] + second["results"]]
    assert found == [f"p{number}@filtered.shop" for number in (2, 1, 0)]
    row = first["results"][0]
    assert row["rule"] == "exact"
    assert row["can_be_accepted"] is True
    assert row["sentence"] and row["next_step"]
    assert fields_of(api.get("rejected?from=tomorrow&category=valid")) == {
        "from": "invalid",
        "category": "choice",
    }


def test_the_api_s_csv(secret_key: IssuedKey, display: Display) -> None:
    make.signup(display, "mira@filtered.shop", category="role")
    make.signup(display, "omar@filtered.shop", category="bot")

    answer = Api(secret_key.text).get("rejected.csv?q=mira")

    assert [row["email"] for row in cells(answer)] == ["mira@filtered.shop"]
    entry = AuditEntry.objects.get(action="rejected.exported")
    assert entry.actor_label.startswith("API key")
