"""Drip, REST API v2 (https://developer.drip.com, read 2026-11-22).

People belong to an account and have one status there. They can be put on an email
series ("campaign"), whose own setting decides about confirming, or be given a tag,
which asks nobody. A write never holds a status, and `reactivate_if_removed` is always
false: its default would put somebody back who had left a campaign. Drip does not tell
when somebody left, so nobody who did is asked again.

Batches of 1,000 are answered without a word about single people, and could not tell who
had left, so each person is read and written on their own: some 1,200 an hour.

Lists have no documented order, so a walk of several pages does not claim to have shown
everybody.

Unverified: that a campaign's subscription is not active before it was confirmed; that
names and addresses are taken together with a campaign; complaints, which Drip shows in
webhooks only, are among the unsubscribed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Outcome,
    Page,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.calls import Sign, audience, sub_account
from integrations.adapters.declare import Credential, OAuth2, Rate, SubAccount
from integrations.adapters.either import EitherForm
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in
from integrations.adapters.shared import (
    expired,
    moment,
    parse_place,
    to_place,
)

EVERYBODY = "everybody"
PEOPLE = "/v2/{account}/subscribers"
CAMPAIGN_STATUSES = ("active", "unsubscribed", "removed")
CAMPAIGN = "/v2/{account}/campaigns/{id}"
# Event -> kind and status of the change; "" is the person's own.
EVENTS = {
    "subscriber.created": ("upsert", ""),
    "subscriber.updated_custom_field": ("upsert", ""),
    "subscriber.applied_tag": ("upsert", ""),
    "subscriber.subscribed_to_email_marketing": ("status", ""),
    "subscriber.reactivated": ("status", ""),
    "subscriber.subscribed_to_campaign": ("status", "subscribed"),
    "subscriber.unsubscribed_from_campaign": ("status", "unsubscribed"),
    "subscriber.removed_from_campaign": ("status", "unsubscribed"),
    "subscriber.unsubscribed_all": ("status", "unsubscribed"),
    "subscriber.marked_as_undeliverable": ("status", "bounced"),
    "subscriber.complained": ("status", "complained"),
    "subscriber.deleted": ("delete", "absent"),
}


class Drip(EitherForm):
    slug = "drip"
    label = "Drip"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API token",
            help_text="Drip: your name, User settings, API token.",
        ),
    )
    oauth = OAuth2(
        authorize_url="https://www.getdrip.com/oauth/authorize",
        token_url="https://www.getdrip.com/oauth/token",
        client_auth="body",
        refreshes=False,  # its access tokens do not expire
    )
    sub_account_noun = "account"
    audience_noun = "campaign or tag"
    field_noun = "custom field"
    opt_in = "list"
    asked_are_absent = True
    batch_size = 20
    rate = Rate(calls=3600, seconds=3600)
    notice = (
        "Drip allows 3,600 calls an hour, which is about 1,200 signups. Tags never ask "
        "people to confirm; campaigns do where they are set so."
    )
    exit_effect = (
        "Removed from the campaign, or from all of Drip's mail where people are put on "
        "a tag or among everybody."
    )
    glyph = "D"
    docs_url = "https://developer.drip.com/#authentication"
    features = frozenset({"tags", "update_existing"})
    home = "https://api.getdrip.com"

    key_header = ("Authorization", "Basic {api_key}:")

    signs = (  # the words are the codes of the errors
        Sign("email_error", RejectedError, Reason.ADDRESS_INVALID),
        Sign("uniqueness_error", RejectedError, Reason.DUPLICATE),
        Sign("(sms|time|format)_error", RejectedError, Reason.FIELD_TYPE),
    )

    size_param, page_size = "per_page", 1000
    place_param, first_place = "page", 1
    total_keys = ("meta", "total_count")

    me_path = "/v2/accounts/{account}"
    identity_keys, account_keys = ("primary_email", "name"), ("name",)
    audience_path = "/v2/{account}/campaigns"
    probed = (PEOPLE, audience_path)
    hook_path, hook_key = "/v2/{account}/webhooks", "webhooks"
    erasing = "Deleted from the Drip account."

    states = {
        **{"active": "subscribed", "unconfirmed": "pending"},
        **{"unsubscribed": "unsubscribed", "removed": "unsubscribed"},
        "undeliverable": "bounced",
    }
    time_keys = ("created_at",)
    tags_key = "tags"
    own_fields = (
        Field(id="first_name", label="First name", type="name"),
        Field(id="last_name", label="Last name", type="name"),
        Field(id="phone", label="Phone", type="phone"),
        Field(id="address1", label="Address"),
        Field(id="address2", label="Address, line 2"),
        Field(id="city", label="City"),
        Field(id="state", label="State"),
        Field(id="zip", label="Zip", type="zip"),
        Field(id="country", label="Country"),
    )
    custom_key, custom_prefix = "custom_fields", "custom_fields."

    known_as = "Already there"
    unknown_as = "Not in this Drip account."
    asked_as = "Drip asks them to confirm."

    def told(self, answer: Answer) -> str:
        return " ".join(str(row.get("code")) for row in self.faults(answer))

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        pages = int(row_in(body, "meta").get("total_pages") or 1)
        return place + 1 if place < pages else None

    def me(self) -> Row:
        [found] = rows_in(super().me(), "accounts")
        return found

    def sub_accounts(self) -> list[SubAccount]:
        rows = rows_in(self.fetch("GET", "/v2/accounts"), "accounts")
        return [sub_account(row, "name") for row in rows]

    def _person(self, id: str, action: str = "") -> str:
        """By id or address."""
        return self.at(f"{PEOPLE}/{{id}}{action}", "", id)

    def audiences(self) -> list[Audience]:
        """Ids are campaign:999, tag:VIP and everybody."""
        everybody = Audience(id=EVERYBODY, label="Everybody", double_opt_in=False)
        tags = [
            audience({"id": tag, "name": tag}, kind="tag", double_opt_in=False)
            for tag in self.fetch("GET", self.at("/v2/{account}/tags"))["tags"]
        ]
        return [everybody, *super().audiences(), *tags]

    def audience_of(self, row: Row) -> Audience:
        size, asks = row.get("active_subscriber_count"), row.get("double_optin")
        return audience(row, size, kind="campaign", double_opt_in=asks)

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields are text and belong to the account."""
        own = {field.id for field in self.own_fields}
        path = self.at("/v2/{account}/custom_field_identifiers")
        names = self.fetch("GET", path)["custom_field_identifiers"]
        custom = [name for name in names if name not in own]
        return [
            *self.own_fields,
            *(Field(id=f"{self.custom_prefix}{name}", label=name) for name in custom),
        ]

    def find_form(self, form: str, audience_id: str) -> Row | None:
        body = self.maybe(self._person(form))
        return rows_in(body, "subscribers")[0] if body is not None else None

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        """In the account, where they have left it, else on the campaign or tag."""
        known = super().standing(email, row, audience_id)
        kind, name = _target(audience_id)
        if row is None or known.status != "subscribed":
            return known
        if kind == "tag" and name not in row["tags"]:
            return replace(known, status="absent")
        if kind == "campaign":
            path = self._person(known.remote_id, "/campaign_subscriptions")
            found = rows_in(self.fetch("GET", path), "campaign_subscriptions")
            there = [row for row in found if id_in(row, "campaign_id") == name]
            status = self.states.get(id_in(there[-1], "status")) if there else "absent"
            return replace(known, status=status or "unknown")
        return known

    def put(self, write: Write) -> Outcome:
        kind, name = _target(write.audience_id)
        kept = id_in(write.row, "email") if write.row else write.email
        person: Row = {"email": kept}
        if write.fills:
            person |= self.record_of(write.contact)
            person |= filled({"ip_address": write.contact.ip})
        if tags := [*([name] if kind == "tag" else ()), *write.tags]:
            person["tags"] = list(dict.fromkeys(tags))
        path, asks = self.at(PEOPLE), write.known.status == "pending"
        if kind == "campaign" and write.known.status in ("absent", "unknown"):
            person["reactivate_if_removed"] = False
            path = self.people_path(write.audience_id)
            asks = self.asks(write.audience_id)
        body = self.fetch("POST", path, payload={"subscribers": [person]})
        [row] = rows_in(body, "subscribers")
        status = "pending" if asks else self.status_of(row, write.audience_id)
        now = replace(write.known, status=status, remote_id=str(row.get("id") or ""))
        return self.settled(now)

    def ready(self, audience_id: str) -> None:
        self.asks(audience_id)

    def mode_of(self, audience_id: str) -> bool:
        kind, name = _target(audience_id)
        if kind != "campaign":
            return False
        path = self.at(CAMPAIGN, "", name)
        [row] = rows_in(self.fetch("GET", path), "campaigns")
        return bool(row["double_optin"])

    def people_path(self, audience_id: str) -> str:
        kind, name = _target(audience_id)
        path = f"{CAMPAIGN}/subscribers" if kind == "campaign" else PEOPLE
        return self.at(path, "", name)

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Everybody of the audience; Drip does not tell what has changed."""
        turn, page, whole = parse_place(cursor, int, int, bool) or [0, 1, True]
        kind, name = _target(audience_id)
        statuses = CAMPAIGN_STATUSES if kind == "campaign" else ("all",)
        if not 0 <= turn < len(statuses) or page < 1:
            raise expired()
        tags = {"tags": name} if kind == "tag" else {}
        asked: Params = {"status": statuses[turn], **tags}
        rows, following = self.walk(cursor, self.people_path(audience_id), page, asked)
        whole = whole and page == 1 and not following
        gone = self.states[statuses[turn]] if turn else ""
        turn, page = (turn, following) if following else (turn + 1, 1)
        more = turn < len(statuses)
        return Page(
            changes=tuple(self.change(row, audience_id, status=gone) for row in rows),
            cursor=to_place(turn, page, whole) if more else "",
            complete=whole,
            more=more,
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        kind, name = _target(audience_id)
        action, params = "/unsubscribe_all", None
        if kind == "campaign":
            action, params = "/remove", {"campaign_id": name}

        def leave(form: str) -> str:
            body = self.fetch("POST", self._person(form, action), params=params)
            return id_in(rows_in(body, "subscribers")[0])

        return self.opting_out(emails, lambda email: self.in_each_form(email, leave))

    def erase(self, email: str) -> Receipt:
        return self.erase_forms(email, self._person)

    def hook(self, url: str, audience_id: str) -> Row:
        """For the whole account."""
        return {"webhooks": [{"post_url": url, "events": list(EVENTS)}]}

    def heard(self, event: Row) -> Iterator[Change]:
        name, data = str(event.get("event")), event.get("data")
        campaign = dig(data, "properties", "campaign_id")
        if name not in EVENTS or ("campaign" in name and not campaign):
            return
        kind, status = EVENTS[name]
        to, at = f"campaign:{campaign}" if campaign else "", event.get("occurred_at")
        row = row_in(data, "subscriber")
        yield self.change(row, to, kind, status=status, at=moment(at))


def _target(audience_id: str) -> tuple[str, str]:
    """Kind and id; raises TargetError unless it is one of ours."""
    kind, _, name = audience_id.partition(":")
    if audience_id == EVERYBODY or (kind in ("campaign", "tag") and name):
        return kind, name
    raise TargetError("Choose a campaign or a tag of Drip.")
