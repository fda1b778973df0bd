"""Shadow mode: what another policy would have done to the last 30 days' signups.

Each signup is judged again with the policy of today, changed in one respect. One counts
where that alone turns it round: accepted then and by today's policy, and rejected by
the changed one; or the other way about. Nothing is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import QuerySet

from activity import words
from activity.shadow_change import Change, Policies
from activity.verdicts import told
from contactsync.lib.clock import now
from contactsync.lib.ids import floor
from contactsync.tenancy.models import Account
from displays.models import Signup
from hygiene.case import Facts, Person, Signals
from hygiene.facts import default_facts
from hygiene.judge import judge
from hygiene.verdict import Category, Finding, Verdict, printable

DAYS = 30
MOST = 200_000
PAGE_SIZE = 25
CHUNK = 1000
SECONDS = 3.0
"""How long one request looks at signups before it says how far it came."""

FIXED = frozenset({Category.SYNTAX, Category.SUPPRESSED})
"""What no policy changes. Suppressions are also another thing today than they were."""

COLUMNS = (
    *("id", "contact_id", "display_id", "email", "status", "category", "rule"),
    *("evidence", "also", "fields", "at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A signup that the change turns round. ``verdict`` is the changed policy's."""

    signup_id: UUID
    contact_id: UUID
    display_id: UUID
    email: str
    at: datetime
    was: str
    verdict: Verdict

    @property
    def shown(self) -> str:
        """The address fit to be seen: nothing that hides or turns letters around."""
        return printable(self.email)

    @property
    def turned_away(self) -> bool:
        return not self.verdict.accepted

    @property
    def category(self) -> str:
        """What it would be rejected for, or was."""
        return self.verdict.category.value if self.turned_away else self.was

    @property
    def label(self) -> str:
        return words.category(self.category).capitalize()

    @property
    def sentence(self) -> str:
        verdict = self.verdict
        if not self.turned_away:
            return "Nothing else would turn it away."
        return told(verdict.category, verdict.rule, verdict.evidence)[0]

    @property
    def evidence(self) -> str:
        return self.verdict.evidence


def signups(account: Account, change: Change) -> QuerySet[Signup]:
    """Those of the last ``DAYS`` days that the change can be about."""
    found: QuerySet[Signup] = Signup.objects.for_account(account)
    if change.display is not None:
        found = found.filter(display_id=change.display)
    since = now() - timedelta(days=DAYS)
    return found.filter(at__gte=since, pk__gte=floor(since))


def walk(
    account: Account, change: Change, after: UUID | None, *, until: float, most: int
) -> Iterator[tuple[UUID, Hit | None]]:
    """Look at signups, newest first, from below ``after``, till ``monotonic()``
    is ``until`` or ``most`` were looked at; at least one ``CHUNK``, a query each."""
    wanted, policies, facts = signups(account, change), Policies(account, change), None
    looked = 0
    while looked < most:
        below = wanted.filter(pk__lt=after) if after else wanted
        size = min(CHUNK, most - looked)
        rows = list(below.order_by("-id").values_list(*COLUMNS)[:size])
        facts = facts or default_facts()
        for row in rows:
            yield row[0], look(row, policies, facts)
        looked += len(rows)
        if len(rows) < size or monotonic() >= until:
            return
        after = rows[-1][0]


def look(row: Sequence[Any], policies: Policies, facts: Facts) -> Hit | None:
    """Whether the change turns one signup round."""
    pk, contact_id, display_id, email, status, category, rule = row[:7]
    evidence, also, fields, at = row[7:]
    if category in FIXED:
        return None
    before, after = policies.of(display_id)
    person, signals = person_of(fields), signals_of(rule, evidence, also)
    verdict = judge(email, facts=facts, policy=after, person=person, signals=signals)
    accepted = status == Signup.Status.ACCEPTED
    if verdict.accepted == accepted:
        return None
    today = judge(email, facts=facts, policy=before, person=person, signals=signals)
    if today.accepted != accepted:
        return None
    return Hit(
        signup_id=pk,
        contact_id=contact_id,
        display_id=display_id,
        email=email,
        at=at,
        was=category,
        verdict=verdict,
    )


def person_of(fields: Mapping[str, Any]) -> Person | None:
    """The name given with the signup."""
    first, last = fields.get("first_name"), fields.get("last_name")
    first = first if isinstance(first, str) else ""
    last = last if isinstance(last, str) else ""
    return Person(first, last) if first or last else None


def signals_of(rule: str, evidence: str, also: Sequence[str]) -> Signals | None:
    """What the form noticed, as far as the verdict tells it; it is not stored."""
    if not also and rule not in ("honeypot", "too-fast"):
        return None
    honeypot, elapsed = "", None
    for text in (evidence, *also):
        try:
            finding = Finding.from_evidence(text)
        except ValueError:
            continue
        if finding.rule == "honeypot":
            honeypot = finding.matched
        elif finding.rule == "too-fast":
            elapsed = 0
    return Signals(honeypot, elapsed) if honeypot or elapsed is not None else None


@dataclass(slots=True)
class Tally:
    """How far it was looked, and what was found so far.

    ``place`` is the last signup looked at; ``first`` the ids of the first page of hits.
    """

    of: int = 0
    looked: int = 0
    place: str = ""
    rejects: Counter[str] = field(default_factory=Counter)
    accepts: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    @property
    def would_reject(self) -> int:
        return self.rejects.total()

    @property
    def would_accept(self) -> int:
        return self.accepts.total()

    @property
    def hits(self) -> int:
        return self.would_reject + self.would_accept

    @property
    def capped(self) -> bool:
        return self.of > MOST

    @property
    def most(self) -> int:
        """How many are looked at in the end."""
        return min(self.of, MOST)

    @property
    def done(self) -> bool:
        return self.looked >= self.most

    @property
    def more(self) -> bool:
        """Whether there are hits beyond the first page."""
        return self.hits > len(self.first)

    @property
    def groups(self) -> list[tuple[str, str, int]]:
        """What becomes of them, in words: (what, category, count)."""
        return [
            *(("turned away", words.category(k), n) for k, n in ranked(self.rejects)),
            *(("let in", words.category(k), n) for k, n in ranked(self.accepts)),
        ]

    def seal(self, account: Account, change: Change) -> str:
        """As text that leads on, for this account and change only."""
        state = [self.of, self.looked, self.place, self.rejects, self.accepts]
        return signing.dumps(
            [*state, self.first], salt=salt(account, change), compress=True
        )

    @classmethod
    def unseal(cls, text: str, account: Account, change: Change) -> Tally | None:
        try:
            of, looked, place, rejects, accepts, first = signing.loads(
                text, salt=salt(account, change), max_age=3600
            )
        except signing.BadSignature:  # of another change, or an hour old
            return None
        return cls(of, looked, place, Counter(rejects), Counter(accepts), first)


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def salt(account: Account, change: Change) -> str:
    return f"activity.shadow:{account.pk}:{change.query()}"


def begin(account: Account, change: Change) -> Tally:
    """Nothing looked at yet; how many there are. One query."""
    return Tally(of=signups(account, change).count())


def go_on(
    account: Account, change: Change, tally: Tally, seconds: float = SECONDS
) -> Tally:
    """Look further for so long."""
    after = UUID(tally.place) if tally.place else None
    until, left = monotonic() + seconds, tally.most - tally.looked
    before = tally.looked
    for pk, hit in walk(account, change, after, until=until, most=left):
        tally.looked, tally.place = tally.looked + 1, str(pk)
        if hit is None:
            continue
        (tally.rejects if hit.turned_away else tally.accepts)[hit.category] += 1
        if len(tally.first) < PAGE_SIZE:
            tally.first.append(str(hit.signup_id))
    if tally.looked - before < left and monotonic() < until:
        # Some that were counted have passed out of the window meanwhile.
        tally.of = tally.looked
    return tally


def hits_of(account: Account, change: Change, ids: Sequence[str]) -> list[Hit]:
    """The hits with these ids, newest first."""
    policies, facts = Policies(account, change), default_facts()
    rows = signups(account, change).filter(pk__in=ids).order_by("-id")
    found = (look(row, policies, facts) for row in rows.values_list(*COLUMNS))
    return [hit for hit in found if hit is not None]


@dataclass(frozen=True, slots=True)
class Page:
    """Hits below a place. ``after`` leads on, "" at the end; ``cut`` says that time
    ran out before the page was full."""

    hits: Sequence[Hit]
    after: str
    cut: bool = False


def older(
    account: Account, change: Change, after: UUID, seconds: float = SECONDS
) -> Page:
    """The next page of hits. Bounded in time, like all here."""
    found: list[Hit] = []
    place: UUID | None = None
    until = monotonic() + seconds
    for pk, hit in walk(account, change, after, until=until, most=MOST):
        place = pk
        if hit is None:
            continue
        if len(found) == PAGE_SIZE:
            return Page(found, str(found[-1].signup_id))
        found.append(hit)
    cut = monotonic() >= until and place is not None
    return Page(found, str(place) if cut else "", cut)
