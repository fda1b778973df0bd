"""For providers that take one contact a call."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, TypeVar
from unicodedata import normalize

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Resource,
    filled,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TransientError,
)
from integrations.adapters.http import HttpAdapter
from integrations.adapters.paging import batches
from integrations.adapters.shapes import reading

T = TypeVar("T")


class OneByOne(HttpAdapter):
    """Does things contact by contact.

    A refusal is that contact's outcome; when the provider fails for the moment, that
    contact and those behind it are to be sent again, and those before it stay done.
    """

    # Words in a refusal, a regular expression whose case does not matter, and what was
    # the reason then; the first counts.
    reasons: ClassVar[tuple[tuple[str, Reason], ...]] = ()

    def each(self, items: Iterable[T], do: Callable[[T], Outcome]) -> list[Outcome]:
        """`do` for every item, with one outcome each."""
        outcomes: list[Outcome] = []
        later: Outcome | None = None
        for item in items:
            if later is None:
                try:
                    with reading(self):
                        outcomes.append(do(item))
                    continue
                except RejectedError as error:
                    outcomes.append(self.refusal(error))
                    continue
                except TransientError as error:
                    later = again(error)
            outcomes.append(later)
        return outcomes

    def apart(self, items: Iterable[T], do: Callable[[T], Outcome]) -> list[Outcome]:
        """`each`, where one that fails for the moment does not keep the others."""
        return [outcome for item in items for outcome in self.each([item], do)]

    def tag_each(self, tags: Iterable[str], do: Callable[[str], object]) -> str:
        """`do` for every tag. Says what was refused, "" for nothing: who is on the list
        without a tag is on the list."""
        try:
            for tag in tags:
                do(tag)
        except RejectedError as error:
            return f"Not all of their tags were set: {error.detail}"
        return ""

    def refusal(self, error: RejectedError) -> Outcome:
        """One contact's refusal as its outcome."""
        return rejected(self.reason_of(error), error.detail)

    def reason_of(self, error: RejectedError) -> Reason:
        """The reason behind a refusal, told from its words and status."""
        for words, reason in self.reasons:
            if re.search(words, error.detail, re.IGNORECASE):
                return reason
        return error.reason


class EachContact(OneByOne):
    """Writes a batch contact by contact."""

    @abstractmethod
    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        """Create or update one contact; keeps what `Adapter.upsert` promises.

        A RejectedError raised here becomes the outcome that `refusal` makes of it.
        """

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        return self.each(
            contacts, lambda contact: self.write(contact, audience_id, options)
        )


def key_of(email: str) -> str:
    """An address as it is compared: trimmed, in lower case, the domain in its ASCII
    form (RFC 5890), whichever form the provider keeps."""
    text = email.strip().lower()
    if text.isascii():
        return text
    local, at, domain = normalize("NFC", text).rpartition("@")
    return f"{local}{at}{'.'.join(map(_ascii, domain.split('.')))}"


def spellings(email: str) -> list[str]:
    """The address in each form that a provider may keep, to be looked up by: its key,
    and with an internationalised domain as people write it."""
    key = key_of(email)
    local, at, domain = key.rpartition("@")
    shown = ".".join(map(_shown, domain.split(".")))
    return list(dict.fromkeys((key, f"{local}{at}{shown}")))


def forms(email: str) -> list[str]:
    """The address as given, and with its internationalised domain, if it has one, in
    the other form: for look-ups one by one, where each further one is a call."""
    given = email.strip()
    others = (other for other in spellings(given) if other != given.lower())
    return list(dict.fromkeys((given, *others)))


def look_ups(
    emails: Iterable[str], most: int, *, as_entered: bool = False
) -> Iterator[Sequence[str]]:
    """All spellings of the addresses, up to so many a look-up. `as_entered`: that one,
    too, where a provider tells addresses apart by their case."""
    wanted = [
        spelling
        for email in emails
        for spelling in (*([email.strip()] if as_entered else ()), *spellings(email))
    ]
    return batches(list(dict.fromkeys(wanted)), most)


def _ascii(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


def _shown(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode().decode("punycode")
    except UnicodeError:
        return label


def by_address(contacts: Iterable[Contact]) -> dict[str, Contact]:
    """Contacts by `key_of` their address, each once: `merged`."""
    people: dict[str, Contact] = {}
    for contact in contacts:
        key = key_of(contact.email)
        people[key] = merged(people[key], contact) if key in people else contact
    return people


def merged(earlier: Contact, later: Contact) -> Contact:
    """One person twice in a batch: the later values win, blanks do not."""
    fields = {**earlier.fields, **filled(later.fields)}
    return replace(later, fields=fields, tags=(*earlier.tags, *later.tags))


def again(error: TransientError) -> Outcome:
    """The outcome of a contact whose call failed for the moment."""
    return Outcome(
        state=OutcomeState.RETRY,
        reason=error.reason,
        detail=error.detail,
        retry_after=error.retry_after,
    )


def rejected(reason: Reason, detail: str) -> Outcome:
    return Outcome(state=OutcomeState.REJECTED, reason=reason, detail=detail)


def existing(remote_id: object = "", there: str = "Already on this list") -> Outcome:
    """Somebody who is there, and whom the rule leaves alone."""
    return Outcome(
        state=OutcomeState.SKIPPED,
        reason=Reason.EXISTING,
        detail=f"{there}; the rule leaves existing contacts alone.",
        remote_id=str(remote_id or ""),
    )


def not_there(detail: str = "Not on this list at all.") -> Outcome:
    """Nothing had to be done for somebody who is not there."""
    return Outcome(state=OutcomeState.SKIPPED, detail=detail)


def tags_for(contact: Contact, options: Options) -> list[str]:
    """The rule's tags and the contact's own, each once."""
    return list(dict.fromkeys(filter(None, (*options.tags, *contact.tags))))


def probed(
    name: str, count: Callable[[], int | None], writable: bool | None = None
) -> Resource:
    """What reading something, which `count` does, tells of the permission for it."""
    try:
        found = count()
    except ScopeError as error:
        return Resource(name=name, readable=False, writable=None, detail=error.detail)
    return Resource(name=name, readable=True, writable=writable, count=found)


def synced(remote_id: object = "", detail: str = "") -> Outcome:
    return Outcome(
        state=OutcomeState.SYNCED, remote_id=str(remote_id or ""), detail=detail
    )


def awaiting(remote_id: object = "", detail: str = "") -> Outcome:
    return Outcome(
        state=OutcomeState.AWAITING_OPT_IN,
        remote_id=str(remote_id or ""),
        detail=detail,
    )
