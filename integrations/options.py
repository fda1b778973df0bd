"""What a rule can be made of: the provider's audiences and fields, and our own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

from contactsync.lib.crypto import SealError
from integrations.adapters.base import Audience, Field
from integrations.adapters.errors import AdapterError, Reason
from integrations.models import LinkedAccount
from integrations.oauth_tokens import answered
from integrations.reasons import fix_for
from integrations.services import page_adapter

REMEMBER_SECONDS = 60
# Somebody waits for the page: shorter than what a delivery allows a provider.
MAX_CUSTOM = 40

SIGNUP_FIELDS = {
    "first_name": "First name",
    "last_name": "Last name",
    "phone": "Phone",
    "birthday": "Birthday",
    "company": "Company",
    "utm.campaign": "UTM campaign",
    "consent": "Marketing consent",
    "page_url": "Page address",
}
# Other names people give a provider's field for the same thing.
ALIASES = {
    "first_name": ("firstname", "fname", "givenname"),
    "last_name": ("lastname", "lname", "surname", "familyname"),
    "phone": ("phone", "phonenumber", "mobile", "telephone"),
    "birthday": ("birthday", "birthdate", "dateofbirth"),
    "company": ("company", "companyname", "organization", "organisation"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the provider could not be asked; ``action`` as in ``reasons.Fix``."""

    title: str
    detail: str
    next_step: str
    action: str


@dataclass(frozen=True, slots=True)
class Options:
    """What the provider offers. ``failure`` is set when a part could not be read."""

    audiences: tuple[Audience, ...] = ()
    fields: tuple[Field, ...] = ()
    failure: Failure | None = None
    audiences_read: bool = False
    fields_read: bool = False

    def audience(self, audience_id: str) -> Audience | None:
        return next((a for a in self.audiences if a.id == audience_id), None)

    @property
    def writable(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if not field.read_only)


def read_options(
    linked: LinkedAccount, audience_id: str, *, fresh: bool = False
) -> Options:
    """Audiences of the account, and the fields of ``audience_id`` when it has it.

    Never raises for a provider's sake. Answers are remembered for a minute, per
    credentials; ``fresh`` asks anew.
    """
    audiences: tuple[Audience, ...] = ()
    try:
        adapter = page_adapter(linked)
        place = f"{linked.pk}:{hashlib.sha256(linked.sealed.encode()).hexdigest()}"
        audiences = _remembered(
            f"audiences:{place}",
            lambda: tuple(answered(linked, adapter, lambda own: own.audiences())),
            fresh,
        )
        fields: tuple[Field, ...] = ()
        known = any(audience.id == audience_id for audience in audiences)
        if known and "fields" in adapter.supports:
            digest = hashlib.sha256(audience_id.encode()).hexdigest()
            fields = _remembered(
                f"fields:{place}:{digest}",
                lambda: tuple(
                    answered(linked, adapter, lambda own: own.fields(audience_id))
                ),
                fresh,
            )
        return Options(audiences, fields, None, True, known)
    except AdapterError as error:
        failure = _failure(linked, error.reason, error.detail)
    except SealError as error:
        detail = f"The stored credentials cannot be opened: {error}."
        failure = _failure(linked, Reason.AUTH_REVOKED, detail)
    return Options(audiences, (), failure, bool(audiences), False)


def _remembered(key: str, read: Any, fresh: bool) -> Any:
    found = None if fresh else cache.get(key)
    if found is None:
        found = read()
        cache.set(key, found, REMEMBER_SECONDS)
    return found


def _failure(linked: LinkedAccount, reason: Reason, detail: str) -> Failure:
    fix = fix_for(reason, linked.adapter_class.label)
    assert fix is not None  # every Reason has an entry
    return Failure(
        f"{linked.adapter_class.label} could not be read: {fix.title}",
        f"{fix.sentence} {detail}".strip(),
        fix.next_step,
        fix.action,
    )


def signup_fields(
    payloads: Iterable[Mapping[str, Any]], mapped: Iterable[str] = ()
) -> dict[str, str]:
    """Name -> label: our own, those mapped already, and those of recent signups."""
    fields = dict(SIGNUP_FIELDS)
    for name in mapped:
        fields.setdefault(name, label_of(name))
    most = len(fields) + MAX_CUSTOM
    for name in (name for payload in payloads for name in payload["fields"]):
        if len(fields) >= most:
            break
        fields.setdefault(name, label_of(name))
    return fields


def label_of(name: str) -> str:
    """``shirt_size`` as ``Shirt size``."""
    return name.replace("_", " ").capitalize()


def suggest_mapping(
    names: Iterable[str], offered: Iterable[Field], *, free: bool = False
) -> dict[str, str]:
    """Signup field -> provider field id, where the names say the same.

    ``free``: the provider takes any field name, so it is called what we call it.
    """
    if free:
        return {name: name.replace(".", "_") for name in names}
    mapping: dict[str, str] = {}
    for name in names:
        wanted = {bare(name), *ALIASES.get(name, ())}
        for field in offered:
            taken = field.id in mapping.values()
            if not taken and wanted & {bare(field.id), bare(field.label)}:
                mapping[name] = field.id
                break
    return mapping


def bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
