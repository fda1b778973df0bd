"""One person, whose address the provider keeps with its domain in the other form."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.each import key_of
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import Api
from tests.integrations.sandbox.test_known_values import WRITTEN

FIRST = "mira@plain.example"
SHOWN, ASCII = "mira@müller.example", "mira@xn--mller-kva.example"
FORMS = [(SHOWN, ASCII), (ASCII, SHOWN)]
# MessageMedia knows people by their number, which has one form.
PROVIDERS = sorted(WRITTEN.keys() - {"messagemedia"})


@pytest.mark.parametrize(("kept", "asked"), FORMS)
@pytest.mark.parametrize("slug", PROVIDERS)
def test_one_person_in_either_form(
    slug: str, kept: str, asked: str, sandbox: RunningSandbox, api: Api
) -> None:
    secrets, audience, first, second = WRITTEN[slug]

    def fresh() -> Any:
        return ADAPTERS[slug](secrets, base_url=sandbox.base_url(slug))

    def there() -> set[tuple[str, str]]:
        rows = sandbox.members(slug)
        return {
            (row["email"], row["status"])
            for row in rows
            if key_of(row["email"]) == ASCII
        }

    if slug == "mailchimp":
        assert api.put(kept, audience).status_code == 200
    else:
        fresh().upsert([Contact(email=FIRST, fields=first)], audience, Options())
        simulator: Any = sandbox.app.simulators[slug]
        person = simulator.book.find(FIRST)
        simulator.book.rename(person, kept)
        for row in person.values.get("emails") or ():
            row["value"] = kept
    [before] = fresh().subscriptions([asked], audience)
    assert before.status not in ("absent", "archived")
    other = Contact(email="another@plain.example", fields=first)
    for batch in ([asked], [asked, other.email]):
        people = [Contact(email=email, fields=second) for email in batch]
        outcomes = fresh().upsert(people, audience, Options())
        assert outcomes[0].state in (OutcomeState.SYNCED, OutcomeState.SUBMITTED)
        assert {email for email, _ in there()} == {kept}
    [known] = fresh().subscriptions([asked], audience)
    assert known.fields.items() >= second.items()
    gone = fresh().unsubscribe([asked], audience)[0].state
    left = there()
    fresh().upsert([Contact(email=asked, fields=second)], audience, Options())
    fresh().upsert([Contact(email=asked), other], audience, Options())
    if gone is OutcomeState.SYNCED and slug != "hubspot":  # a list may be joined again
        assert there() == left
    assert {email for email, _ in there()} == {kept}
    fresh().erase(asked)
    assert there() == set() or "erase" not in ADAPTERS[slug].supports


@pytest.mark.parametrize(
    "slug", ["constantcontact", "icontact", "klaviyo", "mailchimp"]
)
def test_who_is_there_twice_leaves_twice(
    slug: str, sandbox: RunningSandbox, api: Api
) -> None:
    """Made before, or by somebody else."""
    secrets, audience, first, _ = WRITTEN[slug]
    ours: Any = ADAPTERS[slug](secrets, base_url=sandbox.base_url(slug))
    for number, kept in enumerate((SHOWN, ASCII)):
        if slug == "mailchimp":
            assert api.put(kept, audience).status_code == 200
        else:
            email = f"mira{number}@plain.example"
            ours.upsert([Contact(email=email, fields=first)], audience, Options())
            simulator: Any = sandbox.app.simulators[slug]
            simulator.book.rename(simulator.book.find(email), kept)
    assert ours.unsubscribe([SHOWN], audience)[0].state is OutcomeState.SYNCED
    there = [row for row in sandbox.members(slug) if key_of(row["email"]) == ASCII]
    assert {row["email"] for row in there} == {SHOWN, ASCII}
    assert {row["status"] for row in there} == {"unsubscribed"}
    assert ours.unsubscribe([ASCII], audience)[0].state is OutcomeState.SYNCED
    assert ours.erase(SHOWN).ok
    assert not any(key_of(row["email"]) == ASCII for row in sandbox.members(slug))
