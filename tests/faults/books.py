"""The account at the end: what was promised, and what became of it.

`complaints` says in words whatever does not hold. Nothing is forgiven.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.faults.crowd import Crowd, Signup
from tests.faults.product import Product
from tests.faults.provider import AUDIENCE, SUBSCRIBING, Provider

FINAL = ("synced", "rejected", "failed", "skipped")
OPEN = "state NOT IN ('synced', 'rejected', 'failed', 'skipped')"
SHOWN = 5  # examples of one complaint
# After one of these a row ends anew; nothing else may follow an end.
AGAIN = ("delivery.resumed", "delivery.retried")


def drained(product: Product, seconds: float) -> bool:
    """Wait until every delivery has come to its end, at most so long."""
    deadline = time.monotonic() + seconds
    count = f"SELECT count(*) FROM integrations_delivery WHERE {OPEN}"
    while time.monotonic() < deadline:
        if not product.rows(count)[0][0]:
            return True
        time.sleep(0.5)
    return False


def what_is_left(product: Product) -> str:
    """Open rows by state and reason, and the accounts they wait for."""
    rows = product.rows(
        f"""SELECT state, reason, attempts, count(*), min(due), max(lease_until)
        FROM integrations_delivery WHERE {OPEN} GROUP BY state, reason, attempts
        ORDER BY count(*) DESC LIMIT 20"""
    )
    accounts = product.rows(
        "SELECT label, status, reason, not_before FROM integrations_linkedaccount"
    )
    lines = [
        f"{number} {state} {reason!r} after {attempts} attempts, due from {due}, "
        f"leases to {until}"
        for state, reason, attempts, number, due, until in rows
    ]
    lines += [f"account {a}: {b} {c} not before {d}" for a, b, c, d in accounts]
    return "\n".join(lines)


def complaints(product: Product, provider: Provider, crowd: Crowd) -> list[str]:
    """Everything that is not as it must be; empty when all is well."""
    found = [
        *(f"a client gave up: {error}" for error in crowd.errors),
        *stored(product, provider, crowd),
        *arrived(product, provider, crowd),
        *(f"the provider saw: {wrong}" for wrong in provider.wrongs[:SHOWN]),
        *balanced(product, provider, crowd),
        *ended(product),
        *told_once(product),
    ]
    return found


def some(what: str, cases: Sequence[object]) -> Iterator[str]:
    if cases:
        shown = ", ".join(map(str, cases[:SHOWN]))
        yield f"{len(cases)} {what}: {shown}{' ...' if len(cases) > SHOWN else ''}"


def known_to_have_left(product: Product, provider: Provider, crowd: Crowd) -> set[str]:
    """Signups that were turned away because the provider had told that the person left
    before they were posted."""
    turned_away = {
        str(key).replace("-", "")
        for (key,) in product.rows(
            "SELECT id FROM displays_signup WHERE category = 'suppressed'"
        )
    }
    return {
        taken.id
        for taken in crowd.taken
        if taken.id.replace("-", "") in turned_away
        and taken.signup.email.lower() in provider.left
    }


def stored(product: Product, provider: Provider, crowd: Crowd) -> Iterator[str]:
    """Every 202 is in the data base, once, and nothing else is."""
    gone = known_to_have_left(product, provider, crowd)
    states = {
        str(key).replace("-", ""): state
        for key, state in product.rows("SELECT id, status FROM displays_signup")
    }
    ids = [taken.id.replace("-", "") for taken in crowd.taken]
    yield from some("signups answered with 202 are lost", sorted({*ids} - {*states}))
    yield from some("signups nobody was told of", sorted({*states} - {*ids}))
    twice = [key for key, number in Counter(ids).items() if number > 1]
    yield from some("ids given to two signups", twice)
    wrong = [
        taken.signup.email
        for taken in crowd.taken
        if states.get(taken.id.replace("-", ""))
        != ("accepted" if taken.signup.good and taken.id not in gone else "filtered")
    ]
    yield from some("signups judged wrongly", wrong)
    answered = sorted(taken.signup.email for taken in crowd.taken)
    posted = sorted(crowd.posted())
    if answered != posted:
        yield f"{len(posted)} signups posted, {len(answered)} answered"


def arrived(product: Product, provider: Provider, crowd: Crowd) -> Iterator[str]:
    """Every accepted address is at the provider once, with the latest values."""
    latest: dict[str, Signup] = {}
    for taken in crowd.taken:
        if taken.signup.good:
            latest[taken.signup.email.lower()] = taken.signup
    members = provider.sandbox.members(audience=AUDIENCE)
    listed = [member["email"].lower() for member in members]
    twice = [email for email, number in Counter(listed).items() if number > 1]
    yield from some("addresses twice at the provider", twice)
    people = provider.people()
    refused = refused_for_good(product, provider)
    missing = [e for e in latest if e not in people and e not in refused]
    yield from some("accepted addresses are not at the provider", missing)
    strangers = [e for e in people if e not in latest and e not in provider.seeded]
    yield from some("addresses at the provider that nobody sent", strangers)
    gone = [e for e in provider.left if people[e][0] in SUBSCRIBING]
    yield from some("people who left are back", gone)
    here = [e for e in latest if e in people and e not in provider.left]
    not_in = [f"{e} ({people[e][0]})" for e in here if people[e][0] != "subscribed"]
    yield from some("accepted addresses are not subscribed", not_in)
    old = [
        f"{e} has {people[e][1]} for {latest[e].name}"
        for e in here
        if people[e][1] != latest[e].name and e not in refused
    ]
    yield from some("addresses with old values", old)


def refused_for_good(product: Product, provider: Provider) -> set[str]:
    """Addresses whose last delivery is rejected because the provider refused it."""
    last: dict[str, str] = {}
    for email, state in product.rows(
        """SELECT lower(c.email), d.state FROM integrations_delivery d
        JOIN contacts_contact c ON c.id = d.contact_id ORDER BY d.id"""
    ):
        last[email] = state
    said = {email for write in provider.writes for email in write.refused}
    return {email for email in said if last.get(email) == "rejected"}


def balanced(product: Product, provider: Provider, crowd: Crowd) -> Iterator[str]:
    """The ledger explains every signup."""
    status, books = product.call("GET", "ledger")
    if status != 200:
        yield f"GET ledger answers {status}"
        return
    if books["unexplained"] != 0:
        yield f"unexplained: {books['unexplained']}"
    gone = known_to_have_left(product, provider, crowd)
    good = sum(taken.signup.good and taken.id not in gone for taken in crowd.taken)
    counts = (books["captured"], books["accepted"], sum(books["filtered"].values()))
    expected = (len(crowd.taken), good, len(crowd.taken) - good)
    if counts != expected:
        yield f"captured, accepted, filtered are {counts}, not {expected}"


def ended(product: Product) -> Iterator[str]:
    """Every delivery came to an end that says why; none was given up."""
    ends = product.rows(
        """SELECT state, reason, count(*) FROM integrations_delivery
        GROUP BY state, reason ORDER BY state, reason"""
    )
    for state, reason, number in ends:
        if state not in FINAL:
            yield f"{number} deliveries are still {state} ({reason})"
        elif state == "failed":
            yield f"{number} deliveries failed ({reason})"
        elif state != "synced" and not reason:
            yield f"{number} deliveries are {state}, and nothing says why"


def told_once(product: Product) -> Iterator[str]:
    """A timeline has each change of state once, and ends as the row does."""
    lines: dict[int, list[tuple[str, object]]] = defaultdict(list)
    for row, kind, attempt in product.rows(
        """SELECT delivery_id, kind, attempt_id FROM contacts_event
        WHERE delivery_id IS NOT NULL ORDER BY id"""
    ):
        lines[row].append((kind, attempt))
    states = dict(product.rows("SELECT id, state FROM integrations_delivery"))
    untold = [row for row, state in states.items() if state != "skipped"]
    untold = [row for row in untold if row not in lines]
    yield from some("deliveries without a timeline", untold)
    doubled, wrong_end, past_end = [], [], []
    for row, line in lines.items():
        calls = [attempt for _, attempt in line if attempt is not None]
        if len(calls) != len(set(calls)):
            doubled.append(f"{row} {line}")
        if line[-1][0] != f"delivery.{states.get(row)}":
            wrong_end.append(f"{row} {line}")
        ends = [f"delivery.{state}" for state in FINAL]
        if any(
            before in ends and after not in AGAIN
            for (before, _), (after, _) in itertools.pairwise(line)
        ):
            past_end.append(f"{row} {line}")
    yield from some("timelines with one attempt twice", doubled)
    yield from some("timelines that end otherwise than the row", wrong_end)
    yield from some("timelines that go on after the end", past_end)
    captured = product.rows(
        """SELECT count(*) FROM contacts_event
        WHERE kind IN ('signup.accepted', 'signup.filtered')"""
    )[0][0]
    signups = product.rows("SELECT count(*) FROM displays_signup")[0][0]
    if captured != signups:
        yield f"{signups} signups, and {captured} lines that say so"
