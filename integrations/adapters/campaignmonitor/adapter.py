"""Campaign Monitor, API v3.3 (https://www.campaignmonitor.com/api/subscribers/ and the
official client, https://github.com/campaignmonitor/createsend-python, read 2026-11-22).

An account has clients, a client has lists, and people exist per list, Active,
Unconfirmed, Unsubscribed, Bounced or Deleted. With Resubscribe false, which is all we
ever send, a write refuses everybody who is there and not active, each with a code. A
list of confirmed opt-in asks new ones itself.

* A list without confirmation: the import, up to 1,000, done when it is answered. It
  answers 400 with code 210 when some were refused, each named with a code.
* A list with confirmation: one call each, which is the one documented to ask people.

Times are in the time zone of the client, which they do not name, so they are only used
to ask for changes, with a day to spare.

Unverified: whether a change of somebody's fields alone makes them show up in an
incremental walk (a webhook tells it); the key of a field is told from its name where
only that is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from urllib.parse import quote

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
from integrations.adapters.calls import Sign
from integrations.adapters.campaignmonitor.wire import (
    NOT_THERE,
    UNCONFIRMED,
    Refused,
    code_of,
    failures,
    field_of,
    list_path,
    refused_by,
    row_of,
    subscribers_path,
    values_of,
)
from integrations.adapters.declare import Credential, OAuth2, SubAccount
from integrations.adapters.each import awaiting, by_address, key_of, not_there, synced
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Answer, Params, to_json
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, count_in, row_in, rows_in, unreadable
from integrations.adapters.shared import (
    check_secret_url,
    expired,
    json_body,
    parse_place,
    to_place,
)

PAGE = 1000
SIZED = 20  # lists that are counted
OVERLAP = timedelta(days=1)
STATES = ("active", "unconfirmed", "unsubscribed", "bounced", "deleted")


class CampaignMonitor(Rest):
    slug = "campaignmonitor"
    label = "Campaign Monitor"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Campaign Monitor: Account settings, API keys.",
        ),
    )
    oauth = OAuth2(
        authorize_url="https://api.createsend.com/oauth",
        token_url="https://api.createsend.com/oauth/token",
        scopes=("ManageLists", "ImportSubscribers", "ViewSubscribersInReports"),
        separator=",",
        pkce=False,
        client_auth="body",
        extra={"type": "web_server"},
    )
    sub_account_noun = "client"
    field_noun = "custom field"
    opt_in = "list"
    batch_size = 200
    concurrency = 2
    notice = "A new signup never brings back who unsubscribed, bounced or was deleted."
    exit_effect = (
        "Unsubscribed from the list, or from all lists of the client where the list "
        "is set so."
    )
    glyph = "CM"
    docs_url = "https://help.campaignmonitor.com/api-keys"
    hook_scope = "audience"
    features = frozenset({"update_existing"})
    home = "https://api.createsend.com"
    reset_headers = ("x-ratelimit-reset",)

    key_header = ("Authorization", "Basic {api_key}:x")

    signs = (  # the words are a code
        Sign("^60$", ScopeError, on=401),
        Sign("^102$", TargetError, on=401),  # somebody else's client or list
        Sign("^121$", CredentialsError, Reason.AUTH_EXPIRED, on=401),
        Sign("^101$", TargetError, on=400),  # no such list
    )

    email_key, id_key = "EmailAddress", ""
    state_key = "State"
    states = {
        **{"Active": "subscribed", "Unconfirmed": "pending"},
        **{"Unsubscribed": "unsubscribed", "Bounced": "bounced"},
        "Deleted": "archived",
    }

    def explain(self, answer: Answer) -> str:
        return self.safe(str(answer.object().get("Message") or ""))

    def told(self, answer: Answer) -> str:
        return str(code_of(answer.object()))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, RejectedError):
            code = code_of(answer.object())
            return Refused(error.detail, code, status=answer.status)
        return error

    def refusal(self, error: RejectedError) -> Outcome:
        code = error.code if isinstance(error, Refused) else 0
        return refused_by(code, error.detail)

    def _array(self, path: str, params: Params | None = None) -> list[Row]:
        """The objects of an answer that must be an array."""
        return rows_in({"rows": self.request("GET", path, params=params)}, "rows")

    def verify(self) -> Reading:
        clients = self.sub_accounts()
        chosen = self.secrets.get("sub_account", "")
        named = [c.label for c in clients if c.id == chosen or len(clients) == 1]
        resources = [
            Resource(name="clients", readable=True, writable=None, count=len(clients))
        ]
        notes = []
        if named:
            count = len(self._lists(quote(chosen or clients[0].id, safe="")))
            resources.append(
                Resource(name="lists", readable=True, writable=None, count=count)
            )
        else:
            notes.append("Choose which client's lists are used.")
        return Reading(
            identity=named[0] if named else f"{len(clients)} clients",
            account_name=named[0] if named else "",
            resources=tuple(resources),
            notes=tuple(notes),
        )

    def sub_accounts(self) -> list[SubAccount]:
        return [
            SubAccount(id=str(row["ClientID"]), label=str(row.get("Name", "")))
            for row in self._array("/api/v3.3/clients.json")
        ]

    def _lists(self, client: str) -> list[Row]:
        return self._array(f"/api/v3.3/clients/{client}/lists.json")

    def audiences(self) -> list[Audience]:
        """Sizes cost a call each, so only the first lists have one."""
        found = []
        for number, row in enumerate(self._lists(self.account())):
            path = list_path(str(row["ListID"]))
            details = self.fetch("GET", f"{path}.json")
            stats = self.fetch("GET", f"{path}/stats.json") if number < SIZED else {}
            found.append(
                Audience(
                    id=str(row["ListID"]),
                    label=str(row.get("Name", "")),
                    size=stats.get("TotalActiveSubscribers"),
                    double_opt_in=details.get("ConfirmedOptIn"),
                )
            )
        return found

    def fields(self, audience_id: str) -> list[Field]:
        name = Field(id="Name", label="Name", type="name")
        rows = self._array(f"{list_path(audience_id)}/customfields.json")
        return [name, *(field_of(row) for row in rows)]

    # Writing, where nobody is ever subscribed again.

    def status_of(self, row: Row, audience_id: str) -> str:
        """The state of a subscriber, or after an event, which has none when it tells
        that somebody subscribed."""
        joined = row.get("Type") == "Subscribe"
        return "subscribed" if joined else super().status_of(row, audience_id)

    def values_of(self, row: Row) -> dict[str, object]:
        return values_of(row)

    def find_one(self, email: str, audience_id: str) -> Row | None:
        asked: Params = {"email": email.strip()}
        try:
            return self.fetch("GET", subscribers_path(audience_id), params=asked)
        except Refused as error:
            if error.code != NOT_THERE:
                raise
            return None

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        if not contacts:
            return []
        if self._asks(audience_id) or not options.update_existing:
            return super().upsert(contacts, audience_id, options)
        refused = self._import(by_address(contacts), audience_id)
        return [refused.get(key_of(who.email)) or synced() for who in contacts]

    @cached_property
    def _modes(self) -> dict[str, bool]:
        return {}

    def _asks(self, audience_id: str) -> bool:
        """Whether the list has new people confirm."""
        if audience_id not in self._modes:
            details = self.fetch("GET", f"{list_path(audience_id)}.json")
            mode = details.get("ConfirmedOptIn")
            if not isinstance(mode, bool):
                raise self._unreadable(None)
            self._modes[audience_id] = mode
        return self._modes[audience_id]

    def _import(
        self, people: Mapping[str, Contact], audience_id: str
    ) -> dict[str, Outcome]:
        """Those who were refused, by their address.

        Raises RejectedError when it cannot be told whom a refusal is about.
        """
        body = {
            "Subscribers": [row_of(contact) for contact in people.values()],
            "Resubscribe": False,
            "QueueSubscriptionBasedAutoresponders": True,
            "RestartSubscriptionBasedAutoresponders": False,
        }
        answer = self.send(
            "POST", subscribers_path(audience_id, "/import"), data=to_json(body)
        )
        result = answer.object()
        if answer.status == 400 and code_of(result) == 210:
            result = row_in(result, "ResultData")
        elif answer.status >= 300:
            raise self.error_from(answer)
        found = failures(rows_in(result, "FailureDetails"), people, self.safe)
        if answer.status >= 300 and not found:
            raise self._unreadable(answer.status)
        return found

    def turned_away(self, known: Subscription) -> Outcome | None:
        if known.status == "unknown":
            raise unreadable(self.label)
        if known.status == "pending":
            return refused_by(UNCONFIRMED, "")
        return super().turned_away(known)

    def put(self, write: Write) -> Outcome:
        body = {
            **row_of(write.contact),
            "Resubscribe": False,
            "RestartSubscriptionBasedAutoresponders": False,
        }
        self.request("POST", subscribers_path(write.audience_id), payload=body)
        if write.row is None and self._asks(write.audience_id):
            return awaiting("", "Campaign Monitor asks them to confirm.")
        return synced()

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            body = {"EmailAddress": email.strip()}
            path = subscribers_path(audience_id, "/unsubscribe")
            try:
                self.request("POST", path, payload=body)
            except Refused as error:
                if error.code == NOT_THERE:
                    detail = "Not on this list, or not active on it."
                    return not_there(detail)
                raise
            return synced()

        return self.each(emails, leave)

    def changes(self, audience_id: str, cursor: str) -> Page:
        """State by state. In each the first page is read to learn how many there are,
        then the others from the last back to the first: who leaves the state meanwhile
        moves those behind them towards the front, where they are still to be read."""
        place = parse_place(cursor, str, str, int, int)
        since, began, turn, page = place or ("", "", 0, 0)
        if not 0 <= turn < len(STATES) or page < 0:
            raise expired()
        began = began or (datetime.now(UTC) - OVERLAP).strftime("%Y-%m-%d")
        params: dict[str, str | int] = {
            **{"page": page or 1, "pagesize": PAGE},
            **{"orderfield": "date", "orderdirection": "asc"},
        }
        if since:
            params["date"] = since
        path = f"{list_path(audience_id)}/{STATES[turn]}.json"
        body = self.fetch("GET", path, params=params)
        rows, last = rows_in(body, "Results"), count_in(body, "NumberOfPages")
        following = (last if last > 1 else 0) if page == 0 else page - 1
        if not following:
            turn += 1
        more = turn < len(STATES)
        ahead = (since, began, turn, following) if more else (began, "", 0, 0)
        return Page(
            changes=tuple(self.change(row, audience_id) for row in rows),
            cursor=to_place(*ahead),
            complete=not since,
            more=more,
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """Unsigned, so the address given to Campaign Monitor ends in ?secret=..."""
        check_secret_url(request, self.secrets)
        body = json_body(request)
        if not isinstance(body, dict):
            raise RejectedError("This is not a Campaign Monitor webhook.")
        audience_id = str(body.get("ListID") or "")
        changes: list[Change] = []
        for row in body.get("Events") or ():
            if not row.get("EmailAddress"):
                continue
            left = row.get("Type") == "Deactivate"
            change = self.change(row, audience_id, "status" if left else "upsert")
            was = str(row.get("OldEmailAddress") or "")
            if was and was.lower() != change.email.lower():
                old = {"old_email": was}
                changes.append(replace(change, kind="email", status="", fields=old))
            changes.append(change)
        return changes

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        events = ["Subscribe", "Update", "Deactivate"]
        hook = {"Events": events, "Url": url, "PayloadFormat": "json"}
        path = f"{list_path(audience_id)}/webhooks.json"
        made = self.request("POST", path, payload=hook)
        if not isinstance(made, str):
            raise self._unreadable(None)
        return {"webhook_id": made}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        path = f"{list_path(audience_id)}/webhooks/{quote(webhook_id, safe='')}.json"
        self.request("DELETE", path)

    def erase(self, email: str) -> Receipt:
        params: Params = {"email": email.strip()}
        path = f"/api/v3.3/clients/{self.account()}/listsforemail.json"
        gone = []
        for row in self._array(path, params):
            subscriber = subscribers_path(str(row["ListID"]))
            try:
                self.request("DELETE", subscriber, params=params)
            except Refused as error:
                if error.code != NOT_THERE:
                    raise
                continue
            gone.append(str(row.get("ListName", "")))
        if not gone:
            return self.erased(None, "")
        return Receipt(
            ok=False,
            note=f"Moved to the deleted subscribers of {', '.join(gone)}. The API goes "
            "no further: delete them there for good by hand.",
        )
