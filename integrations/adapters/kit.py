"""Kit, API v4 (https://developers.kit.com/api-reference, read 2026-11-22).

People belong to the account and have one state there; forms and tags are what they can
be put on. A form's own setting decides whether Kit asks for confirmation: so somebody
new is created inactive and added to the form, whose answer tells whether they are
active now. A tag asks nobody. Creating an address that is there changes name and fields
only, never the state; who cancelled, bounced or complained is put on nothing.

Custom fields that are not there are dropped without a word, so they are looked up
first. Lists lag behind by up to five minutes; answers to writes do not, so the state is
looked at once more in the first one.

Kit has no way to delete a person over the API.

Unverified: that a form without confirmation makes an inactive person active; whether
the answer to a new webhook endpoint wraps it in "webhook_endpoint" (both are read).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from integrations.adapters import consent
from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    Outcome,
    Page,
    Reading,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    key_of,
    not_there,
    probed,
    spellings,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import id_in, row_in, rows_in
from integrations.adapters.shared import (
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

PAGE = 1000
STATES = {
    **{"active": "subscribed", "inactive": "pending", "cancelled": "unsubscribed"},
    **{"bounced": "bounced", "complained": "complained"},
}
KINDS = {"form": "forms", "tag": "tags"}
EVENTS = {
    **{"subscriber.created": "upsert", "subscriber.subscribed_to_form": "upsert"},
    **{"subscriber.activated": "status", "subscriber.unsubscribed": "status"},
    **{"subscriber.bounced": "status", "subscriber.complained": "status"},
}
MAX_AGE = 300.0  # seconds a signed delivery stays good


class Kit(EachContact):
    slug = "kit"
    label = "Kit"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Kit: Settings, Developer, V4 keys.",
            placeholder="kit_...",
        ),
    )
    oauth = OAuth2(
        authorize_url="https://api.kit.com/v4/oauth/authorize",
        token_url="https://api.kit.com/v4/oauth/token",
        revoke_url="https://api.kit.com/v4/oauth/revoke",
        client_auth="body",
    )
    audience_noun = "form or tag"
    field_noun = "custom field"
    opt_in = "list"
    batch_size = 25
    rate = Rate(calls=120, seconds=60)
    notice = "Only forms can ask people to confirm; tags never do."
    exit_effect = "Unsubscribed in Kit, from everything."
    glyph = "Kt"
    docs_url = "https://help.kit.com/en/articles/9902901-kit-api-overview"
    features = frozenset({"tags", "update_existing"})
    home = "https://api.kit.com"

    def headers(self) -> dict[str, str]:
        if token := self.secrets.get("access_token", ""):
            return {"Authorization": f"Bearer {token}"}
        return {"X-Kit-Api-Key": self.secrets.get("api_key", "").strip()}

    def explain(self, answer: Answer) -> str:
        errors = answer.object().get("errors")
        words = errors if isinstance(errors, list) else [errors or ""]
        return self.safe(" ".join(str(word) for word in words))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, ScopeError) and "subscriber limit" in error.detail:
            return SetupError(error.detail, reason=Reason.QUOTA, status=403)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        invalid = "email" in error.detail.lower()
        return Reason.ADDRESS_INVALID if invalid else error.reason

    def verify(self) -> Reading:
        body = self.fetch("GET", "/v4/account")
        account = body.get("account") or {}
        user = body.get("user") or {}
        return Reading(
            identity=str(user.get("email") or account.get("primary_email_address")),
            account_name=str(account.get("name") or ""),
            resources=(
                self._probe("subscribers", "subscribers"),
                self._probe("forms", "forms"),
                self._probe("tags", "tags"),
                self._probe("custom fields", "custom_fields"),
            ),
        )

    def _probe(self, name: str, path: str) -> Resource:
        params: Params = {"per_page": 1, "include_total_count": "true"}

        def count() -> int | None:
            body = self.fetch("GET", f"/v4/{path}", params=params)
            return (body.get("pagination") or {}).get("total_count")

        return probed(name, count)

    def _all(self, name: str, **params: str | int) -> Iterator[dict[str, Any]]:
        def read(after: str) -> tuple[list[dict[str, Any]], str]:
            query = {"per_page": PAGE, **params, **({"after": after} if after else {})}
            body = self.fetch("GET", f"/v4/{name}", params=query)
            return rows_in(body, name), _next(body)

        return all_pages(read, "")

    def audiences(self) -> list[Audience]:
        """Ids are form:53 and tag:7."""
        return [
            Audience(
                id=f"{kind}:{row['id']}",
                label=f"{kind.capitalize()}: {row.get('name', '')}",
                size=row.get("subscriber_count"),
                double_opt_in=False if kind == "tag" else None,
            )
            for kind, name in KINDS.items()
            for row in self._all(name, include="subscriber_count")
        ]

    @cached_property
    def _custom(self) -> dict[str, str]:
        """Labels of the custom fields, by key."""
        rows = self._all("custom_fields")
        return {str(row["key"]): str(row.get("label", "")) for row in rows}

    def fields(self, audience_id: str) -> list[Field]:
        """All are text, and belong to the account."""
        return [
            Field(id="first_name", label="First name", type="name"),
            *(Field(id=key, label=label) for key, label in self._custom.items()),
        ]

    def _known(self, emails: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Who of them is in the account, by address."""
        found: dict[str, dict[str, Any]] = {}
        wanted = list(dict.fromkeys(s for email in emails for s in spellings(email)))
        for start in range(0, len(wanted), self.batch_size):
            part = ",".join(wanted[start : start + self.batch_size])
            for row in self._all("subscribers", status="all", email_address=part):
                found[key_of(id_in(row, "email_address"))] = row
        return found

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        """The state in the account; Kit does not tell who is on a form."""
        known = self._known(emails)
        return [_standing(email, known) for email in emails]

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        self._before = self._known([contact.email for contact in contacts])
        return super().upsert(contacts, audience_id, options)

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        known = _standing(contact.email, self._before)
        if refused := consent.left(known, self.label):
            return refused
        if known.remote_id and not options.update_existing:
            return existing(
                known.remote_id,
                "Already in this Kit account",
            )
        email = contact.email.strip()
        row: dict[str, Any] = {"email_address": email, **self._values(contact)}
        if not known.remote_id:
            row["state"] = "inactive" if _target(audience_id)[0] == "form" else "active"
        person = self.fetch("POST", "/v4/subscribers", payload=row)
        now = {key_of(email): row_in(person, "subscriber")}
        if refused := consent.left(_standing(email, now), self.label):
            return refused
        added = self.fetch(
            "POST", _people(audience_id), payload={"email_address": email}
        )

        def add(tag: str) -> None:
            path = _people(f"tag:{self._tag(tag)}")
            self.request("POST", path, payload={"email_address": email})

        lost = self.tag_each(tags_for(contact, options), add)
        id = now[key_of(email)].get("id")
        if id_in(row_in(added, "subscriber"), "state") == "inactive":
            return awaiting(id, f"Not confirmed in Kit yet. {lost}".strip())
        return synced(id, lost)

    def _values(self, contact: Contact) -> dict[str, Any]:
        values = {
            name: ", ".join(map(str, value))
            if isinstance(value, (list, tuple))
            else str(value)
            for name, value in filled(contact.fields).items()
        }
        row: dict[str, Any] = {}
        if "first_name" in values:
            row["first_name"] = values.pop("first_name")
        if gone := [name for name in values if name not in self._custom]:
            raise RejectedError(
                f"Kit has no custom field “{gone[0]}”.", reason=Reason.FIELD_TYPE
            )
        return row | ({"fields": values} if values else {})

    def _tag(self, name: str) -> str:
        """The id of a tag; asking for one that is there makes no second one."""
        if name not in self._tags:
            made = self.fetch("POST", "/v4/tags", payload={"name": name})
            self._tags[name] = id_in(row_in(made, "tag"))
        return self._tags[name]

    @cached_property
    def _tags(self) -> dict[str, str]:
        return {}

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Everybody on the form or tag; Kit does not tell what has changed there."""
        [after] = parse_place(cursor, str) or [""]
        params: dict[str, str | int] = {
            **{"status": "all", "per_page": PAGE},
            **({"after": after} if after else {}),
        }
        try:
            body = self.fetch("GET", _people(audience_id), params=params)
        except RejectedError as error:
            raise expired() if cursor else error from None
        after = _next(body)
        return Page(
            changes=tuple(
                _change(row, audience_id) for row in rows_in(body, "subscribers")
            ),
            cursor=to_place(after) if after else "",
            complete=True,
            more=bool(after),
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        known = self._known(emails)
        return self.each(emails, lambda email: self._leave(_standing(email, known)))

    def _leave(self, known: Subscription) -> Outcome:
        if not known.remote_id:
            detail = "Not in this Kit account."
            return not_there(detail)
        if known.status != "unsubscribed":
            with suppress(TargetError):
                self.request("POST", f"/v4/subscribers/{known.remote_id}/unsubscribe")
        return synced(known.remote_id)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For the whole account. Kit makes the secret, and shows it this once."""
        hook = {"url": url, "name": "contactsync", "events": list(EVENTS)}
        body = self.fetch("POST", "/v4/webhook_endpoints", payload=hook)
        made = body.get("webhook_endpoint", body)
        secret = id_in(made, "secret")
        self.conceal(secret)
        return {"webhook_id": id_in(made), "webhook_secret": secret}

    def webhook(self, request: Incoming) -> list[Change]:
        """X-Kit-Signature is t=<epoch second>,v1=<hex>: the HMAC-SHA256 of the time, a
        full stop and the body. There are two of v1 while the secret changes."""
        secret = self.secrets.get("webhook_secret", "").encode()
        header = request.headers.get("x-kit-signature", "")
        parts = [part.strip().partition("=") for part in header.split(",")]
        stamp = next((value for name, _, value in parts if name == "t"), "")
        body = f"{stamp}.".encode() + request.body
        signed = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        ours = [
            name == "v1" and hmac.compare_digest(signed, value.encode())
            for name, _, value in parts
        ]
        fresh = stamp.isdecimal() and abs(time.time() - int(stamp)) <= MAX_AGE
        if not (secret and fresh and any(ours)):
            raise CredentialsError("This webhook is not signed with our secret.")
        events = json_body(request)["events"]
        return [change for event in events for change in _heard(event)]


def _next(body: Mapping[str, Any]) -> str:
    pages = row_in(body, "pagination")
    return id_in(pages, "end_cursor") if pages["has_next_page"] else ""


def _target(audience_id: str) -> tuple[str, str]:
    """Kind and id; raises TargetError unless it is one of ours."""
    kind, _, id = audience_id.partition(":")
    if kind not in KINDS or not (id.isascii() and id.isdigit()):
        raise TargetError("Choose a form or a tag of Kit.")
    return kind, id


def _people(audience_id: str) -> str:
    kind, id = _target(audience_id)
    return f"/v4/{KINDS[kind]}/{id}/subscribers"


def _standing(email: str, known: Mapping[str, Mapping[str, Any]]) -> Subscription:
    row = known.get(key_of(email))
    if row is None:
        return Subscription(email=email, status="absent")
    return Subscription(
        email=email,
        status=STATES.get(id_in(row, "state"), "unknown"),
        remote_id=id_in(row),
        fields=_known_values(row),
    )


def _known_values(row: Mapping[str, Any]) -> dict[str, object]:
    return filled({"first_name": row.get("first_name"), **(row.get("fields") or {})})


def _change(
    row: Mapping[str, Any], audience_id: str, kind: str = "upsert", at: str = ""
) -> Change:
    return Change(
        email=row["email_address"].strip(),
        kind=kind,
        status=STATES.get(str(row.get("state")), "unknown"),
        fields=_known_values(row) if kind == "upsert" else {},
        at=moment(at or row.get("added_at") or row.get("created_at")),
        audience_id=audience_id,
    )


def _heard(event: Mapping[str, Any]) -> Iterator[Change]:
    if kind := EVENTS.get(str(event.get("type"))):
        data = event["data"]
        form = (data.get("form") or {}).get("id")
        yield _change(
            data["subscriber"],
            f"form:{form}" if form else "",
            kind,
            str(event.get("created") or ""),
        )
