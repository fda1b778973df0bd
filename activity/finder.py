"""My contact didn't get my email: the likely reason, from what is known, and no guess.

``find`` asks one question after another and keeps each answer; the reason is that of
the first thing that explains the silence. What happens after a provider has taken a
contact is the provider's to tell, and we say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from activity import words
from activity.case import BAD, NOW, OK, TODO
from activity.explain import by_urgency, explain
from activity.near import SLIP, Near, near, slips
from activity.rejected import Appeal, appeal
from activity.story import Destination, Explanation
from activity.verdicts import told
from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.lib.email import email_key
from contactsync.tenancy.models import Account
from hygiene.catalogue import explain as of_rule
from hygiene.facts import default_facts
from hygiene.judge import judge
from hygiene.models import MailHost
from hygiene.policies import policy_for
from hygiene.rules.syntax import parse
from hygiene.verdict import Category, Finding, Verdict, printable
from integrations.models import State

WAITS = (State.PENDING, State.SENDING, State.SUBMITTED, State.HELD)
REASONS: dict[str, str] = {
    State.AWAITING_OPT_IN: "not_confirmed",
    State.REJECTED: "provider_refused",
    State.FAILED: "failed",
    State.SKIPPED: "skipped",
    State.SYNCED: "synced",
    words.NO_RULE: "no_rule",
    words.FILTERED: "rejected",
    **dict.fromkeys(WAITS, "waiting"),
}
"""A destination's state -> the reason's name in the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer. ``status`` is ok, bad, now (waits) or todo (not
    known); ``place`` the destination it is about, "" for all."""

    name: str
    title: str
    status: str
    text: str
    place: str = ""


@dataclass(slots=True, kw_only=True)
class Found:
    """The likely reason and everything that was looked at, in order."""

    email: str
    reason: str = ""
    sentence: str = ""
    next_step: str = ""
    tone: str = "bad"
    evidence: str = ""
    provider_words: str = ""
    action: Destination | None = None
    appeal: Appeal | None = None
    contact: Contact | None = None
    suggest: str = ""
    near: list[Near] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The address fit to be seen: nothing that hides or turns letters around."""
        return printable(self.email)

    @property
    def meant(self) -> Near | None:
        """Whom the address probably stands for, when it is not a contact's own."""
        return next(iter(slips(self.near)), None)

    def because(self, reason: str, sentence: str, next_step: str, **more: Any) -> None:
        """Keep the reason, unless one was found before."""
        if self.reason:
            return
        self.reason, self.sentence, self.next_step = reason, sentence, next_step
        for name, value in more.items():
            setattr(self, name, value)

    def check(
        self, name: str, title: str, status: str, text: str, place: str = ""
    ) -> None:
        self.checks.append(
            Check(name=name, title=title, status=status, text=text, place=place)
        )


def find(email: str, account: Account) -> Found:
    """The likely reason why nothing arrived at ``email``. Reads only.

    At most fifteen queries, however many contacts and deliveries there are.
    """
    found = Found(email=email.strip())
    facts = default_facts()
    parsed = parse(found.email, facts.words.reserved_suffixes)
    if isinstance(parsed, Finding):
        unreadable(found, account, parsed)
        return found
    key = email_key(found.email)
    verdict = judge(found.email, facts=facts, policy=policy_for(account.pk))
    found.suggest = verdict.suggest
    spelling(found)
    found.contact = Contact.objects.for_account(account).filter(email_key=key).first()
    if found.contact is None or verdict.suggest:
        found.near = near(account, key, *parsed)
    suppression(found, account, key)
    if found.contact is None:
        stranger(found, verdict)
        return found
    contact = found.contact
    told_all = explain(contact, account)
    at_filter(found, told_all)
    host = mail_host(found, parsed[1])
    destinations(found, told_all)
    if host is not None:
        found.because("mail_host", *host)
    settle(found, told_all, verdict)
    return found


def unreadable(found: Found, account: Account, finding: Finding) -> None:
    """It is no address: nobody can be written to under it."""
    what, todo = told(finding.category, finding.rule, finding.evidence)
    found.check("address", "It can be read as an address", BAD, what)
    key = email_key(found.email)
    found.contact = Contact.objects.for_account(account).filter(email_key=key).first()
    if found.contact is not None:
        since = words.ago(found.contact.last_seen_at, now())
        text = f"Typed like this {since}, and turned away."
        found.check("contact", "It signed up here", BAD, text)
    found.because("malformed", what, todo, evidence=finding.evidence)


def spelling(found: Found) -> None:
    text = (
        f"It can be read, and is probably a slip for {found.suggest}."
        if found.suggest
        else "Yes."
    )
    status = NOW if found.suggest else OK
    found.check("address", "It can be read as an address", status, text)


def suppression(found: Found, account: Account, key: str) -> None:
    """Whether somebody saw to it that nothing is sent."""
    title = "Not on your suppression list"
    row = Suppression.objects.for_account(account).filter(email_key=key).first()
    if row is None:
        found.check("suppression", title, OK, "It is not on it.")
        return
    who = f"{row.get_actor_display()} on {words.day(row.created_at)}."
    found.check("suppression", title, BAD, f"{who} {row.reason}".strip())
    lift = {
        Suppression.Actor.ADMIN: "Whoever put it there can take it off again.",
        Suppression.Actor.BOUNCE: "Ask the person for a current address.",
        Suppression.Actor.MERGE: "It is lifted with the merge that caused it.",
    }.get(row.actor, "Only a new opt-in by the person themselves lifts this.")
    found.because(
        "suppressed",
        f"The address is on your suppression list: nothing is sent. {who}",
        lift,
    )


def stranger(found: Found, verdict: Verdict) -> None:
    """Nobody with this address ever signed up here."""
    title = "It signed up here"
    found.check("contact", title, BAD, "Nobody with this address ever signed up.")
    if not verdict.accepted:
        what, _ = told(verdict.category, verdict.rule, verdict.evidence)
        found.check("filter", "Your filter would let it in", BAD, what)
    meant = found.meant
    if meant is not None:
        day = words.day(meant.contact.first_seen_at)
        found.because(
            "typo",
            f"Nobody signed up as {found.email}. Did you mean {meant.email}, "
            f"who signed up on {day}?",
            "Open that contact to see where they are.",
        )
    found.because(
        "never_signed_up",
        f"Nobody with the address {found.email} ever signed up here.",
        f"Check the spelling: {found.suggest} is likelier."
        if found.suggest
        else "Ask the person which address they gave, or to sign up once more.",
    )


def at_filter(found: Found, told_all: Explanation) -> None:
    """Whether the filter let the latest signup in."""
    contact = found.contact
    assert contact is not None
    since = words.ago(contact.first_seen_at, now())
    found.check("contact", "It signed up here", OK, f"First seen {since}.")
    verdict, title = told_all.verdict, "The filter let it in"
    if verdict is None:
        found.check("filter", title, TODO, "There is no signup to judge.")
        return
    if verdict.category == Category.VALID:
        found.check("filter", title, OK, f"Accepted {words.ago(verdict.at, now())}.")
        return
    found.check("filter", title, BAD, verdict.sentence)
    if contact.status != Contact.Status.FILTERED:
        return
    name = words.category(verdict.category)
    suppressed = verdict.category == Category.SUPPRESSED
    found.because(
        "suppressed" if suppressed else "rejected",
        f"Your filter turned the signup away ({name}), so it was sent nowhere. "
        f"{verdict.sentence}",
        verdict.next_step,
        evidence=verdict.evidence,
        appeal=appeal(verdict.signup_id, contact.email, verdict.category, verdict.rule),
        suggest=verdict.suggest or found.suggest,
    )


def destinations(found: Found, told_all: Explanation) -> None:
    """For each place it was to go: the gates, and the first one that is shut."""
    if told_all.status == Contact.Status.FILTERED:
        return
    cards = by_urgency(told_all.cards)
    for card in cards:
        place = f"{card.provider_label} · {card.audience}".rstrip(" ·")
        for gate in card.gates[1:]:
            shut = card.gate == gate.name
            text = card.sentence if shut and card.sentence else gate.text
            found.check(gate.name, gate.title, gate.status, text, place)
    for card in cards:
        if not card.there:
            blocked(found, card)


def blocked(found: Found, card: Destination) -> None:
    """One destination that the contact did not reach, in the words of its page."""
    since = ""
    if card.changed_at and card.state in WAITS:
        since = f" Last change: {words.ago(card.changed_at, now())}."
    step = card.next_step
    if card.state == State.AWAITING_OPT_IN and card.provider:
        step = (
            f"{step} {card.provider_label} sends that email, so a new one is sent "
            "from there; ask them to look in the spam folder."
        )
    found.because(
        REASONS.get(card.state, card.state),
        f"{card.sentence}{since}",
        step,
        tone=card.note,
        provider_words=card.provider_words,
        action=card,
    )


def mail_host(found: Found, domain: str) -> tuple[str, str] | None:
    """What DNS said of the domain when it was asked last, if it was. The sentence and
    the next step where it takes no mail."""
    title = "The domain takes mail"
    row = MailHost.objects.filter(domain=domain).first()
    if row is None or row.status == MailHost.Status.UNKNOWN:
        found.check("mail_host", title, TODO, "Not checked.")
        return None
    when = f"Looked up {words.ago(row.checked_at, now())}."
    if row.status == MailHost.Status.ACCEPTS:
        found.check("mail_host", title, OK, when)
        return None
    detail = (row.detail or "It has no mail server").rstrip(".")
    found.check("mail_host", title, BAD, f"{detail}. {when}")
    return (
        f"{domain} takes no mail. {detail}.",
        f"Ask the person for another address. {when}",
    )


def settle(found: Found, told_all: Explanation, verdict: Verdict) -> None:
    """Nothing of ours stands in the way: what is left to look at."""
    there = [card for card in told_all.cards if card.there and card.provider]
    if found.suggest and not found.reason:
        elsewhere = next((each for each in found.near if each.kind == SLIP), None)
        also = f" {elsewhere.email} is a contact of its own." if elsewhere else ""
        found.because(
            "typo",
            f"The address is probably a slip for {found.suggest}: mail goes to "
            f"somebody else, or nowhere.{also}",
            "Ask the person, and correct the address where you send from.",
        )
    if not there:
        found.because(
            "no_rule",
            "Nothing was ever to be sent anywhere for this contact.",
            "Add a sync rule to the display they use. It is for signups from then on.",
        )
        return
    card = there[0]
    provider = card.provider_label
    when = f" on {words.day(card.changed_at)}" if card.changed_at else ""
    found.because(
        "synced",
        f"{provider} took the contact{when}, and as far as we know they are still "
        "subscribed. We do not send the mail; "
        f"{provider} does.",
        f"Look in {provider}: was the campaign sent to {card.audience or 'this list'} "
        "after that day; what does the contact's own page there say of bounces and "
        "unsubscribes? Then ask the person to look in the spam folder."
        f"{about(verdict)}",
        tone="ok",
        action=card,
    )


def about(verdict: Verdict) -> str:
    """What kinds of address get lost on the way although they are subscribed."""
    for finding in (verdict.finding, *verdict.also):
        if finding is None:
            continue
        if finding.rule == "mask":
            return " It is a private alias, which the person may have switched off."
        if finding.category in (Category.ROLE, Category.BROADCAST):
            try:
                what = of_rule(finding.category, finding.rule).what
            except KeyError:
                what = ""
            return f" It may be forwarded to others or nobody. {what}".rstrip()
    return ""
