"""The one call the API, the signup endpoint and imports make; and saving a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest

from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import audit
from hygiene.case import Lookup, Person, Signals
from hygiene.facts import default_facts
from hygiene.judge import judge
from hygiene.mail_hosts import refusal
from hygiene.models import HygienePolicy
from hygiene.policies import policies, usual
from hygiene.policy import SWITCHABLE, Mode, Policy
from hygiene.verdict import Category, Verdict

CATEGORIES = tuple(sorted(SWITCHABLE))


def check(
    address: str,
    *,
    policy: Policy | None = None,
    first_name: str = "",
    last_name: str = "",
    signals: Signals | None = None,
    suppressed: Lookup | None = None,
    check_mail_hosts: bool = False,
) -> Verdict:
    """Judge an address with this process's lists. Never raises, does no network I/O.

    ``suppressed`` is asked about the mailbox (``hygiene.policies.suppressed_lookup``).
    With ``check_mail_hosts`` a domain known to take no mail is turned away.
    """
    person = Person(first_name, last_name) if first_name or last_name else None
    policy = usual().policy if policy is None else policy
    verdict = judge(
        address,
        facts=default_facts(),
        policy=policy,
        person=person,
        signals=signals,
        suppressed=suppressed,
    )
    if not check_mail_hosts or not verdict.accepted:
        return verdict
    return with_mail_host(verdict, policy)


def with_mail_host(verdict: Verdict, policy: Policy) -> Verdict:
    """An accepting verdict and what is known of the mail hosts of its domain."""
    finding = refusal(verdict.address.rpartition("@")[2])
    if finding is None or policy.mode(finding.category) is Mode.OFF:
        return verdict
    allowed = verdict.rule.startswith("allowed-")
    flagged = policy.mode(finding.category) is Mode.FLAG or allowed
    if flagged and finding.category is not Category.SYNTAX:
        return replace(verdict, also=(*verdict.also, finding))
    also = (verdict.finding, *verdict.also) if verdict.finding else verdict.also
    return Verdict(finding.category, finding, also, verdict.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who changes something: a person, or what ``label`` names (an API key).

    ``request`` is where the audit trail takes the IP address from.
    """

    request: HttpRequest | None = None
    user: User | None = None
    label: str = ""

    @classmethod
    def of(cls, request: Any) -> Author:
        """The person behind a page's request."""
        return cls(request=request, user=request.user, label=str(request.user))

    def note(
        self, account: Account, action: str, subject: str, **detail: object
    ) -> None:
        audit(
            self.request,
            account=account,
            action=action,
            subject=subject,
            actor=self.user,
            actor_label=self.label[:160],
            **detail,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """A policy as it is chosen. What is left out follows: a display its account, an
    account what is usual (reject; aliases pass; no mail host check; the wide list as
    this installation has it).

    ``modes``: category -> on, flag or off. ``wide_disposable`` is one of these or "".
    """

    modes: Mapping[str, str]
    strict_masks: bool | None = None
    check_mail_hosts: bool | None = None
    wide_disposable: str = ""

    @classmethod
    def of(cls, row: HygienePolicy | None) -> PolicySettings:
        if row is None:
            return cls(modes={})
        return cls(
            modes=dict(row.modes),
            strict_masks=row.strict_masks,
            check_mail_hosts=row.check_mail_hosts,
            wide_disposable=row.wide_disposable,
        )

    def lean(self) -> PolicySettings:
        """An account's: without what is usual anyway."""
        wide = self.wide_disposable
        as_usual = wide == usual().policy.wide_disposable
        return PolicySettings(
            modes={name: mode for name, mode in self.modes.items() if mode != Mode.ON},
            strict_masks=self.strict_masks or None,
            check_mail_hosts=self.check_mail_hosts or None,
            wide_disposable="" if as_usual else wide,
        )

    def plain(self) -> dict[str, object]:
        """For the audit trail: the choices that were made, in words of one value."""
        chosen: dict[str, object] = {
            name: self.modes[name] for name in CATEGORIES if name in self.modes
        }
        for name in ("strict_masks", "check_mail_hosts"):
            if getattr(self, name) is not None:
                chosen[name] = getattr(self, name)
        if self.wide_disposable:
            chosen["wide_disposable"] = self.wide_disposable
        return chosen


def policy_row(account: Account, display_id: UUID | None = None) -> HygienePolicy:
    """The account's or a display's own row, locked until the transaction ends.

    Whoever changes the account's lists holds the account's row: their changes come
    one after the other, and every process sees that there was one.
    """
    rows = HygienePolicy.objects.select_for_update()
    row: HygienePolicy
    row, _ = rows.get_or_create(account=account, display_id=display_id)
    return row


def settings_of(account: Account, display_id: UUID | None = None) -> PolicySettings:
    """What the account (or the display) chose itself, inheriting nothing."""
    rows = HygienePolicy.objects.for_account(account)
    return PolicySettings.of(rows.filter(display_id=display_id).first())


def policy_save(
    *,
    account: Account,
    settings: PolicySettings,
    by: Author,
    display_id: UUID | None = None,
    subject: str = "Account",
) -> bool:
    """Save the account's policy, or a display's own. False: nothing was changed.

    ``subject`` names it in the audit trail.
    """
    if display_id is None:
        settings = settings.lean()
    with transaction.atomic():
        row = policy_row(account, display_id)
        before, after = PolicySettings.of(row).plain(), settings.plain()
        if before == after:
            return False
        row.modes = {
            name: str(settings.modes[name])
            for name in CATEGORIES
            if settings.modes.get(name)
        }
        row.strict_masks = settings.strict_masks
        row.check_mail_hosts = settings.check_mail_hosts
        row.wide_disposable = settings.wide_disposable
        row.save()
        display = {"display": str(display_id)} if display_id else {}
        by.note(
            account,
            "hygiene_policy.update",
            subject,
            before=worded(before, after),
            after=worded(after, before),
            **display,
        )
    policies.forget(account.pk)
    return True


def worded(chosen: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The choices that differ from ``other``, each as ``role: flag``."""
    return [
        f"{name.replace('_', ' ')}: {said(chosen.get(name))}"
        for name in sorted({*chosen, *other})
        if chosen.get(name) != other.get(name)
    ]


def said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value else "not set"
