"""The one place where adapters speak HTTP, and the one map from status to error."""

from __future__ import annotations

import ssl
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

from integrations.adapters.answer import Answer as Answer
from integrations.adapters.answer import retry_after as retry_after
from integrations.adapters.answer import to_json as to_json
from integrations.adapters.answer import wait_of
from integrations.adapters.base import OPERATIONS, Adapter, Exchange
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.guard import GuardedTransport
from integrations.adapters.redact import Redactor, mask_addresses
from integrations.adapters.shapes import within_reading

MAX_EXCHANGES = 100  # kept per adapter, newest last
MAX_DETAIL = 500  # characters of a provider's own words
CHUNK = 65_536

FORM = "application/x-www-form-urlencoded"
Params = Mapping[str, str | int]

# Shared by all adapters of the process: connections are kept, nothing else is.
OPEN = HTTPAdapter(pool_connections=32, pool_maxsize=16)
GUARDED = GuardedTransport(pool_connections=32, pool_maxsize=16)


class HttpAdapter(Adapter):
    """An adapter whose provider speaks HTTP with JSON."""

    connect_timeout: ClassVar[float] = 5.0  # seconds
    read_timeout: ClassVar[float] = 30.0  # seconds of silence
    total_timeout: ClassVar[float] = 90.0  # seconds until the body must be complete
    max_bytes: ClassVar[int] = 16 * 1024 * 1024  # of a decoded response body
    guarded: ClassVar[bool] = False  # the host is the user's choice
    reset_headers: ClassVar[tuple[str, ...]] = ()  # lower-case; see `wait_of`
    _elsewhere = ""

    def __init_subclass__(cls) -> None:
        """Every operation that the class defines runs inside `reading`."""
        super().__init_subclass__()
        for name in OPERATIONS:
            if name in vars(cls):
                setattr(cls, name, within_reading(vars(cls)[name]))

    @property
    @abstractmethod
    def home(self) -> str:
        """The provider's scheme and host, without final slash."""

    @property
    def base_url(self) -> str:
        """What the real paths are appended to: `home`, or what stands in for it."""
        return self.base_url_override or self._elsewhere or self.home

    def elsewhere(self, home: str) -> Self:
        """This adapter speaking to another host of the provider, scheme included."""
        other = copy(self)
        other._elsewhere = home
        return other

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Headers of every request: authorization and versions."""

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # no proxy, no .netrc from the environment
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        guarded = self.guarded and not self.base_url_override
        session.mount("https://", GUARDED if guarded else OPEN)
        session.mount("http://", GUARDED if guarded else OPEN)
        return session

    @cached_property
    def _redactor(self) -> Redactor:
        public = {c.name for c in self.credentials if not c.secret} | {"sub_account"}
        values = [v for k, v in self.secrets.items() if k not in public]
        authorization = self.headers().get("Authorization", "").split()
        return Redactor([*values, *authorization[1:], *self.more_secrets()])

    def more_secrets(self) -> list[str]:
        """Further texts, derived from the credentials, that must never be shown."""
        return []

    def conceal(self, secret: str) -> None:
        """Keep a secret that the provider has just made, such as a webhook's, out of
        what is stored and shown."""
        last = self.exchanges[-1]
        shown = Redactor([secret]).scrub(last.response)
        self.exchanges[-1] = replace(last, response=shown)

    def safe(self, text: str) -> str:
        """Somebody else's words as one short line without secrets."""
        line = " ".join(self._redactor.scrub(text).split())
        return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 1]}…"

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        payload: object | None = None,
        form: Params | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Parsed JSON of a 2xx answer, None when it has no body.

        `payload` is sent as JSON, `form` URL-encoded. One attempt. Raises AdapterError
        subclasses only.
        """
        data = None if payload is None else to_json(payload)
        if form is not None:
            data = urlencode(form).encode()
            headers = {"Content-Type": FORM, **(headers or {})}
        return self.parsed(
            self.send(method, path, params=params, data=data, headers=headers)
        )

    def fetch(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        payload: object | None = None,
        form: Params | None = None,
    ) -> dict[str, Any]:
        """`request` for an answer that must be a JSON object."""
        body = self.request(method, path, params=params, payload=payload, form=form)
        if not isinstance(body, dict):
            raise self._unreadable(None)
        return body

    def parsed(self, answer: Answer) -> Any:
        """What `request` makes of an answer."""
        if not 200 <= answer.status < 300:
            raise self.error_from(answer)
        if answer.status == 204 or not answer.body.strip():
            return None
        try:
            return answer.json()
        except ValueError:
            raise self._unreadable(answer.status) from None

    def _unreadable(self, status: int | None) -> TransientError:
        return TransientError(
            f"{self.label} sent an answer that cannot be read.", status=status
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Whatever the provider answers, recorded in `exchanges`.

        Raises TransientError or SetupError when there is no whole answer, and what
        `permit` raises before anything is sent.
        """
        shown = f"{path}?{urlencode(params)}" if params else path
        sent = {"User-Agent": "contactsync", "Accept": "application/json"}
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent |= self.headers() | dict(headers or {})
        left = self.permit()
        started = time.monotonic()
        status: int | None = None
        received = b""
        note = ""
        try:
            with self._open(method, path, params, data, sent, left) as response:
                status = response.status_code
                received = self._read(response, started, left)
                names = {k.lower(): v for k, v in response.headers.items()}
            return Answer(status=status, headers=names, body=received)
        except AdapterError as error:
            note = error.detail
            raise
        finally:
            self._record(method, shown, status, started, data, received, note)

    def _open(
        self,
        method: str,
        path: str,
        params: Params | None,
        data: bytes | None,
        headers: Mapping[str, str],
        left: float,
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                self.base_url + path,
                params=params,
                data=data,
                headers=headers,
                timeout=(self.connect_timeout, min(self.read_timeout, left)),
                allow_redirects=False,
                stream=True,
            )
        except requests.Timeout:
            raise self._too_slow() from None
        except requests.exceptions.SSLError as error:
            if _is_bad_certificate(error):
                raise SetupError(
                    f"{self.label}: the server's certificate is not valid for its "
                    "name, so nothing was sent.",
                    reason=Reason.NETWORK,
                ) from None
            raise self._unreachable() from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
            raise SetupError(f"{self.label}: the address is not a valid URL.") from None
        except requests.RequestException:
            raise self._unreachable() from None

    def _read(self, response: requests.Response, started: float, left: float) -> bytes:
        # read1 returns with what one read of the socket brought, so that a body
        # trickling in byte by byte still meets the time limit.
        body = bytearray()
        try:
            while chunk := response.raw.read1(CHUNK, decode_content=True):
                body += chunk
                if len(body) > self.max_bytes:
                    raise TransientError(
                        f"{self.label} sent an answer larger than "
                        f"{self.max_bytes:,} bytes; it was not read.",
                        status=response.status_code,
                    )
                if time.monotonic() - started > min(self.total_timeout, left):
                    raise self._too_slow()
        except ReadTimeoutError:
            raise self._too_slow() from None
        except (HTTPError, OSError):
            raise TransientError(
                f"The answer of {self.label} broke off.",
                reason=Reason.NETWORK,
                status=response.status_code,
            ) from None
        return bytes(body)

    def _too_slow(self) -> TransientError:
        return TransientError(
            f"{self.label} did not answer in time.", reason=Reason.TIMEOUT
        )

    def _unreachable(self) -> TransientError:
        return TransientError(
            f"{self.label} could not be reached.", reason=Reason.NETWORK
        )

    def _record(
        self,
        method: str,
        path: str,
        status: int | None,
        started: float,
        data: bytes | None,
        received: bytes,
        note: str,
    ) -> None:
        redact = self._redactor.body
        answer = received.decode("utf-8", "replace") or note
        self.exchanges.append(
            Exchange(
                method=method,
                path=redact(path),
                status=status,
                ms=round((time.monotonic() - started) * 1000),
                request=redact((data or b"").decode("utf-8", "replace")),
                response=redact(answer),
            )
        )
        del self.exchanges[:-MAX_EXCHANGES]

    def explain(self, answer: Answer) -> str:
        """The provider's own words about a refusal, "" when it has none."""
        try:
            body = answer.json()
        except ValueError:
            return ""
        if not isinstance(body, dict):
            return ""
        for name in ("detail", "message", "error_message", "error", "title"):
            if isinstance(body.get(name), str) and body[name].strip():
                return self.safe(body[name])
        return ""

    def error_from(self, answer: Answer) -> AdapterError:
        """What a status that is not 2xx means. Override only to refine."""
        status = answer.status
        words = self.explain(answer)
        detail = f"{self.label} answered {status}" + (f": {words}" if words else ".")
        masked = mask_addresses(detail)
        if status in (408, 425, 429) or status >= 500:
            return TransientError(
                masked,
                reason=_TRANSIENT_REASON.get(status, Reason.SERVER),
                status=status,
                retry_after=wait_of(answer, self.reset_headers),
            )
        if 300 <= status < 400:
            return self._redirected(status)
        if status == 401:
            return CredentialsError(masked, status=status)
        if status == 402:
            return SetupError(masked, reason=Reason.QUOTA, status=status)
        if status == 403:
            return ScopeError(masked, status=status)
        if status in (404, 410):
            return TargetError(masked, status=status)
        if 400 <= status < 500:
            reason = Reason.DUPLICATE if status == 409 else Reason.REFUSED
            return RejectedError(words or detail, reason=reason, status=status)
        return TransientError(masked, status=status)

    def _redirected(self, status: int) -> AdapterError:
        if status in (301, 308):
            return SetupError(
                f"{self.label} says its address has moved for good ({status}). "
                "Redirects are not followed: enter the new address.",
                reason=Reason.TARGET_MISSING,
                status=status,
            )
        return TransientError(
            f"{self.label} answered with a redirect ({status}), which is not followed.",
            status=status,
        )


_TRANSIENT_REASON = {
    408: Reason.TIMEOUT,
    425: Reason.RATE,
    429: Reason.RATE,
    504: Reason.TIMEOUT,
}


def _is_bad_certificate(error: BaseException, depth: int = 0) -> bool:
    # requests and urllib3 keep the cause now in args, now in reason.
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    near = (*error.args, getattr(error, "reason", None), error.__cause__)
    return depth < 6 and any(
        isinstance(item, BaseException) and _is_bad_certificate(item, depth + 1)
        for item in near
    )
