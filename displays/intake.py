"""From the body of a signup to a judged, stored signup."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from contacts.consents import ip_to_keep
from contacts.models import Suppression
from contactsync.api.keys import Key
from contactsync.api.problems import FieldError, Problem
from contactsync.lib.email import MAX_EMAIL, email_key
from contactsync.lib.ids import uuid7
from displays import confirm_waker, mail_hosts
from displays.models import Display, Signup, SyncRule
from displays.store import NewSignup, Stored, store_signup
from hygiene.case import Lookup, Signals
from hygiene.policies import Choices, choices_for, known_lookup, suppressed_lookup
from hygiene.services import check
from hygiene.verdict import Category, Verdict
from integrations.waker import waker

MAX_FIELDS = 50
MAX_NAME = 64
MAX_VALUE = 2000
MAX_URL = 2000
LIVE_SECONDS = 5.0
KNOWN = frozenset(
    ("display", "email", "fields", "consent", "page_url", "referrer", "utm", "token")
    + ("elapsed_ms", "hp")
)


@dataclass(frozen=True, slots=True)
class Body:
    """A signup's body, checked."""

    display: UUID
    email: str
    fields: dict[str, Any]
    consent_given: bool | None
    consent_text: str
    page_url: str
    context: dict[str, Any]
    elapsed_ms: int | None
    honeypot: str


class Checker:
    """Collects one error per field, so that a developer sees all of them at once."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.errors: list[FieldError] = []

    def fail(self, field: str, code: str, detail: str) -> None:
        self.errors.append(FieldError(field, code, detail))

    def text(self, name: str, limit: int) -> str:
        value = self.body.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fail(name, "type", f"{name} must be a string.")
            return ""
        if len(value) > limit:
            self.fail(name, "too_long", f"{name} is longer than {limit} characters.")
        return value.strip()

    def mapping(self, name: str, check: Callable[[str, Any], bool]) -> dict[str, Any]:
        """A flat object. Blank values are dropped: they never overwrite anything."""
        value = self.body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fail(name, "type", f"{name} must be an object.")
            return {}
        if len(value) > MAX_FIELDS:
            self.fail(name, "too_many", f"{name} has more than {MAX_FIELDS} entries.")
            return {}
        kept = {}
        for key, item in value.items():
            path = f"{name}.{key[:MAX_NAME]}"
            if not key or len(key) > MAX_NAME:
                self.fail(
                    path, "name", f"Names in {name} have 1 to {MAX_NAME} characters."
                )
            elif not check(path, item):
                continue
            elif item not in ("", None, []):
                kept[key] = item.strip() if isinstance(item, str) else item
        return kept

    def value(self, path: str, item: Any) -> bool:
        if isinstance(item, str):
            return self._short(path, item)
        if item is None or isinstance(item, (bool, int, float)):
            return True
        if isinstance(item, list) and all(isinstance(part, str) for part in item):
            if len(item) > MAX_FIELDS:
                self.fail(
                    path, "too_many", f"{path} has more than {MAX_FIELDS} entries."
                )
                return False
            return all(self._short(path, part) for part in item)
        self.fail(
            path,
            "type",
            f"{path} must be a text, a number, true, false or a list of texts.",
        )
        return False

    def _short(self, path: str, item: str) -> bool:
        if len(item) > MAX_VALUE:
            self.fail(path, "too_long", f"{path} has more than {MAX_VALUE} characters.")
            return False
        return True

    def string_value(self, path: str, item: Any) -> bool:
        if item is None or isinstance(item, str):
            return item is None or self._short(path, item)
        self.fail(path, "type", f"{path} must be a string.")
        return False


def checked(body: Any) -> Body:
    """The body as a Body. Raises Problem 400 or 422 that names each field."""
    if not isinstance(body, dict):
        raise Problem(400, "The body must be a JSON object.")
    check_ = Checker(body)
    for name in body.keys() - KNOWN:
        check_.fail(
            name[:MAX_NAME], "unknown", "Unknown field. Put your own under fields."
        )
    email = check_.text("email", MAX_EMAIL)
    if not email and not any(error.field == "email" for error in check_.errors):
        check_.fail("email", "required", "email is required.")
    display = _uuid(check_)
    fields = check_.mapping("fields", check_.value)
    utm = check_.mapping("utm", check_.string_value)
    given, wording = _consent(check_)
    page_url = check_.text("page_url", MAX_URL)
    referrer = check_.text("referrer", MAX_URL)
    honeypot = check_.text("hp", MAX_VALUE)
    check_.text("token", MAX_VALUE)
    elapsed = body.get("elapsed_ms")
    if elapsed is not None and (
        isinstance(elapsed, bool)
        or not isinstance(elapsed, int)
        or not 0 <= elapsed <= 10**12
    ):
        check_.fail("elapsed_ms", "type", "elapsed_ms must be milliseconds, 0 or more.")
        elapsed = None
    if check_.errors:
        names = ", ".join(sorted({error.field for error in check_.errors}))
        first = check_.errors[0].detail
        raise Problem(
            422, first if len(check_.errors) == 1 else f"Check: {names}.", check_.errors
        )
    assert display is not None
    context = {"utm": utm, "referrer": referrer, "page_url": page_url}
    return Body(
        display=display,
        email=email,
        fields=fields,
        consent_given=given,
        consent_text=wording,
        page_url=page_url,
        context={name: item for name, item in context.items() if item},
        elapsed_ms=elapsed,
        honeypot=honeypot,
    )


def _uuid(check_: Checker) -> UUID | None:
    value = check_.body.get("display")
    if value is None:
        check_.fail("display", "required", "display is required: the display's id.")
        return None
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError):
        check_.fail("display", "unknown", "display is not the id of a display.")
        return None


def _consent(check_: Checker) -> tuple[bool | None, str]:
    value = check_.body.get("consent")
    if value is None:
        return None, ""
    if not isinstance(value, dict) or not isinstance(value.get("given"), bool):
        check_.fail(
            "consent", "type", 'consent must be {"given": true or false, "text": ...}.'
        )
        return None, ""
    wording = value.get("text") or ""
    if not isinstance(wording, str) or len(wording) > 4 * MAX_VALUE:
        check_.fail(
            "consent.text", "type", "consent.text must be the wording that was shown."
        )
        return None, ""
    return value["given"], wording


class LiveDisplays:
    """Which displays take signups, remembered for LIVE_SECONDS.

    Only live ones are remembered: a display set live takes signups at once, a
    paused one stops within that time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[int, UUID], float] = {}

    def require(self, account_id: int, display_id: UUID) -> None:
        """Raises Problem 422 that says what is wrong with the display."""
        place = (account_id, display_id)
        if self._until.get(place, 0.0) > time.monotonic():
            return
        status = (
            Display.objects.for_account(account_id)
            .filter(pk=display_id)
            .values_list("status", flat=True)
            .first()
        )
        if status is None:
            raise Problem.of_field(
                "display", "unknown", "There is no such display in this account."
            )
        if status != Display.Status.LIVE:
            raise Problem.of_field(
                "display",
                "not_live",
                f"The display is {status}. Set it live to collect signups.",
            )
        with self._lock:
            if len(self._until) > 10_000:
                self._until.clear()
            self._until[place] = time.monotonic() + LIVE_SECONDS

    def clear(self) -> None:
        with self._lock:
            self._until.clear()


live_displays = LiveDisplays()


@dataclass(frozen=True, slots=True)
class Taken:
    """A signup that is safely ours. ``verdict`` is None on a repeated request."""

    id: UUID
    accepted: bool
    verdict: Verdict | None


UNSUBSCRIBED = "unsubscribed"
"""The verdict's rule for who left; other suppressions are not asked about."""


def judge_body(body: Body, account_id: int, choices: Choices) -> Verdict:
    """The hygiene filter's verdict, with all the evidence a signup carries.

    Who left and signs up anew is judged as if they had not, where a rule of the
    display has us ask them to confirm: until they do, nothing else is done for them.
    """
    verdict = _judge(body, choices, suppressed_lookup(account_id, body.email))
    left = verdict.category is Category.SUPPRESSED and verdict.rule == UNSUBSCRIBED
    if not left or not asks_again(account_id, body):
        return verdict
    return _judge(body, choices, known_lookup(""))


def asks_again(account_id: int, body: Body) -> bool:
    """Whether the person left by themselves, and a live rule has them asked again: by
    us, or by the provider at the very account where they left."""
    left = (
        Suppression.objects.for_account(account_id)
        .filter(email_key=email_key(body.email), actor=Suppression.Actor.PERSON)
        .first()
    )
    if left is None:
        return False
    by_us = Q(target__own_confirmation=True)
    by_provider = Q(
        target__own_confirmation=False,
        target__linked_account_id=left.linked_account_id,
    )
    rules = SyncRule.objects.for_account(account_id).filter(
        display_id=body.display,
        enabled=True,
        removed_at=None,
        target__reconfirm=True,
    )
    return bool(rules.filter(by_us | by_provider).exists())


def _judge(body: Body, choices: Choices, suppressed: Lookup | None) -> Verdict:
    first, last = body.fields.get("first_name"), body.fields.get("last_name")
    return check(
        body.email,
        first_name=first if isinstance(first, str) else "",
        last_name=last if isinstance(last, str) else "",
        signals=Signals(honeypot=body.honeypot, elapsed_ms=body.elapsed_ms),
        policy=choices.policy,
        suppressed=suppressed,
        check_mail_hosts=choices.check_mail_hosts,
    )


def take_signup(
    body: Body,
    key: Key,
    *,
    ip: str | None,
    idempotency_key: str = "",
    raw: bytes = b"",
    language: str = "",
) -> Taken:
    """Judge and store; durable on return. Raises Problem.

    ``language`` is what the visitor's browser likes best, of those we write mails in.
    """
    live_displays.require(key.account_id, body.display)
    choices = choices_for(key.account_id, body.display)
    verdict = judge_body(body, key.account_id, choices)
    domain = verdict.address.rpartition("@")[2]
    waits = choices.check_mail_hosts and verdict.accepted
    not_before = mail_hosts.hold(domain) if waits else None
    signup = NewSignup(
        id=uuid7(),
        account_id=key.account_id,
        display_id=body.display,
        environment=key.environment,
        email=body.email,
        email_key=email_key(body.email),
        accepted=verdict.accepted,
        category=verdict.category.value,
        rule=verdict.rule,
        evidence=verdict.evidence,
        also=[finding.evidence for finding in verdict.also],
        suggest=verdict.suggest or "",
        fields=body.fields,
        context=body.context | ({"language": language} if language else {}),
        consent_given=body.consent_given,
        consent_text=body.consent_text,
        page_url=body.page_url,
        ip=ip_to_keep(key.account_id, ip),
        idempotency_key=idempotency_key,
        request_hash=hashlib.sha256(raw).hexdigest() if idempotency_key else "",
        not_before=not_before,
    )
    stored: Stored = store_signup(signup)
    if not stored.created:
        return _repeated(signup)
    waker.wake(stored.wake)
    if stored.asks:
        confirm_waker.wake()
    if not_before is not None:
        mail_hosts.asked(key.account_id, signup.id, domain)
    return Taken(signup.id, signup.accepted, verdict)


def _repeated(signup: NewSignup) -> Taken:
    """The answer to a request that was answered before."""
    first = Signup.objects.for_account(signup.account_id).get(
        idempotency_key=signup.idempotency_key
    )
    if first.request_hash != signup.request_hash:
        raise Problem(
            422,
            "This Idempotency-Key was used for another request. Use a new key.",
            [FieldError("Idempotency-Key", "reused", "Used for another body before.")],
            code="idempotency",
        )
    return Taken(first.id, first.status == Signup.Status.ACCEPTED, None)
