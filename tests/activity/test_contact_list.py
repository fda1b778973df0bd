"""The list of contacts: what a row says, filters, pages, the number of queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from activity.explain import summaries
from activity.paging import by_last_seen
from activity.people import Filters, contacts
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations.models import LinkedAccount, State
from tests.activity import factories as make
from tests.activity.world import every_kind

pytestmark = pytest.mark.django_db

URL = "/a/acme-outdoor/contacts/"


@pytest.fixture
def page(client_of: Callable[[User], Client], vera: User) -> Client:
    return client_of(vera)


def test_every_kind_of_row_has_its_badge_and_its_reason(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    kinds = every_kind(display, linked)

    html = page.get(URL).content.decode()

    for name, kind in kinds.items():
        assert kind.contact.email in html, name
        assert kind.label in html, name
    for rule, evidence in make.EVIDENCE.values():
        assert evidence in html
        assert f":{rule}:" in evidence
    assert "takes the address for fake or invalid" in html


@pytest.mark.parametrize("count", [1, 25])
def test_the_number_of_queries_does_not_grow(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    django_assert_num_queries: Callable,
    count: int,
) -> None:
    make.rule(display, linked)
    make.rule(display, linked, audience_id="other", audience_label="News")
    for number in range(count):
        make.signup(display, f"p{number}@example.com")
    people = list(Contact.objects.for_account(acme))

    with django_assert_num_queries(8):
        told = summaries(people, acme)

    assert len(told) == count
    assert all(len(each.badges) == 2 for each in told.values())


def test_the_page_s_queries_do_not_grow(
    page: Client,
    display: Display,
    linked: LinkedAccount,
    django_assert_max_num_queries: Callable,
) -> None:
    make.rule(display, linked)
    page.get(URL)  # the session learns which account was worked in last
    make.signup(display, "p@example.com")
    with django_assert_max_num_queries(19) as few:
        page.get(URL)
    for number in range(40):
        make.signup(display, f"p{number}@example.com")
    with django_assert_max_num_queries(19) as many:
        page.get(URL)

    assert len(many) == len(few)


@pytest.mark.parametrize(
    "status",
    ["synced", "opt_in", "waiting", "held", "rejected", "failed", "skipped", "no_rule"]
    + ["filtered"],
)
def test_status_filter(
    page: Client, display: Display, linked: LinkedAccount, status: str
) -> None:
    kinds = every_kind(display, linked)

    html = page.get(URL, {"status": status}).content.decode()

    for name, kind in kinds.items():
        assert (kind.contact.email in html) == (kind.status == status), name


def test_a_state_that_a_newer_delivery_replaced_does_not_count(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.FAILED)
    make.signup(display, "mira@example.com")
    make.settle(contact, State.SYNCED)

    assert not contacts(acme, Filters(status="failed")).exists()
    assert contacts(acme, Filters(status="synced")).get() == contact


def test_search_and_display_filters(
    page: Client, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    other = Display.objects.create(account=acme, name="Bar", kind="bar")
    make.signup(display, "mira@example.com")
    make.signup(other, "omar@example.com")
    make.signup(other, "100%_sure@example.com")

    def found(**query: str) -> set[str]:
        return set(contacts(acme, Filters.read(query)).values_list("email", flat=True))

    assert found(q=" MIRA@ ") == {"mira@example.com"}
    assert found(q="%_") == {"100%_sure@example.com"}
    assert found(display=str(display.pk)) == {"mira@example.com"}
    assert found(q="omar", display=str(display.pk)) == set()
    assert len(found(display="nonsense", status="nonsense")) == 3
    assert page.get(URL, {"q": "a\x00b"}).status_code == 200


def test_no_results_offers_to_clear_the_filters(page: Client, display: Display) -> None:
    html = page.get(URL, {"q": "nobody"}).content.decode()
    assert "Clear filters" in html

    html = page.get(URL).content.decode()
    assert "Nobody has signed up yet" in html
    assert "Clear filters" not in html


def test_pages_lose_and_repeat_nobody_while_rows_are_added(
    acme: Account, display: Display
) -> None:
    at = now() - timedelta(hours=1)
    for number in range(12):  # three share each moment: the id has to decide
        make.signup(
            display, f"p{number}@example.com", at=at + timedelta(seconds=number // 3)
        )
    expected = set(Contact.objects.values_list("email", flat=True))
    seen: list[str] = []
    after = ""
    for turn in range(20):
        found = by_last_seen(contacts(acme, Filters()), after, 2)
        seen += [contact.email for contact in found.rows]
        make.signup(display, f"new{turn}@example.com")
        after = found.after
        if not after:
            break

    assert len(seen) == len(set(seen)) == 12
    assert set(seen) == expected


def test_the_older_link_leads_through_all_pages(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    for number in range(30):
        make.signup(display, f"p{number:02}@example.com", fields={})
    first = page.get(URL, {"q": "p"})
    following = first.context["next_url"]
    assert parse_qs(urlsplit(following).query)["q"] == ["p"]

    second = page.get(f"{URL}{following}")

    emails = [c.email for r in (first, second) for c, _ in r.context["rows"]]
    assert len(emails) == len(set(emails)) == 30
    assert second.context["next_url"] == ""
    assert "Newest" in second.content.decode()


@pytest.mark.parametrize(
    "after", ["x", "~", "2026-01-01~1", "2026-01-01T00:00:00~", "0"]
)
def test_an_after_that_cannot_be_read_gives_the_first_page(
    page: Client, display: Display, after: str
) -> None:
    make.signup(display, "mira@example.com")
    assert "mira@example.com" in page.get(URL, {"after": after}).content.decode()


def test_submitted_values_are_escaped(
    page: Client, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(
        display, "x@example.com", fields={"first_name": "<img src=x>"}
    )
    make.settle(contact, State.REJECTED, "provider.refused", "<script>1</script>")
    for url in (URL, f"{URL}{contact.pk}/", "/a/acme-outdoor/activity/"):
        html = page.get(url).content.decode()
        assert "<img src=x>" not in html
        assert "<script>1" not in html


def test_a_stranger_sees_nothing(
    client_of: Callable[[User], Client], charlie: User, other: Account, display: Display
) -> None:
    contact = make.signup(display, "mira@example.com")
    stranger = client_of(charlie)

    for path in ("", "export.csv", f"{contact.pk}/"):
        assert stranger.get(f"{URL}{path}").status_code == 404
    assert stranger.get(f"/a/other-store/contacts/{contact.pk}/").status_code == 404
    own = stranger.get("/a/other-store/contacts/").content.decode()
    assert "mira@example.com" not in own
    assert Client().get(URL).status_code == 302
