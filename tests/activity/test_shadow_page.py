"""Shadow mode: what a change would have done, counted honestly, in bounded time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from activity import shadow
from activity.shadow import Tally, begin, go_on, hits_of, older
from activity.shadow_change import Change
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, Signup
from hygiene.models import HygienePolicy, ListEntry
from hygiene.policy import Mode
from hygiene.verdict import Category
from tests.activity import factories as make
from tests.contactsync.api.client import Api, fields_of

pytestmark = pytest.mark.django_db

URL = "/a/acme-outdoor/hygiene/bench/shadow/"
OFF = Change(modes={Category.ROLE: Mode.OFF})
ON = Change(modes={Category.ROLE: Mode.ON})
ROLE = {"role": "off"}


def looked(account: Account, change: Change) -> Tally:
    return go_on(account, change, begin(account, change))


def emails(account: Account, change: Change) -> list[str]:
    found = looked(account, change)
    return [hit.email for hit in hits_of(account, change, found.first)]


def role_off(account: Account) -> None:
    HygienePolicy.objects.create(account=account, modes=ROLE)


def test_who_would_have_been_let_in(acme: Account, display: Display) -> None:
    make.signup(display, "mira@hill.shop")
    make.signup(display, "sales@hill.shop", category="role", fields={})
    make.signup(display, "sales@mailinator.com", category="role", fields={})
    make.signup(display, "jo@mailinator.com", category="disposable")

    found = looked(acme, OFF)

    assert (found.of, found.looked, found.done) == (4, 4, True)
    assert (found.would_reject, found.would_accept) == (0, 1)
    assert dict(found.accepts) == {"role": 1}
    # sales@mailinator.com would be turned away for another reason: no difference.
    assert emails(acme, OFF) == ["sales@hill.shop"]


def test_who_would_have_been_turned_away(acme: Account, display: Display) -> None:
    role_off(acme)
    make.signup(display, "mira@hill.shop")
    make.signup(display, "sales@hill.shop", fields={})
    make.signup(display, "info@hill.shop", category="role", fields={})

    found = looked(acme, ON)

    assert (found.would_reject, found.would_accept) == (1, 0)
    hit = hits_of(acme, ON, found.first)[0]
    # info@ was turned away at the time already.
    assert hit.email == "sales@hill.shop"
    assert hit.turned_away
    assert hit.evidence.startswith("role:exact:sales:")
    assert hit.sentence
    assert looked(acme, Change(modes={Category.ROLE: Mode.FLAG})).hits == 0


def test_the_name_that_was_given_counts(acme: Account, display: Display) -> None:
    role_off(acme)
    name = {"first_name": "Sasha", "last_name": "Sales"}
    make.signup(display, "sales@hill.shop", fields=name)
    plain = make.signup(display, "support@hill.shop", fields={"first_name": 3})
    assert emails(acme, ON) == [plain.email]


def test_what_changed_in_the_lists_is_not_put_down_to_the_change(
    acme: Account, display: Display
) -> None:
    """Accepted then, and rejected today whatever the change: no difference."""
    make.signup(display, "jo@mailinator.com")
    make.signup(display, "sales@hill.shop", fields={})
    assert looked(acme, OFF).hits == 0
    assert looked(acme, ON).hits == 0


def test_what_the_form_noticed_counts_where_the_verdict_tells_it(
    acme: Account, display: Display
) -> None:
    make.signup(display, "mira@hill.shop", category="bot")
    Signup.objects.update(rule="too-fast", evidence="bot:too-fast:9ms<800ms:form@1")
    assert looked(acme, OFF).hits == 0
    bots = Change(modes={Category.BOT: Mode.OFF})
    assert emails(acme, bots) == ["mira@hill.shop"]
    Signup.objects.update(
        category="role", rule="exact", also=["bot:honeypot:x:form@1", "nonsense"]
    )
    both = Change(modes={Category.ROLE: Mode.OFF})
    Signup.objects.update(email="sales@hill.shop", fields={})
    assert looked(acme, both).hits == 0


def test_a_display_s_own_choice_outlasts_the_account_s(
    acme: Account, display: Display
) -> None:
    own = Display.objects.create(account=acme, name="Bar", kind="bar", status="live")
    HygienePolicy.objects.create(account=acme, display_id=own.pk, modes={"role": "on"})
    make.signup(display, "sales@hill.shop", category="role", fields={})
    make.signup(own, "office@hill.shop", category="role", fields={})

    assert emails(acme, OFF) == ["sales@hill.shop"]
    of_own = Change(modes={Category.ROLE: Mode.OFF}, display=own.pk)
    found = looked(acme, of_own)
    assert found.of == 1
    assert emails(acme, of_own) == ["office@hill.shop"]
    of_display = Change(modes={Category.ROLE: Mode.OFF}, display=display.pk)
    assert emails(acme, of_display) == ["sales@hill.shop"]


def test_aliases_and_the_allow_list(acme: Account, display: Display) -> None:
    make.signup(display, "jo@duck.com")
    make.signup(display, "al@duck.com")
    role_off(acme)
    ListEntry.objects.create(
        account=acme, kind="allow", scope="address", value="al@duck.com"
    )
    strict = Change(strict_masks=True)
    assert emails(acme, strict) == ["jo@duck.com"]
    assert dict(looked(acme, strict).rejects) == {"disposable": 1}
    assert looked(acme, Change(strict_masks=False)).hits == 0


def test_only_the_last_30_days_of_this_account(
    acme: Account, display: Display, other: Account
) -> None:
    theirs = Display.objects.create(account=other, name="Theirs", kind="bar")
    make.signup(theirs, "sales@hill.shop", category="role", fields={})
    old = now() - timedelta(days=31)
    make.signup(display, "sales@hill.shop", category="role", fields={}, at=old)
    make.signup(display, "gone@hill.shop", category="suppressed")
    make.signup(display, "nope", category="syntax")
    found = looked(acme, OFF)
    assert (found.of, found.hits) == (2, 0)
    foreign = Change(modes={Category.ROLE: Mode.OFF}, display=theirs.pk)
    assert looked(acme, foreign).of == 0


def many(display: Display, count: int) -> list[str]:
    names = [f"sales{number}@hill.shop" for number in range(count)]
    for name in names:
        make.signup(display, name, category="role", fields={})
        make.signup(display, f"mira.{name}", fields={})
    return names[::-1]


def test_time_that_runs_out_gives_a_part_that_goes_on(
    acme: Account, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = many(display, 30)
    monkeypatch.setattr(shadow, "CHUNK", 7)
    clock = iter(range(10_000))
    monkeypatch.setattr(shadow, "monotonic", lambda: next(clock))

    tally, steps = begin(acme, OFF), 0
    while not tally.done:
        before = tally.looked
        tally = go_on(acme, OFF, tally, seconds=3)
        steps += 1
        assert 0 < tally.looked - before <= 28
        again = Tally.unseal(tally.seal(acme, OFF), acme, OFF)
        assert again == tally
        assert again is not None
        tally = again

    assert steps > 2
    assert (tally.of, tally.looked, tally.would_accept) == (60, 60, 30)
    found = [hit.email for hit in hits_of(acme, OFF, tally.first)]
    assert found == names[:25]
    assert tally.more


def test_the_rest_of_the_hits_page_by_page(acme: Account, display: Display) -> None:
    names = many(display, 60)
    tally = looked(acme, OFF)
    seen = [hit.email for hit in hits_of(acme, OFF, tally.first)]
    after = tally.first[-1]
    for _ in range(9):
        page = older(acme, OFF, UUID(after))
        seen += [hit.email for hit in page.hits]
        after = page.after
        if not after:
            break
    assert seen == names


def test_a_page_that_runs_out_of_time_says_so_and_leads_on(
    acme: Account, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(display, 30)
    last = str(Signup.objects.order_by("-id")[0].pk)
    monkeypatch.setattr(shadow, "CHUNK", 4)
    clock = iter(range(10_000))
    monkeypatch.setattr(shadow, "monotonic", lambda: next(clock))
    page = older(acme, OFF, UUID(last), seconds=2)
    assert page.cut
    assert 0 < len(page.hits) < 25
    assert page.after


def test_at_most_so_many_are_looked_at(
    acme: Account, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(display, 5)
    monkeypatch.setattr(shadow, "MOST", 6)
    tally = looked(acme, OFF)
    assert (tally.of, tally.looked, tally.done, tally.capped) == (10, 6, True, True)


def test_the_number_of_queries_is_that_of_the_chunks(
    acme: Account, display: Display, django_assert_num_queries: Callable[..., Any]
) -> None:
    for count in (1, 100):
        many(display, count)
        tally = begin(acme, OFF)
        with django_assert_num_queries(4 if count == 1 else 2):
            # The policy's two are remembered the second time.
            go_on(acme, OFF, tally)


def test_a_state_of_another_change_or_account_starts_anew(
    acme: Account, other: Account
) -> None:
    sealed = begin(acme, OFF).seal(acme, OFF)
    assert Tally.unseal(sealed, acme, OFF) is not None
    assert Tally.unseal(sealed, acme, ON) is None
    assert Tally.unseal(sealed, other, OFF) is None
    assert Tally.unseal("nonsense", acme, OFF) is None


def test_the_query_string_is_what_was_asked() -> None:
    display = "0198b2de-0000-7000-8000-000000000001"
    query = {
        "role": "flag",
        "bot": "on",
        "strict_masks": "off",
        "wide_disposable": "flag",
        "display": display,
    }
    change = Change.read(query)
    assert change.any
    assert change.query() == (
        f"?bot=on&role=flag&strict_masks=off&wide_disposable=flag&display={display}"
    )
    nonsense = {"role": "x", "syntax": "off", "strict_masks": "1", "display": "x"}
    assert Change.read(nonsense) == Change()
    assert not Change.read({"display": display}).any


@pytest.fixture
def page(client_of: Callable[[User], Client], vera: User) -> Client:
    return client_of(vera)


def test_the_page(page: Client, display: Display) -> None:
    assert "found-title" not in page.get(URL).content.decode()
    html = page.get(URL, {"role": "off"}).content.decode()
    assert "There was no signup in these days" in html

    many(display, 30)
    answer = page.get(URL, {"role": "off"})
    html = " ".join(answer.content.decode().split())
    assert "All 60 signups of these days were judged again." in html
    assert '<b class="num">30 of 60</b> would have been let in.' in html
    assert len(answer.context["page"].hits) == 25
    assert "hx-get" not in html.partition('id="found"')[2]

    second = page.get(URL + answer.context["next_url"])
    assert len(second.context["page"].hits) == 5
    assert "30 of 60" in second.content.decode()
    none = page.get(URL, {"role": "on"}).content.decode()
    assert "No signup would have been decided otherwise" in none


def test_a_part_is_labelled_and_goes_on_with_and_without_javascript(
    page: Client, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(display, 4)
    monkeypatch.setattr(shadow, "CHUNK", 5)
    clock = iter(range(10_000))
    monkeypatch.setattr(shadow, "monotonic", lambda: next(clock))
    monkeypatch.setattr(go_on, "__defaults__", (1,))

    answer = page.get(URL, {"role": "off"})

    html = " ".join(answer.content.decode().split())
    assert "So far the newest 5 of 8 signups were judged again." in html
    assert "Look further" in html
    assert 'hx-trigger="load' in html
    rest = page.get(URL + answer.context["go_on_url"], headers={"HX-Target": "found"})
    text = " ".join(rest.content.decode().split())
    assert text.startswith("<section")
    assert "All 8 signups of these days were judged again." in text
    assert '<b class="num">4 of 8</b>' in text


def test_switch_it_on_leads_to_the_policy_with_the_change(
    page: Client, display: Display
) -> None:
    many(display, 1)
    answer = page.get(URL, {"role": "off", "strict_masks": "on"})
    assert answer.context["change"].query() == "?role=off&strict_masks=on"


def test_the_api(secret_key: IssuedKey, display: Display, other: Account) -> None:
    many(display, 2)
    api = Api(secret_key.text)

    body = api.post("hygiene/shadow", {"modes": {"role": "off"}, "display": None})

    found = body.json()
    examples = found.pop("examples")
    assert found == {
        "looked_at": 4,
        "of": 4,
        "would_reject": 0,
        "would_accept": 2,
        "rejects": {},
        "accepts": {"role": 2},
    }
    assert [(each["email"], each["would_be"]) for each in examples] == [
        ("sales1@hill.shop", "accepted"),
        ("sales0@hill.shop", "accepted"),
    ]
    theirs = Display.objects.create(account=other, name="Theirs", kind="bar")
    asked = {"modes": {"role": "off"}, "display": str(theirs.pk)}
    assert api.post("hygiene/shadow", asked).status_code == 404
    for wrong, fields in (
        ({}, {"modes": "required"}),
        ({"modes": {}}, {"modes": "required"}),
        ({"modes": {"syntax": "off"}}, {"modes": "choice"}),
        ({"modes": {"role": ["off"]}}, {"modes": "choice"}),
        ({"strict_masks": "yes"}, {"strict_masks": "type"}),
    ):
        answer = api.post("hygiene/shadow", wrong)
        assert (answer.status_code, fields_of(answer)) == (422, fields)
