"""AWeber, API 1.0 (https://api.aweber.com, read 2026-11-22).

People exist per list and are subscribed, unconfirmed or unsubscribed there; the list
decides about confirming, which the API does not tell beforehand. An update is a PATCH
without status. Setting the status is the only way back for somebody who left, and it
asks nobody, so it is never done. PATCH empties custom fields that are left out, so
those there are sent along.

AWeber's limit is a 403 with the words "Rate Limit Error", and means a minute's wait.
Its terms forbid adding people in bulk over the API.

Unverified: the words about a refused role address ("Email address blocked", by users'
reports); complaints, which the API does not name, are among the unsubscribed; whether
`list` in a webhook is the id the API uses (the link beside it is read).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

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
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.declare import OAuth2, Rate, SubAccount
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    key_of,
    not_there,
    probed,
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
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import id_in, rows_in
from integrations.adapters.shared import (
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

PAGE = 100  # the API's maximum
STEP_BACK = 10  # rows read again, because others may be deleted meanwhile
CUSTOM = "custom:"  # before a custom field's name, apart from AWeber's own fields
OWN = {"name": "Name", "ad_tracking": "Ad tracking", "misc_notes": "Notes"}
PERSON = re.compile(r"/1\.0/accounts/\d+/lists/\d+/subscribers/\d+")
STATUS = {
    "subscribed": "subscribed",
    "unconfirmed": "pending",
    "unsubscribed": "unsubscribed",
    "deleted": "absent",
}


class AWeber(EachContact):
    slug = "aweber"
    label = "AWeber"
    kind = "esp"
    oauth = OAuth2(
        authorize_url="https://auth.aweber.com/oauth2/authorize",
        token_url="https://auth.aweber.com/oauth2/token",
        scopes=("account.read", "list.read", "subscriber.read", "subscriber.write"),
        pkce=False,  # refused for apps with a secret
    )
    sub_account_noun = "account"
    field_noun = "custom field"
    opt_in = "list"
    batch_size = 20
    rate = Rate(calls=120, seconds=60)
    notice = (
        "AWeber refuses role addresses such as info@ over its API, and its terms "
        "forbid adding whole lists of people that way."
    )
    exit_effect = "Unsubscribed from the list."
    glyph = "AW"
    docs_url = "https://help.aweber.com/hc/en-us/sections/360000617213-API"
    features = frozenset({"tags", "update_existing"})
    home = "https://api.aweber.com"

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets.get('access_token', '')}"}

    def explain(self, answer: Answer) -> str:
        error = answer.object().get("error")
        words = error.get("message") if isinstance(error, dict) else error
        return self.safe(str(words or ""))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, ScopeError):
            words = error.detail.lower()
            if "rate limit" in words:
                return TransientError(
                    error.detail, reason=Reason.RATE, status=403, retry_after=60.0
                )
            if "subscriber limit" in words:
                return SetupError(error.detail, reason=Reason.QUOTA, status=403)
            if "email address" in words:
                return RejectedError(error.detail, status=403)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        words = error.detail.lower()
        if "already subscribed" in words:
            return Reason.DUPLICATE
        if "blocked" in words or "role" in words:
            return Reason.ADDRESS_ROLE
        if "custom" in words:
            return Reason.FIELD_TYPE
        return Reason.ADDRESS_INVALID if "email" in words else error.reason

    def verify(self) -> Reading:
        account = f"/1.0/accounts/{self._account()}"
        details = self.fetch("GET", account)
        lists = self._probe("lists", f"{account}/lists")
        return Reading(
            identity=str(details.get("company") or f"Account {details.get('id')}"),
            account_name=str(details.get("company") or ""),
            resources=(lists,),
        )

    def _probe(self, name: str, path: str) -> Resource:
        def count() -> int | None:
            body = self.fetch("GET", path, params={"ws.size": 1})
            return body.get("total_size")

        return probed(name, count)

    def sub_accounts(self) -> list[SubAccount]:
        return [
            SubAccount(id=str(row["id"]), label=str(row.get("company") or row["id"]))
            for row in self._all("/1.0/accounts")
        ]

    def _account(self) -> str:
        """The chosen account, or the only one."""
        chosen = self.secrets.get("sub_account", "")
        if not chosen:
            found = self.sub_accounts()
            if len(found) != 1:
                raise SetupError("Choose which AWeber account is used.")
            chosen = self.secrets["sub_account"] = found[0].id
        return quote(chosen, safe="")

    def _list(self, audience_id: str) -> str:
        return f"/1.0/accounts/{self._account()}/lists/{quote(audience_id, safe='')}"

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        def read(start: int) -> tuple[list[dict[str, Any]], int | None]:
            params: Params = {"ws.start": start, "ws.size": PAGE}
            body = self.fetch("GET", path, params=params)
            more = body.get("next_collection_link")
            return rows_in(body, "entries"), start + PAGE if more else None

        return all_pages(read, 0)

    def audiences(self) -> list[Audience]:
        return [
            Audience(
                id=str(row["id"]),
                label=str(row.get("name", "")),
                size=row.get("total_subscribed_subscribers"),
            )
            for row in self._all(f"/1.0/accounts/{self._account()}/lists")
        ]

    def fields(self, audience_id: str) -> list[Field]:
        """All are text. Custom fields belong to the list, known by their name."""
        return [
            *(
                Field(id=id, label=label, type="name" if id == "name" else "text")
                for id, label in OWN.items()
            ),
            *(
                Field(id=f"{CUSTOM}{row['name']}", label=str(row["name"]))
                for row in self._all(f"{self._list(audience_id)}/custom_fields")
            ),
        ]

    def _find(self, email: str, audience_id: str) -> dict[str, Any] | None:
        params: Params = {"ws.op": "find", "email": email.strip()}
        path = f"{self._list(audience_id)}/subscribers"
        for row in rows_in(self.fetch("GET", path, params=params), "entries"):
            if key_of(id_in(row, "email")) == key_of(email):
                return row
        return None

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        row = self._find(contact.email, audience_id)
        known = _standing(contact.email, row)
        if refused := consent.left(known, self.label):
            return refused
        if row is not None and not options.update_existing:
            return existing(known.remote_id)
        values = _values(contact, row or {})
        tags = tags_for(contact, options)
        path = f"{self._list(audience_id)}/subscribers"
        if row is None:
            new = {"email": contact.email.strip(), **values, **_origin(contact)}
            new |= {"tags": tags} if tags else {}
            self.request("POST", path, payload=new)
            row = self._find(contact.email, audience_id)
            if row is None:
                raise TransientError(
                    "AWeber took the contact and does not show it yet."
                )
        elif values or tags:
            changed = values | ({"tags": {"add": tags}} if tags else {})
            try:
                self.request("PATCH", f"{path}/{known.remote_id}", payload=changed)
            except TargetError:
                raise TransientError("Deleted in AWeber just now.") from None
        known = _standing(contact.email, row)
        if known.status == "pending":
            return awaiting(known.remote_id, "AWeber asks them to confirm.")
        return consent.left(known, self.label) or synced(known.remote_id)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [_standing(email, self._find(email, audience_id)) for email in emails]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """All of the list, oldest first; AWeber does not tell what has changed."""
        [start] = parse_place(cursor, int) or [0]
        if start < 0:
            raise expired()
        params: Params = {"ws.start": start, "ws.size": PAGE}
        path = f"{self._list(audience_id)}/subscribers"
        try:
            body = self.fetch("GET", path, params=params)
        except RejectedError as error:
            raise expired() if cursor else error from None
        more = bool(body.get("next_collection_link"))
        return Page(
            changes=tuple(
                _change(row, "upsert", audience_id) for row in rows_in(body, "entries")
            ),
            cursor=to_place(start + PAGE - STEP_BACK) if more else "",
            complete=True,
            more=more,
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, lambda email: self._unsubscribe(email, audience_id))

    def _unsubscribe(self, email: str, audience_id: str) -> Outcome:
        row = self._find(email, audience_id)
        if row is None:
            return not_there("Not on this list.")
        if row.get("status") != "unsubscribed":
            path = f"{self._list(audience_id)}/subscribers/{row.get('id')}"
            with suppress(TargetError):
                self.request("PATCH", path, payload={"status": "unsubscribed"})
        return synced(row.get("id"))

    def erase(self, email: str) -> Receipt:
        """Deletes from every list; AWeber drops what the person opened and clicked."""
        params: Params = {"ws.op": "findSubscribers", "email": email.strip()}
        body = self.fetch("GET", f"/1.0/accounts/{self._account()}", params=params)
        erased = 0
        for row in rows_in(body, "entries"):
            path = urlsplit(str(row.get("self_link"))).path
            same = key_of(str(row.get("email", ""))) == key_of(email)
            if same and PERSON.fullmatch(path):
                with suppress(TargetError):
                    self.request("DELETE", path)
                erased += 1
        if not erased:
            return Receipt(ok=True, note="AWeber did not hold this address.")
        return Receipt(ok=True, note=f"Deleted from {erased} lists, with its history.")

    def webhook(self, request: Incoming) -> list[Change]:
        """AWeber-Signature is sha256= and the hex HMAC of the body, made with the
        client secret of the app, which is the linked account's `webhook_secret`."""
        secret = self.secrets.get("webhook_secret", "").encode()
        signed = hmac.new(secret, request.body, hashlib.sha256).hexdigest()
        given = request.headers.get("aweber-signature", "").encode()
        if not secret or not hmac.compare_digest(f"sha256={signed}".encode(), given):
            raise CredentialsError("This webhook is not signed with our secret.")
        body = json_body(request)
        events = body.get("data") if isinstance(body, dict) else None
        return [change for event in events or () for change in _heard(event)]


def _standing(email: str, row: Mapping[str, Any] | None) -> Subscription:
    if row is None:
        return Subscription(email=email, status="absent")
    return Subscription(
        email=email,
        status=_status(row),
        changed_at=moment(row.get("unsubscribed_at") or row.get("subscribed_at")),
        remote_id=id_in(row),
        fields=_known(row),
        tags=_tags(row),
    )


def _known(row: Mapping[str, Any]) -> dict[str, object]:
    """A subscriber's values by our field ids, blank ones left out."""
    custom = row.get("custom_fields") or {}
    values = {name: row.get(name) for name in OWN}
    return filled(values | {f"{CUSTOM}{name}": custom[name] for name in custom})


def _tags(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(tag) for tag in row.get("tags") or ())


def _status(row: Mapping[str, Any]) -> str:
    status = STATUS.get(row["status"].lower(), "unknown")
    undeliverable = row.get("unsubscribe_method") == "undeliverable"
    return "bounced" if status == "unsubscribed" and undeliverable else status


def _values(contact: Contact, row: Mapping[str, Any]) -> dict[str, object]:
    """What is to be written of a contact's values, over those already there."""
    values: dict[str, object] = {}
    custom = {}
    for name, value in filled(contact.fields).items():
        items = value if isinstance(value, (list, tuple)) else [value]
        text = ", ".join(
            str(v).lower() if isinstance(v, bool) else str(v) for v in items
        )
        if name.startswith(CUSTOM):
            custom[name.removeprefix(CUSTOM)] = text
        else:
            values[name] = text
    if custom:
        values["custom_fields"] = {**filled(row.get("custom_fields") or {}), **custom}
        values["strict_custom_fields"] = "true"  # an unknown field is a refusal
    return values


def _origin(contact: Contact) -> dict[str, str]:
    """The address of the signup, where AWeber takes it: IPv4, not private."""
    with suppress(ValueError):
        address = ip_address(contact.ip)
        if address.version == 4 and address.is_global:
            return {"ip_address": contact.ip}
    return {}


def _change(row: Mapping[str, Any], kind: str, audience_id: str) -> Change:
    return Change(
        email=row["email"].strip(),
        kind=kind,
        status=_status(row),
        fields=_known(row) if kind == "upsert" else {},
        tags=_tags(row),
        at=moment(row.get("unsubscribed_at") or row.get("subscribed_at")),
        audience_id=audience_id,
    )


def _heard(event: Any) -> Iterator[Change]:
    row = event.get("payload") if isinstance(event, dict) else None
    name = str(event.get("event", "")) if isinstance(event, dict) else ""
    if isinstance(row, dict) and row.get("email") and name.startswith("subscriber."):
        kind = "status" if name == "subscriber.unsubscribed" else "upsert"
        link = str((row.get("links") or {}).get("list") or "")
        yield _change(row, kind, link.rstrip("/").rpartition("/")[2])
