"""A provider's token endpoint, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from integrations.adapters.answer import Answer, wait_of
from integrations.adapters.base import (
    Adapter,
    Audience,
    Contact,
    Options,
    Outcome,
    Reading,
)
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    NotSupported,
    Reason,
    SetupError,
    TransientError,
)
from integrations.adapters.http import FORM, HttpAdapter

# RFC 6749 5.2: not the person's grant but our app is refused.
APP_REFUSED = {"invalid_client", "unauthorized_client"}
# RFC 6749 4.1.2.1 and RFC 8628 3.5; some endpoints use them with status 400.
LATER = {"temporarily_unavailable", "server_error", "slow_down", "rate_limit_exceeded"}


def unreadable(label: str) -> TransientError:
    return TransientError(
        f"{label} sent an answer without an access token.", reason=Reason.AUTH_TRANSIENT
    )


class TokenEndpoint(HttpAdapter):
    """One call with the adapters' limits: no redirect, no long wait, no huge answer.

    It is thrown away after the call, and what it noted down with it.
    """

    slug = "oauth"
    label = "The provider"
    kind = "other"
    read_timeout = 15.0
    total_timeout = 20.0
    max_bytes = 256 * 1024

    def __init__(
        self,
        adapter: type[Adapter],
        url: str,
        *,
        secrets: Mapping[str, str],
        guarded: bool,
    ) -> None:
        super().__init__(secrets)
        self.url = urlsplit(url)
        vars(self).update(label=adapter.label, guarded=guarded)

    @property
    def home(self) -> str:
        return f"{self.url.scheme}://{self.url.netloc}"

    def headers(self) -> dict[str, str]:
        return {}

    def ask(
        self, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """The endpoint's answer. Raises AdapterError: CredentialsError when the grant
        is no good (any more), TransientError when it may be at another time."""
        path = self.url.path + (f"?{self.url.query}" if self.url.query else "")
        try:
            body = self.request("POST", path, form=form, headers=headers)
        except TransientError as error:
            raise TransientError(
                error.detail,
                reason=Reason.AUTH_TRANSIENT,
                status=error.status,
                retry_after=error.retry_after,
            ) from None
        if not isinstance(body, dict):
            raise unreadable(self.label)
        if body.get("error"):  # some answer 200 with the error of a 400
            raise self.refusal(200, str(body["error"]), self.words_of(body), None)
        return body

    def tell(self, form: Mapping[str, str], headers: Mapping[str, str]) -> None:
        """Post what the status alone answers. Raises AdapterError."""
        data = urlencode(form).encode()
        sent = {"Content-Type": FORM, **headers}
        answer = self.send("POST", self.url.path, data=data, headers=sent)
        if not 200 <= answer.status < 300:
            raise self.error_from(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        if not 400 <= answer.status < 500 or answer.status in (408, 425, 429):
            return super().error_from(answer)
        body = answer.object()
        code = str(body.get("error", ""))
        words = self.words_of(body)
        return self.refusal(answer.status, code, words, wait_of(answer))

    def refusal(
        self, status: int, code: str, words: str, wait: float | None
    ) -> AdapterError:
        detail = f"{self.label} answered {status}: {words or self.safe(code)}"
        if code in LATER or "too many" in words.lower():
            return TransientError(
                detail, reason=Reason.AUTH_TRANSIENT, status=status, retry_after=wait
            )
        if code in APP_REFUSED or (status == 401 and not code):
            return SetupError(
                f"{detail} This installation's app is not accepted: its administrator "
                "has to check CONTACTSYNC_OAUTH.",
                reason=Reason.AUTH_REVOKED,
                status=status,
            )
        return CredentialsError(detail, status=status)

    def words_of(self, body: Mapping[str, Any]) -> str:
        """The provider's own sentence, or at least its code."""
        for name in ("error_description", "message", "status", "error"):
            if isinstance(body.get(name), str) and body[name].strip():
                return self.safe(body[name])
        return ""

    def verify(self) -> Reading:
        raise NotSupported("verify")

    def audiences(self) -> list[Audience]:
        raise NotSupported("audiences")

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        raise NotSupported("upsert")
