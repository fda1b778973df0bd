"""How a rule fills the provider's fields, in the editor and through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from contactsync.tenancy.models import Account, User
from displays.models import Display, SyncRule
from integrations.adapters.base import Field
from integrations.adapters.mailchimp import Mailchimp
from integrations.entries import Entry, entries_of, shown_of
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.contactsync.api.client import Api
from tests.displays.rules import NEWSLETTER, VIP, form_of, sign_up
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox", "sizes")]
SIZE = {"tag": "SIZE", "name": "Size", "type": "dropdown", "options": ["S", "M"]}


@pytest.fixture
def sizes(sandbox: RunningSandbox) -> None:
    sandbox.control("POST", "mailchimp/fields", {"audience": NEWSLETTER, **SIZE})


@pytest.fixture
def marketer(client_of: ClientOf, bob: User) -> Client:
    return client_of(bob)


@pytest.fixture
def page(acme: Account, display: Display) -> str:
    return url("rule_new", acme, display.pk)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mailchimp has no read-only fields; others do."""
    asked = Mailchimp.fields

    def fields(self: Mailchimp, audience_id: str) -> list[Field]:
        owner = Field(id="OWNER", label="Owner", read_only=True)
        return [*asked(self, audience_id), owner]

    monkeypatch.setattr(Mailchimp, "fields", fields)


def saved(display: Display) -> dict[str, Entry]:
    rule = SyncRule.objects.get(display=display)
    return {entry.field: entry for entry in entries_of(rule.target.mapping)}


def test_what_the_editor_posts_is_saved_with_what_the_field_takes(
    marketer: Client, page: str, display: Display, linked: LinkedAccount
) -> None:
    form = {
        "map:first_name": "",
        "map:name": "FNAME",
        "part:name": "first_name",
        "case:name": "title",
        "country:name": "GB",  # of a field that is no phone number: not used
        "map:phone": "PHONE",
        "country:phone": "GB",
        "map:birthday": "BIRTHDAY",
        "order:birthday": "day_first",
        "blank:birthday": "hold",
        "map:+1": "LNAME",
        "source:+1": ["name", "last_name", ""],
        "map:=1": "SIZE",
        "constant:=1": "m",
    }
    answer = marketer.post(page, form_of(linked, **form))
    assert answer.status_code == 302
    found = saved(display)
    assert found["FNAME"] == Entry(
        field="FNAME",
        source=("name",),
        transforms=("first_name", "title"),
        type="text",
        label="First Name",
    )
    assert found["PHONE"].transforms == ("phone:GB",)
    assert (found["PHONE"].type, found["PHONE"].label) == ("phone", "Phone Number")
    assert found["BIRTHDAY"].transforms == ("date:day_first",)
    assert found["BIRTHDAY"].blank == "hold"
    assert found["LNAME"].source == ("name", "last_name")
    assert (found["SIZE"].constant, found["SIZE"].options) == ("m", ("S", "M"))


def test_what_is_saved_is_shown_and_saved_again_as_it_was(
    marketer: Client, acme: Account, display: Display, rule: SyncRule
) -> None:
    mapping = [
        {"field": "FNAME", "source": ["name"], "transforms": ["truncate:5", "title"]},
        {"field": "LNAME", "source": ["name", "x"], "blank": "default", "default": "?"},
        {"field": "PHONE", "source": ["phone"], "transforms": ["phone:GB"]},
        {"field": "SIZE", "constant": "S"},
    ]
    rule.target.mapping = mapping
    rule.target.save()
    page = url("rule_edit", acme, display.pk, rule.pk)
    shown = marketer.get(page)
    seen = text_of(shown)
    assert "Set through the API: truncate:5, title" in seen
    assert "otherwise “?”" in seen
    form: dict[str, Any] = form_of(rule.target.linked_account)
    del form["map:first_name"]
    for line in shown.context["editor"].map_rows:
        row = line.row
        form |= {
            f"map:{row.key}": row.target,
            f"source:{row.key}": row.sources,
            f"constant:{row.key}": row.constant,
            f"country:{row.key}": row.country,
            f"blank:{row.key}": row.blank,
            f"default:{row.key}": row.default,
            f"kept:{row.key}": list(row.kept),
            f"keep:{row.key}": "on" if row.kept else "",
        }
    assert marketer.post(page, form).status_code == 302
    rule.target.refresh_from_db()
    shown_again = shown_of(rule.target.mapping)
    assert isinstance(shown_again, list)
    by_field = {each["field"]: each for each in shown_again}
    assert by_field == {each["field"]: each for each in mapping}


WRONG = [
    ({"map:=1": "SIZE", "constant:=1": "XL"}, "Size takes one of: S, M."),
    ({"map:=1": "SIZE", "constant:=1": ""}, "Enter the value that is always sent."),
    ({"map:=1": "", "constant:=1": "S"}, "Choose the merge field that it goes to."),
    ({"map:+1": "SIZE"}, "Choose the field that it comes from."),
    ({"map:phone": "PHONE", "blank:phone": "default"}, "Enter what is sent instead"),
    (
        {"map:phone": "PHONE", "blank:phone": "default", "default:phone": "none"},
        "is not a phone number",
    ),
    ({"map:size": "SIZE", "map:+1": "SIZE", "source:+1": "x"}, "goes to the same"),
    ({"map:x": "LNAME", "keep:x": "on", "kept:x": "shout"}, "There is no transform"),
    ({"map:x": "OWNER"}, "Mailchimp fills Owner itself: it is read-only."),
    ({"map:x\x01": "LNAME"}, "cannot be stored"),
    ({"map:" + "x" * 65: "LNAME"}, "too long"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
@pytest.mark.usefixtures("read_only")
def test_what_is_wrong_is_said_at_its_line(
    marketer: Client,
    page: str,
    display: Display,
    linked: LinkedAccount,
    change: dict[str, str],
    sentence: str,
) -> None:
    answer = marketer.post(page, form_of(linked, **change))
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert not SyncRule.objects.filter(display=display).exists()


@pytest.mark.usefixtures("read_only")
def test_a_read_only_field_is_not_offered(
    marketer: Client, page: str, linked: LinkedAccount
) -> None:
    seen = text_of(marketer.post(page, form_of(linked, do="load")))
    assert 'value="SIZE"' in seen
    assert 'value="OWNER"' not in seen


def test_buttons_add_and_remove_lines(
    marketer: Client, page: str, linked: LinkedAccount
) -> None:
    form = form_of(linked, **{"map:=1": "", "map:+1": ""})
    for action, keys in {
        "add_fixed": {"=1", "=2", "+1"},
        "add_field": {"=1", "+1", "+2"},
        "fix:SIZE": {"=1", "=2", "+1"},
        "remove_row:=1": {"+1"},
        "remove_row:first_name": {"=1", "+1"},
    }.items():
        shown = marketer.post(page, {**form, "do": action})
        rows = [line.row for line in shown.context["editor"].map_rows]
        assert {row.key for row in rows if row.is_added} == keys, action
        assert ("SIZE" in {row.target for row in rows}) == (action == "fix:SIZE")


def test_the_latest_signup_is_shown_as_the_provider_gets_it(
    marketer: Client, page: str, display: Display, linked: LinkedAccount
) -> None:
    sign_up(display, "old@acme.test", fields={"first_name": "Old"})
    fields = {"first_name": "mary", "phone": "020 7946 0018", "size": "L"}
    sign_up(display, "mary@acme.test", fields=fields)
    form = form_of(linked, do="load", **{"case:first_name": "title"})
    form |= {"map:phone": "PHONE", "map:size": "SIZE"}
    seen = text_of(marketer.post(page, form))
    assert "<dt>First Name</dt><dd>Mary</dd>" in seen
    assert "has no country code. Choose in the mapping" in seen
    assert "“L” is not among its options (S, M)" in seen
    again = text_of(marketer.post(page, {**form, "country:phone": "GB"}))
    assert "<dd>+442079460018</dd>" in again


def test_types_that_were_saved_serve_while_the_provider_is_down(
    marketer: Client,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    form = form_of(linked, **{"map:phone": "PHONE", "country:phone": "GB"})
    marketer.post(url("rule_new", acme, display.pk), form)
    sandbox.faults(status=500)
    rule = SyncRule.objects.get(display=display)
    page = url("rule_edit", acme, display.pk, rule.pk)
    again = {**form, "do": "refresh"}
    assert "Numbers without a country code" in text_of(marketer.post(page, again))
    assert marketer.post(page, form).status_code == 302
    assert saved(display)["PHONE"].type == "phone"
    assert saved(display)["PHONE"].transforms == ("phone:GB",)


WHO = [
    ("list", True, "own setting in Mailchimp decides whether people confirm. It is on"),
    ("account", False, "Mailchimp account’s own setting decides whether people"),
    ("none", None, "has no double opt-in of its own: people are added at once"),
]


@pytest.mark.parametrize(("who", "on", "sentence"), WHO)
def test_who_decides_about_double_opt_in_is_said(
    marketer: Client,
    page: str,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
    on: bool | None,
    sentence: str,
) -> None:
    monkeypatch.setattr(Mailchimp, "opt_in", who)
    monkeypatch.setattr(Mailchimp, "supports", Mailchimp.supports - {"double_opt_in"})
    form = form_of(linked, do="load", audience=VIP if on else NEWSLETTER)
    seen = text_of(marketer.post(page, form))
    assert sentence in seen
    assert 'name="double_opt_in"' not in seen


@pytest.fixture
def rules(display: Display) -> str:
    return f"displays/{display.pk}/rules"


def body(linked: LinkedAccount, mapping: Any) -> dict[str, Any]:
    return {
        "linked_account": str(linked.pk),
        "audience": NEWSLETTER,
        "mapping": mapping,
    }


def test_the_api_takes_entries_and_shows_them_as_they_were(
    server: Api, rules: str, display: Display, linked: LinkedAccount
) -> None:
    mapping = [
        {"field": "FNAME", "source": ["name"], "transforms": ["first_name", "title"]},
        {"field": "SIZE", "constant": "M"},
    ]
    made = server.post(rules, body(linked, mapping))
    assert made.status_code == 201, made.json()
    assert made.json()["mapping"] == mapping
    assert saved(display)["SIZE"].type == "choice"
    path = f"{rules}/{made.json()['id']}"
    changed = server.patch(path, {"mapping": {"first_name": "FNAME"}})
    assert changed.json()["mapping"] == {"first_name": "FNAME"}
    kept = server.patch(path, {"tags": ["a"]})
    assert kept.json()["mapping"] == {"first_name": "FNAME"}
    assert saved(display)["FNAME"].label == "First Name"


BAD = {
    "an option that is not there": (
        [{"field": "SIZE", "constant": "XL"}],
        "mapping[0].constant",
        "Size takes one of: S, M. Choose one of them.",
    ),
    "a field that is not there": (
        {"x": "NOPE"},
        "mapping.x",
        "This merge field is not there any more. Choose another.",
    ),
    "a read-only field": (
        [{"field": "OWNER", "source": ["x"]}],
        "mapping[0].field",
        "Mailchimp fills Owner itself: it is read-only. Choose another merge field.",
    ),
    "a default that is no phone number": (
        {"p": {"field": "PHONE", "blank": "default", "default": "none"}},
        "mapping.p.default",
        "Phone Number: “none” is not a phone number.",
    ),
    "a transform of another type": (
        [{"field": "BIRTHDAY", "source": ["x"], "transforms": ["phone"]}],
        "mapping[0].transforms",
        "phone does not fit a field of type birthday.",
    ),
    "an unknown part": (
        [{"field": "FNAME", "from": "x"}],
        "mapping[0].from",
        "Unknown. An entry has: blank, constant, default, field, source, transforms.",
    ),
    "an unknown blank": (
        [{"field": "FNAME", "source": ["x"], "blank": "clear"}],
        "mapping[0].blank",
        "Must be one of: skip, default, hold.",
    ),
}


@pytest.mark.parametrize(("mapping", "field", "said"), BAD.values(), ids=BAD.keys())
@pytest.mark.usefixtures("read_only")
def test_what_the_api_does_not_take_is_named_with_what_helps(
    server: Api, rules: str, linked: LinkedAccount, mapping: Any, field: str, said: str
) -> None:
    answer = server.post(rules, body(linked, mapping))
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["detail"]) == (field, said)
    assert not SyncRule.objects.exists()


def test_another_audience_checks_the_mapping_again(
    server: Api, rules: str, linked: LinkedAccount
) -> None:
    made = server.post(rules, body(linked, {"size": "SIZE"}))
    path = f"{rules}/{made.json()['id']}"
    answer = server.patch(path, {"audience": VIP})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "mapping[0].field"
    moved = server.patch(path, {"audience": VIP, "mapping": {"x": "LNAME"}})
    assert moved.status_code == 200


def test_a_field_that_was_just_made_is_found(
    server: Api, rules: str, linked: LinkedAccount, sandbox: RunningSandbox
) -> None:
    server.post(rules, body(linked, {"size": "SIZE"}))  # remembers the fields
    city = {"audience": NEWSLETTER, "tag": "CITY", "name": "City"}
    sandbox.control("POST", "mailchimp/fields", city)
    assert server.post(rules, body(linked, {"city": "CITY"})).status_code == 201


def test_a_provider_that_cannot_be_asked_is_believed(
    server: Api,
    rules: str,
    display: Display,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    made = server.post(rules, body(linked, {"size": "SIZE"}))
    cache.clear()
    sandbox.faults(status=500)
    path = f"{rules}/{made.json()['id']}"
    changed = server.patch(path, {"mapping": {"shirt": "SIZE", "city": "CITY"}})
    assert changed.status_code == 200
    assert saved(display)["SIZE"].options == ("S", "M")
    assert saved(display)["CITY"].type == ""
