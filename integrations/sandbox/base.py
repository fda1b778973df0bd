"""What every simulator has: a lock, a request record, a fault dial, a state."""

from __future__ import annotations

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

from integrations.sandbox.faults import RESTING, Dial, Faults
from integrations.sandbox.messages import Json, Request, Response, Wire
from integrations.sandbox.oauth import OAuthServer
from integrations.sandbox.store import Store

RECORD_LIMIT = 1_000  # requests remembered
TEXT_LIMIT = 16_384  # characters kept of one body


class Simulator(ABC):
    """One simulated provider.

    A provider implements `dispatch` and `problem` for its own interface, and the
    operations of the control interface, which are the same for all providers.
    `simultaneous` is how many requests one caller may have open, 0 for any number.
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    simultaneous: ClassVar[int] = 0

    def __init__(self, store: Store) -> None:
        self.store = store
        self.oauth = self.sign_in(store)
        self.lock = threading.RLock()
        self.dial = Dial()
        self.requests: deque[Json] = deque(maxlen=RECORD_LIMIT)
        self._open: Counter[str] = Counter()
        self._open_lock = threading.Lock()

    # The provider's side

    @abstractmethod
    def dispatch(self, request: Request, faults: Faults) -> Response:
        """Answer one request as the provider would. Called with the lock held."""

    @abstractmethod
    def problem(self, status: int) -> Response:
        """The provider's own form of an error `status`."""

    @abstractmethod
    def caller(self, request: Request) -> str:
        """Who counts as one caller for `simultaneous`."""

    def sign_in(self, store: Store) -> OAuthServer | None:
        """The provider's OAuth 2, if it has one. Whether a token is good is told by
        its `accepts`."""
        return None

    def before(self, request: Request, faults: Faults) -> Response | None:
        """A refusal that takes time to find; called before the lock is taken."""
        return None

    def after(self) -> None:  # noqa: B027 (a hook, empty unless there is a need)
        """Called when the lock is free again, before the answer is sent."""

    @contextlib.contextmanager
    def connection(self, request: Request) -> Iterator[bool]:
        """Hold one open request; yields whether it is one too many."""
        who = self.caller(request)
        with self._open_lock:
            self._open[who] += 1
            crowded = 0 < self.simultaneous < self._open[who]
        try:
            yield crowded
        finally:
            with self._open_lock:
                self._open[who] -= 1
                if not self._open[who]:
                    del self._open[who]

    def handle(self, request: Request, crowded: bool = False) -> Response:
        """Answer one request with the faults that are set, and record it."""
        started = time.monotonic()
        at = datetime.now(UTC)
        faults = self.dial.draw(request.method, request.path)
        response = self._answer(request, faults, crowded)
        unanswered = response.wire in (Wire.DROP, Wire.HOLD)
        self.requests.append(
            {
                "at": at.isoformat(timespec="milliseconds"),
                "method": request.method,
                "path": request.target,
                "status": None if unanswered else response.status,
                "wire": response.wire.value,
                "ms": round((time.monotonic() - started) * 1000),
                "body": _text(request.body),
                "response": "" if unanswered else _text(response.body),
            }
        )
        return response

    def _answer(self, request: Request, faults: Faults, crowded: bool) -> Response:
        if crowded:
            return self.problem(429)
        if faults.latency_ms:
            time.sleep(faults.latency_ms / 1000)
        if faults.drop:
            return Response(wire=Wire.DROP)
        if faults.status is not None:
            response = self.problem(faults.status)
            if faults.retry_after is not None:
                response.headers.append(("Retry-After", str(faults.retry_after)))
            return response
        refusal = self.before(request, faults)
        if refusal is not None:
            return refusal
        with self.lock:
            signing_in = self.oauth.answer(request) if self.oauth else None
            response = signing_in or self.dispatch(request, faults)
        self.after()
        if faults.timeout_after_accept:
            response.wire = Wire.HOLD
        elif faults.drop_after_accept:
            response.wire = Wire.DROP
        elif faults.truncate:
            response.wire = Wire.TRUNCATE
        return response

    # The control interface. Raise ControlError for what makes no sense.

    def clear_faults(self) -> None:
        """Turn the dial to rest."""
        self.dial.set(RESTING)

    @abstractmethod
    def reset(self) -> None:
        """Back to the seed: members, dial and record."""

    @abstractmethod
    def audiences(self) -> list[Json]:
        """{id, name, double_opt_in, fields[], members (a count by status)} each."""

    @abstractmethod
    def members(self, email: str = "", audience: str = "") -> list[Json]:
        """{email, status, audience, audience_id, fields, tags, changed_at, ...}."""

    @abstractmethod
    def confirm(self, email: str, audience: str = "") -> list[Json]:
        """The person follows the link in the opt-in mail; the members changed."""

    @abstractmethod
    def unsubscribe(self, email: str, by: str, audience: str = "") -> list[Json]:
        """`by` is "person" or "admin"."""

    @abstractmethod
    def delete(self, email: str, permanent: bool, audience: str = "") -> list[Json]:
        """Archive, or erase for good."""

    @abstractmethod
    def clean(self, email: str, audience: str = "") -> list[Json]:
        """A hard bounce."""

    @abstractmethod
    def add_field(self, audience: str, field: Json) -> Json:
        """Add or change a field {tag, name, type, required, options}."""

    @abstractmethod
    def add_audience(self, name: str, double_optin: bool) -> Json:
        """A new, empty audience."""

    @abstractmethod
    def remove_audience(self, audience: str) -> None:
        """Delete an audience with all its members."""

    @abstractmethod
    def deliveries(self) -> list[Json]:
        """Webhook calls made, newest last: {at, url, type, email, status, error}."""


def _text(body: bytes) -> Any:
    text = body[: TEXT_LIMIT * 4].decode("utf-8", "replace")
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"
