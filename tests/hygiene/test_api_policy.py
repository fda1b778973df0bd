"""REST: the policy, the lists, and what they make of addresses."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import Account, AuditEntry
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, Signup
from hygiene.models import ListEntry
from tests.contactsync.api.client import Api, fields_of
from tests.displays.signups import body

pytestmark = pytest.mark.django_db
USUAL = {
    "categories": {
        "bot": "on",
        "role": "on",
        "broadcast": "on",
        "transactional": "on",
        "disposable": "on",
    },
    "wide_disposable": "off",
    "strict_masks": False,
    "check_mail_hosts": False,
}


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


def test_the_policy_is_replaced(api: Api) -> None:
    assert api.get("hygiene/policy").json() == USUAL
    wanted = {"categories": {"role": "flag"}, "strict_masks": True}
    changed = api.put("hygiene/policy", wanted).json()
    assert changed["categories"]["role"] == "flag" and changed["strict_masks"]
    assert api.get("hygiene/policy").json() == changed
    entry = AuditEntry.objects.get(action="hygiene_policy.update")
    assert entry.actor_label.startswith("API key server sk_live_")
    assert entry.ip == "127.0.0.1"
    assert api.put("hygiene/policy", {}).json() == USUAL


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("categories.role", {"categories": {"role": "maybe"}}),
        ("categories.role", {"categories": {"role": None}}),
        ("categories.syntax", {"categories": {"syntax": "off"}}),
        ("categories.suppressed", {"categories": {"suppressed": "off"}}),
        ("strict_masks", {"strict_masks": "yes"}),
        ("wide_disposable", {"wide_disposable": 1}),
        ("colour", {"colour": "red"}),
    ],
)
def test_a_wrong_policy_is_422(api: Api, field: str, wrong: Any) -> None:
    answer = api.put("hygiene/policy", wrong)
    assert answer.status_code == 422 and field in fields_of(answer)
    assert api.get("hygiene/policy").json() == USUAL


def test_a_display_s_policy(api: Api, display: Display) -> None:
    path = f"displays/{display.pk}/hygiene-policy"
    api.put("hygiene/policy", {"categories": {"role": "off"}, "strict_masks": True})
    told = api.get(path).json()
    assert set(told["own"]["categories"].values()) == {None}
    assert told["effective"]["categories"]["role"] == "off"
    told = api.put(
        path, {"categories": {"role": "on", "bot": None}, "strict_masks": False}
    ).json()
    assert told["own"]["categories"]["role"] == "on"
    assert told["effective"]["categories"]["role"] == "on"
    assert told["own"]["strict_masks"] is told["effective"]["strict_masks"] is False
    assert api.put(path, told["own"]).json() == told
    assert api.get("displays/00000000-0000-7000-8000-000000000000").status_code == 404


def test_a_check_is_as_the_policy_says(api: Api, display: Display) -> None:
    api.put("hygiene/policy", {"categories": {"role": "flag", "bot": "off"}})
    api.put(f"displays/{display.pk}/hygiene-policy", {"categories": {"role": "on"}})
    api.post("hygiene/entries", {"kind": "deny", "value": "*.rival.com"})
    ask = {"emails": ["info@rossi.it", "mira@shop.rival.com", "asdfgh@gmail.com"]}
    flagged, denied, mash = api.post("hygiene/check", ask).json()["results"]
    assert flagged["accepted"] and flagged["also"][0].startswith("role:exact:info:")
    assert denied["evidence"] == "denied:domain:*.rival.com:policy@tenant"
    assert mash["accepted"] and mash["also"] == []
    strict = api.post("hygiene/check", ask | {"display": str(display.pk)}).json()
    assert strict["results"][0]["category"] == "role"


def test_a_suppressed_address_is_said_so(api: Api) -> None:
    api.post("suppressions", {"email": "gone@gmail.com"})
    told = api.post("hygiene/check", {"email": "Gone@gmail.com"}).json()
    assert (told["accepted"], told["suppressed"]) == (False, True)
    assert (told["category"], told["rule"]) == ("suppressed", "admin")


def test_flagged_hits_stay_with_the_signup(api: Api, display: Display) -> None:
    api.put("hygiene/policy", {"categories": {"role": "flag"}})
    answer = api.post("signups", body(display, email="info@rossi.it")).json()
    assert answer["status"] == "accepted"
    signup = api.get(f"signups/{answer['id']}").json()
    assert signup["verdict"]["also"][0].startswith("role:exact:info:")
    batch = {"signups": [body(display, email="sales@rossi.it")]}
    assert api.post("signups/batch", batch).json()["accepted"] == 1


def test_entries(api: Api, acme: Account) -> None:
    new = {"kind": "deny", "value": "*.Rival.com", "reason": "competitor"}
    made = api.post("hygiene/entries", new)
    assert made.status_code == 201
    row = made.json()
    assert (row["scope"], row["value"]) == ("tree", "*.rival.com")
    assert row["added_by"].startswith("API key server")
    again = api.post("hygiene/entries", new)
    assert (again.status_code, again.json()) == (200, row)
    api.post("hygiene/entries", {"kind": "allow", "value": "mira@rossi.it"})
    listed = api.get("hygiene/entries?kind=deny&q=RIVAL").json()["results"]
    assert listed == [row]
    assert len(api.get("hygiene/entries?limit=1").json()["results"]) == 1
    assert api.get(f"hygiene/entries/{row['id']}").json() == row
    assert api.delete(f"hygiene/entries/{row['id']}").status_code == 204
    assert api.get(f"hygiene/entries/{row['id']}").status_code == 404


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("value", {"value": "no domain"}),
        ("value", {"value": None}),
        ("kind", {"kind": "maybe"}),
        ("reason", {"reason": "two\nlines"}),
        ("reason", {"reason": "x" * 201}),
        ("scope", {"scope": "tree"}),
    ],
)
def test_a_wrong_entry_is_422(api: Api, field: str, wrong: Any) -> None:
    given = {"kind": "deny", "value": "rival.com", **wrong}
    answer = api.post("hygiene/entries", given)
    assert answer.status_code == 422 and field in fields_of(answer)
    assert not ListEntry.objects.exists()


def test_import_and_export(api: Api) -> None:
    def load(data: bytes, query: str = "", **more: str) -> Any:
        path = f"hygiene/entries/import{query}"
        return api.post(path, data, content_type="text/csv", **more)

    done = load(b"a.org\nallow,b.org,partner", "?kind=deny", idempotency_key="k")
    assert done.json() == {"added": 2, "moved": 0, "unchanged": 0}
    again = load(b"a.org\nallow,b.org,partner", "?kind=deny", idempotency_key="k")
    assert again.json() == done.json()
    wrong = load(b"c.org\nno domain")
    assert fields_of(wrong) == {"line[2]": "invalid"}
    assert load(b"").status_code == 422
    assert api.post("hygiene/entries/import", {"a": 1}).status_code == 415
    for accept in ("*/*", "text/csv", "application/json"):
        answer = api.get("hygiene/entries/export", accept=accept)
        assert answer["Content-Type"].startswith("text/csv")
        first, *rest = answer.getvalue().decode().splitlines()
        assert first == "\ufeffkind,value,reason,added_by,added_at"
        allowed, denied = sorted(rest)
        assert allowed.startswith("allow,b.org,partner,API key server")
        assert denied.startswith("deny,a.org,,API key server")
    told = AuditEntry.objects.filter(action="hygiene_entries.exported")
    assert told.count() == 3 and told[0].subject == "all entries"
    assert (
        api.get("hygiene/entries/export?kind=x", accept="text/csv").status_code == 422
    )
    assert told.count() == 3


def test_a_rejected_signup_is_accepted(api: Api, display: Display) -> None:
    answer = api.post("signups", body(display, email="info@rossi.it")).json()
    api.post("signups", body(display, email="sales@rossi.it"))
    path = f"signups/{answer['id']}/accept"
    assert fields_of(api.post(path, {})) == {"reason": "required"}
    wrong = api.post(path, {"reason": "x", "scope": "tree"})
    assert fields_of(wrong) == {"scope": "choice"}
    told = api.post(path, {"reason": "customers", "scope": "domain"}).json()
    assert (told["accepted"], told["kept"], told["left"]) == (2, 0, 0)
    assert told["signup"]["verdict"]["rule"] == "allowed-domain"
    assert told["signup"]["verdict"]["also"][0].startswith("role:")
    again = api.post(path, {"reason": "customers", "scope": "domain"})
    assert (again.status_code, again.json()["accepted"]) == (200, 0)


def test_what_cannot_be_accepted_is_said(api: Api, display: Display) -> None:
    broken = api.post("signups", body(display, email="rubbish")).json()
    refused = api.post(f"signups/{broken['id']}/accept", {"reason": "x"})
    assert refused.status_code == 409 and "No mail" in refused.json()["detail"]
    mash = api.post("signups", body(display, email="asdfgh@gmail.com")).json()
    shared = api.post(
        f"signups/{mash['id']}/accept", {"reason": "x", "scope": "domain"}
    )
    assert fields_of(shared) == {"scope": "shared"}
    assert set(Signup.objects.values_list("status", flat=True)) == {"filtered"}
