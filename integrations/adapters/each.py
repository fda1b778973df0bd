"""For providers that take one contact a call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TransientError,
)
from integrations.adapters.http import HttpAdapter

T = TypeVar("T")


class EachContact(HttpAdapter):
    """Writes a batch contact by contact.

    A refusal is that contact's outcome; when the provider fails for the moment, that
    contact and those behind it are to be sent again, and those before it stay done.
    """

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

    def each(self, items: Iterable[T], do: Callable[[T], Outcome]) -> list[Outcome]:
        """`do` for every item, as `upsert` does it; also for `unsubscribe`."""
        outcomes: list[Outcome] = []
        later: Outcome | None = None
        for item in items:
            if later is None:
                try:
                    outcomes.append(do(item))
                    continue
                except RejectedError as error:
                    outcomes.append(self.refusal(error))
                    continue
                except TransientError as error:
                    later = again(error)
            outcomes.append(later)
        return outcomes

    def refusal(self, error: RejectedError) -> Outcome:
        """One contact's refusal as its outcome. Override `reason_of` to name it."""
        return rejected(self.reason_of(error), error.detail)

    def reason_of(self, error: RejectedError) -> Reason:
        """The reason behind a refusal, told from its words and status."""
        return error.reason


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
