"""A signed webhook: any HTTPS endpoint of the user's own.

Each call is POST of JSON {id, type, audience, options, contacts[]}. `type` is one of
ping, contact.upsert, contact.unsubscribe, contact.erase. `id`, also sent as
Idempotency-Key, and each contact's `id` stay the same when a delivery is repeated.

Contactsync-Signature is t=<unix seconds>,v1=<hex>, where v1 is HMAC-SHA256 with the
signing secret over "<t>.<body>". Receivers should refuse a t older than five minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from integrations.adapters.base import (
    Audience,
    Contact,
    Field,
    Options,
    Outcome,
    OutcomeState,
    Reading,
    Receipt,
    Resource,
    filled,
)
from integrations.adapters.declare import Credential
from integrations.adapters.each import tags_for
from integrations.adapters.errors import CredentialsError, SetupError
from integrations.adapters.http import Answer, HttpAdapter, to_json

AUDIENCE = "endpoint"


class Webhook(HttpAdapter):
    slug = "webhook"
    label = "Webhook"
    kind = "other"
    credentials = (
        Credential(
            name="url",
            label="Endpoint URL",
            help_text="An https:// address on the public internet.",
            placeholder="https://example.com/hooks/contacts",
        ),
        Credential(
            name="signing_secret",
            label="Signing secret",
            help_text="Any long random text; your endpoint checks signatures with it.",
        ),
    )
    audience_noun = "endpoint"
    opt_in = "endpoint"
    batch_size = 50
    concurrency = 4
    exit_effect = "The endpoint is told with a contact.unsubscribe event."
    glyph = "{}"
    docs_url = ""
    features = frozenset(
        {"tags", "double_opt_in", "update_existing", "reconfirm", "free_fields"}
    )
    guarded = True
    max_bytes = 1024 * 1024

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        base_url: str | None = None,
        allow_http: bool = False,
    ) -> None:
        """`allow_http` accepts an unencrypted endpoint; the address guard stays."""
        super().__init__(secrets, base_url=base_url)
        self.allow_http = allow_http or base_url is not None

    def _url(self) -> SplitResult:
        try:
            url = urlsplit(self.secrets.get("url", "").strip())
            host, _port = url.hostname, url.port
        except ValueError:
            raise SetupError("The endpoint is not a valid URL.") from None
        if not host or url.scheme not in ("https", "http"):
            raise SetupError("The endpoint must be a whole https:// URL.")
        if url.scheme == "http" and not self.allow_http:
            raise SetupError(
                "The endpoint must be https, so that nobody can listen in."
            )
        if url.username is not None or url.password is not None:
            raise SetupError(
                "The endpoint URL must not hold a user name or password: the signature "
                "proves who is calling."
            )
        return url

    @property
    def home(self) -> str:
        url = self._url()
        return f"{url.scheme}://{url.netloc}"

    def _path(self) -> str:
        url = self._url()
        return (url.path or "/") + (f"?{url.query}" if url.query else "")

    def more_secrets(self) -> list[str]:
        # Such URLs are often secrets themselves; the host may be shown.
        url = self._url()
        return [self._path(), url.path.strip("/"), url.query]

    def headers(self) -> dict[str, str]:
        return {}

    def _post(
        self, kind: str, contacts: Sequence[Mapping[str, object]], **more: object
    ) -> tuple[Answer, str]:
        """The 2xx answer and the event id. Raises AdapterError for any other."""
        secret = self.secrets.get("signing_secret", "").strip()
        if not secret:
            raise CredentialsError("A signing secret is needed.")
        event = _digest([kind, *(contact["id"] for contact in contacts)])
        body = to_json({"id": event, "type": kind, **more, "contacts": contacts})
        answer = self.send(
            "POST",
            self._path(),
            data=body,
            headers={
                "Idempotency-Key": event,
                "Contactsync-Signature": signature(secret, body, int(time.time())),
            },
        )
        if not 200 <= answer.status < 300:
            raise self.error_from(answer)
        return answer, event

    def verify(self) -> Reading:
        """Sends a signed ping event, which the endpoint must answer with 2xx."""
        answer, _event = self._post("ping", [])
        took = self.exchanges[-1].ms
        return Reading(
            identity=str(self._url().hostname),
            resources=(
                Resource(
                    name="events",
                    readable=None,
                    writable=True,
                    detail=f"The ping was answered with {answer.status} in {took} ms.",
                ),
            ),
        )

    def audiences(self) -> list[Audience]:
        return [Audience(id=AUDIENCE, label=str(self._url().hostname))]

    def fields(self, audience_id: str) -> list[Field]:
        """None are fixed: the mapping may name any field (feature free_fields)."""
        return []

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        if not contacts:
            return []
        rows = [_row(contact, options, audience_id) for contact in contacts]
        wishes = {
            "double_opt_in": options.double_opt_in,
            "update_existing": options.update_existing,
            "reconfirm": options.reconfirm,
        }
        self._post("contact.upsert", rows, audience=audience_id, options=wishes)
        return [
            Outcome(state=OutcomeState.SYNCED, remote_id=str(row["id"])) for row in rows
        ]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        if not emails:
            return []
        rows = [_person(email, "unsubscribe", audience_id) for email in emails]
        self._post("contact.unsubscribe", rows, audience=audience_id)
        return [Outcome(state=OutcomeState.SYNCED, remote_id=row["id"]) for row in rows]

    def erase(self, email: str) -> Receipt:
        self._post("contact.erase", [_person(email, "erase", "")])
        return Receipt(
            ok=True, note="The endpoint accepted the request; erasing is its duty."
        )


def signature(secret: str, body: bytes, at: int) -> str:
    """The value of Contactsync-Signature for `body` at unix time `at`."""
    signed = f"{at}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _digest(parts: object) -> str:
    return hashlib.sha256(to_json(parts)).hexdigest()[:32]


def _person(email: str, kind: str, audience_id: str) -> dict[str, str]:
    return {"id": _digest([kind, audience_id, email.lower()]), "email": email}


def _row(contact: Contact, options: Options, audience_id: str) -> dict[str, object]:
    at = contact.signed_up_at
    fields = filled(contact.fields)
    tags = tags_for(contact, options)
    values: dict[str, object] = {
        "email": contact.email,
        "fields": fields,
        "tags": tags,
        "ip": contact.ip,
        "signed_up_at": at.isoformat() if at else None,
    }
    stable = [audience_id, contact.email.lower(), sorted(fields.items()), tags]
    return {"id": _digest([*stable, values["signed_up_at"]]), **values}
