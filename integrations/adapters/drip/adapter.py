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

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

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
)
from integrations.adapters.declare import Credential, OAuth2, Rate, SubAccount
from integrations.adapters.drip.wire import (
    ADDRESS,
    CODES,
    CUSTOM,
    EVENTS,
    EVERYBODY,
    NAMES,
    STATUS,
    TYPES,
    change_of,
    errors_of,
    known_of,
    pages_of,
    status_of,
    tags_of,
    target_of,
    values_of,
)
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    not_there,
    probed,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    RejectedError,
    SetupError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import id_in, rows_in
from integrations.adapters.shared import (
    basic,
    check_secret_url,
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

PAGE = 1000


class Drip(EachContact):
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

    def headers(self) -> dict[str, str]:
        if token := self.secrets.get("access_token", ""):
            return {"Authorization": f"Bearer {token}"}
        key = self.secrets.get("api_key", "").strip()
        return basic(key)

    def explain(self, answer: Answer) -> str:
        words = [
            str(row.get("message") or row.get("code")) for row in errors_of(answer)
        ]
        return self.safe(" ".join(words)) or super().explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, RejectedError):
            codes = [str(row.get("code")) for row in errors_of(answer)]
            known = [CODES[code] for code in codes if code in CODES]
            error.reason = known[0] if known else error.reason
        return error

    def verify(self) -> Reading:
        path = self._path()
        account = rows_in(
            self.fetch("GET", f"/v2/accounts/{self._account()}"), "accounts"
        )
        resources = (
            self._probe("subscribers", f"{path}/subscribers"),
            self._probe("campaigns", f"{path}/campaigns"),
        )
        return Reading(
            identity=str(account[0].get("primary_email") or account[0].get("name")),
            account_name=str(account[0].get("name") or ""),
            resources=resources,
        )

    def _probe(self, name: str, path: str) -> Resource:
        def count() -> int | None:
            body = self.fetch("GET", path, params={"per_page": 1})
            return (body.get("meta") or {}).get("total_count")

        return probed(name, count)

    def sub_accounts(self) -> list[SubAccount]:
        rows = rows_in(self.fetch("GET", "/v2/accounts"), "accounts")
        return [
            SubAccount(id=id_in(row), label=str(row.get("name") or row["id"]))
            for row in rows
        ]

    def _account(self) -> str:
        """The chosen account, or the only one."""
        chosen = self.secrets.get("sub_account", "")
        if not chosen:
            found = self.sub_accounts()
            if len(found) != 1:
                raise SetupError("Choose which Drip account is used.")
            chosen = self.secrets["sub_account"] = found[0].id
        return quote(chosen, safe="")

    def _path(self) -> str:
        return f"/v2/{self._account()}"

    def _person(self, email: str) -> str:
        return f"{self._path()}/subscribers/{quote(email.strip(), safe='')}"

    def audiences(self) -> list[Audience]:
        """Ids are campaign:999, tag:VIP and everybody."""

        def read(page: int) -> tuple[list[dict[str, Any]], int | None]:
            params: Params = {"page": page, "per_page": PAGE}
            body = self.fetch("GET", f"{self._path()}/campaigns", params=params)
            more = page < pages_of(body)
            return rows_in(body, "campaigns"), page + 1 if more else None

        found = [Audience(id=EVERYBODY, label="Everybody", double_opt_in=False)]
        found += [
            Audience(
                id=f"campaign:{id_in(row)}",
                label=f"Campaign: {row.get('name', '')}",
                size=row.get("active_subscriber_count"),
                double_opt_in=row.get("double_optin"),
            )
            for row in all_pages(read, 1)
        ]
        tags = self.fetch("GET", f"{self._path()}/tags")["tags"]
        return found + [
            Audience(id=f"tag:{tag}", label=f"Tag: {tag}", double_opt_in=False)
            for tag in map(str, tags)
        ]

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields are text and belong to the account."""
        body = self.fetch("GET", f"{self._path()}/custom_field_identifiers")
        return [
            *(
                Field(id=id, label=label, type=TYPES.get(id, "text"))
                for id, label in {**NAMES, **ADDRESS}.items()
            ),
            *(
                Field(id=f"{CUSTOM}{name}", label=str(name))
                for name in body["custom_field_identifiers"]
                if name not in NAMES and name not in ADDRESS
            ),
        ]

    def _find(self, email: str) -> dict[str, Any] | None:
        try:
            body = self.fetch("GET", self._person(email))
        except TargetError:
            return None
        [row] = rows_in(body, "subscribers")
        return row

    def _standing(
        self, email: str, person: Mapping[str, Any] | None, audience_id: str
    ) -> Subscription:
        """In the account, where they have left it, else on the campaign or tag."""
        if person is None:
            return Subscription(email=email, status="absent")
        id = id_in(person)
        status = STATUS.get(id_in(person, "status"), "unknown")
        kind, name = target_of(audience_id)
        if status == "subscribed" and kind == "tag" and name not in person["tags"]:
            status = "absent"
        elif status == "subscribed" and kind == "campaign":
            path = f"{self._path()}/subscribers/{quote(id, safe='')}"
            body = self.fetch("GET", f"{path}/campaign_subscriptions")
            there = [
                STATUS.get(id_in(row, "status"), "unknown")
                for row in rows_in(body, "campaign_subscriptions")
                if id_in(row, "campaign_id") == name
            ]
            status = there[-1] if there else "absent"
        return Subscription(
            email=email,
            status=status,
            remote_id=id,
            fields=known_of(person),
            tags=tags_of(person),
        )

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [
            self._standing(email, self._find(email), audience_id) for email in emails
        ]

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        kind, name = target_of(audience_id)
        asks = kind == "campaign" and self._asks(name)
        person = self._find(contact.email)
        known = self._standing(contact.email, person, audience_id)
        if refused := consent.left(known, self.label):
            return refused
        on_it = known.status not in ("absent", "unknown")
        if on_it and not options.update_existing:
            return existing(
                known.remote_id,
                "Already there",
            )
        row: dict[str, Any] = {"email": contact.email.strip()}
        tags = [*([name] if kind == "tag" else ()), *options.tags, *contact.tags]
        if person is None or options.update_existing:
            row |= values_of(contact)
        row |= {"tags": list(dict.fromkeys(tags))} if tags else {}
        if kind == "campaign" and not on_it:
            row["reactivate_if_removed"] = False
            path = f"{self._path()}/campaigns/{quote(name, safe='')}/subscribers"
        else:
            path = f"{self._path()}/subscribers"
        body = self.fetch("POST", path, payload={"subscribers": [row]})
        [written] = rows_in(body, "subscribers")
        if known.status == "pending" or (asks and not on_it):
            return awaiting(written.get("id"), "Drip asks them to confirm.")
        now = Subscription(email=contact.email, status=status_of(written))
        return consent.left(now, self.label) or synced(written.get("id"))

    def _asks(self, campaign: str) -> bool:
        """Whether the campaign asks people to confirm. Also finds out if it is gone."""
        if campaign not in self._campaigns:
            path = f"{self._path()}/campaigns/{quote(campaign, safe='')}"
            [row] = rows_in(self.fetch("GET", path), "campaigns")
            self._campaigns[campaign] = bool(row["double_optin"])
        return self._campaigns[campaign]

    @cached_property
    def _campaigns(self) -> dict[str, bool]:
        return {}

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Everybody of the audience; Drip does not tell what has changed."""
        turn, page, whole = parse_place(cursor, int, int, bool) or [0, 1, True]
        kind, name = target_of(audience_id)
        path, statuses = f"{self._path()}/subscribers", ["all"]
        if kind == "campaign":
            path = f"{self._path()}/campaigns/{quote(name, safe='')}/subscribers"
            statuses = ["active", "unsubscribed", "removed"]
        if not 0 <= turn < len(statuses) or page < 1:
            raise expired()
        params: dict[str, str | int] = {
            **{"status": statuses[turn], "page": page, "per_page": PAGE},
            **({"tags": name} if kind == "tag" else {}),
        }
        body = self.fetch("GET", path, params=params)
        pages = pages_of(body)
        whole = whole and pages <= 1
        gone = STATUS.get(statuses[turn], "") if turn else ""
        changes = tuple(
            change_of(row, "upsert", gone, audience_id)
            for row in rows_in(body, "subscribers")
        )
        turn, page = (turn, page + 1) if page < pages else (turn + 1, 1)
        more = turn < len(statuses)
        return Page(
            changes=changes,
            cursor=to_place(turn, page, whole) if more else "",
            complete=whole,
            more=more,
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, lambda email: self._leave(email, audience_id))

    def _leave(self, email: str, audience_id: str) -> Outcome:
        kind, name = target_of(audience_id)
        path, params = f"{self._person(email)}/unsubscribe_all", None
        if kind == "campaign":
            path, params = f"{self._person(email)}/remove", {"campaign_id": name}
        try:
            body = self.fetch("POST", path, params=params)
        except TargetError:
            detail = "Not in this Drip account."
            return not_there(detail)
        return synced(rows_in(body, "subscribers")[0].get("id"))

    def erase(self, email: str) -> Receipt:
        try:
            self.request("DELETE", self._person(email))
        except TargetError:
            return Receipt(ok=True, note="Drip did not hold this address.")
        return Receipt(ok=True, note="Deleted from the Drip account.")

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For the whole account; `url` ends in ?secret=..."""
        hook = {"post_url": url, "events": list(EVENTS)}
        path = f"{self._path()}/webhooks"
        body = self.fetch("POST", path, payload={"webhooks": [hook]})
        return {"webhook_id": id_in(rows_in(body, "webhooks")[0])}

    def webhook(self, request: Incoming) -> list[Change]:
        """Drip signs nothing, so the address holds our secret."""
        check_secret_url(request, self.secrets)
        body = json_body(request)
        if not isinstance(body, dict) or body.get("event") not in EVENTS:
            return []
        data = body["data"]
        kind, status = EVENTS[body["event"]]
        campaign = (data.get("properties") or {}).get("campaign_id")
        audience = f"campaign:{campaign}" if campaign else ""
        if "campaign" in body["event"] and not audience:
            return []
        at = moment(body.get("occurred_at"))
        return [change_of(data["subscriber"], kind, status, audience, at)]
