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

import time
from collections.abc import Iterator, Sequence
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
    Outcome,
    Subscription,
)
from integrations.adapters.calls import Place, Sign, audience
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
)
from integrations.adapters.http import Params
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, dig, id_in, row_in
from integrations.adapters.shared import (
    check_signed,
    moment,
)

KINDS = {"form": "forms", "tag": "tags"}
EVENTS = {
    **{"subscriber.created": "upsert", "subscriber.subscribed_to_form": "upsert"},
    **{"subscriber.activated": "status", "subscriber.unsubscribed": "status"},
    **{"subscriber.bounced": "status", "subscriber.complained": "status"},
}
MAX_AGE = 300.0  # seconds a signed delivery stays good


class Kit(Rest):
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

    key_header = ("X-Kit-Api-Key", "{api_key}")

    signs = (Sign("subscriber limit", SetupError, Reason.QUOTA, on=403),)
    reasons = (("email", Reason.ADDRESS_INVALID),)

    size_param, page_size, place_param = "per_page", 1000, "after"
    total_keys = ("pagination", "total_count")
    probe_params = {"include_total_count": "true"}

    me_path = "/v4/account"
    identity_keys = ("user.email", "account.primary_email_address")
    account_keys = ("account.name",)
    probed = ("/v4/subscribers", "/v4/forms", "/v4/tags", "/v4/custom_fields")

    email_key, state_key = "email_address", "state"
    states = {
        **{"active": "subscribed", "inactive": "pending", "cancelled": "unsubscribed"},
        **{"bounced": "bounced", "complained": "complained"},
    }
    time_keys = ("added_at", "created_at")
    own_fields = (Field(id="first_name", label="First name", type="name"),)
    field_path, field_keys = "/v4/custom_fields", ("key", "label", "")  # all are text
    custom_key, tags_cased = "fields", True

    look_up, search_size = "ahead", 25
    walk_params = {"status": "all"}

    hook_path, hook_key = "/v4/webhook_endpoints", "webhook_endpoint"
    events_key, makes_secret = "events", True

    known_as = "Already in this Kit account"
    unknown_as = "Not in this Kit account."
    asked_as = "Not confirmed in Kit yet."

    def following(self, body: Row, rows: list[Row], place: Any) -> Place:
        pages = row_in(body, "pagination")
        return id_in(pages, "end_cursor") if pages["has_next_page"] else ""

    def audiences(self) -> list[Audience]:
        """Ids are form:53 and tag:7."""
        sizes: Params = {"include": "subscriber_count"}
        return [
            audience(row, row.get("subscriber_count"), kind=kind, double_opt_in=asks)
            for kind, asks in (("form", None), ("tag", False))
            for row in self.rows(f"/v4/{KINDS[kind]}", sizes)
        ]

    @cached_property
    def _custom(self) -> set[str]:
        return {str(row["key"]) for row in self.rows(self.field_path)}

    def search(self, emails: Sequence[str], audience_id: str) -> Iterator[Row]:
        """Who of them is in the account; Kit does not tell who is on a form."""
        asked = {"status": "all", "email_address": ",".join(emails)}
        return self.rows("/v4/subscribers", asked)

    def put(self, write: Write) -> Outcome:
        people = self.people_path(write.audience_id)
        address = {"email_address": write.email}
        person = {**address, **self.record_of(write.contact)}
        if not write.row:
            form = _target(write.audience_id)[0] == "form"
            person["state"] = "inactive" if form else "active"
        made = self.fetch("POST", "/v4/subscribers", payload=person)
        row = row_in(made, "subscriber")
        now = self.standing(write.email, row, write.audience_id)
        if refused := consent.left(now, self.label):
            return refused
        added = self.fetch("POST", people, payload=address)

        def add(tag: str) -> None:
            tagged = self.people_path(f"tag:{self.tag_id(tag)}")
            self.request("POST", tagged, payload=address)

        lost = self.tag_each(write.tags, add)
        row["state"] = id_in(row_in(added, "subscriber"), "state")
        return self.settled(self.standing(write.email, row, write.audience_id), lost)

    def record_of(self, contact: Contact) -> Row:
        record = super().record_of(contact)
        custom = record.get(self.custom_key, {})
        if gone := [name for name in custom if name not in self._custom]:
            raise RejectedError(
                f"Kit has no custom field “{gone[0]}”.", reason=Reason.FIELD_TYPE
            )
        return record

    def tag_named(self, name: str) -> str:
        """Asking for one that is there makes no second one."""
        made = self.fetch("POST", "/v4/tags", payload={"name": name})
        return id_in(row_in(made, "tag"))

    def leave(self, known: Subscription, audience_id: str) -> None:
        with suppress(TargetError):  # deleted meanwhile
            self.request("POST", f"/v4/subscribers/{known.remote_id}/unsubscribe")

    def hook(self, url: str, audience_id: str) -> Row:
        """For the whole account. Only the app that made it may remove it."""
        return {"url": url, "name": "contactsync", "events": list(EVENTS)}

    def check_hook(self, request: Incoming) -> None:
        """X-Kit-Signature is t=<epoch second>,v1=<hex>, made of the time, a full stop
        and the body. There are two of v1 while the secret changes."""
        header = request.headers.get("x-kit-signature", "")
        parts = [part.strip().partition("=") for part in header.split(",")]
        stamp = next((value for name, _, value in parts if name == "t"), "")
        given = [value for name, _, value in parts if name == "v1"]
        check_signed(self.secrets, f"{stamp}.".encode() + request.body, *given)
        if not stamp.isdecimal() or abs(time.time() - int(stamp)) > MAX_AGE:
            raise CredentialsError("This webhook was signed too long ago.")

    def heard(self, event: Row) -> Iterator[Change]:
        if kind := EVENTS.get(str(event.get("type"))):
            form = dig(event["data"], "form", "id")
            to, at = f"form:{form}" if form else "", moment(event.get("created"))
            yield self.change(event["data"]["subscriber"], to, kind, at=at)

    def people_path(self, audience_id: str) -> str:
        """Everybody on a form or tag; Kit does not tell what has changed there."""
        kind, id = _target(audience_id)
        return f"/v4/{KINDS[kind]}/{id}/subscribers"


def _target(audience_id: str) -> tuple[str, str]:
    """Kind and id; raises TargetError unless it is one of ours."""
    kind, _, id = audience_id.partition(":")
    if kind not in KINDS or not (id.isascii() and id.isdigit()):
        raise TargetError("Choose a form or a tag of Kit.")
    return kind, id
