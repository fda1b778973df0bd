"""The Campaign Monitor adapter: what it declares and does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Options,
    Outcome,
    Reading,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.calls import Place
from integrations.adapters.campaignmonitor.codes import (
    SIGNS,
    SOME_FAILED,
    NotThere,
    Unconfirmed,
)
from integrations.adapters.consent import LEFT
from integrations.adapters.declare import Credential, OAuth2, SubAccount
from integrations.adapters.each import (
    awaiting,
    by_address,
    forms,
    key_of,
    not_there,
    synced,
)
from integrations.adapters.errors import RejectedError
from integrations.adapters.http import Answer, Params, to_json
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, as_rows, count_in, id_in, rows_in

CLIENT, LIST = "/api/v3.3/clients/{account}", "/api/v3.3/lists/{audience}"
PEOPLE = "/api/v3.3/subscribers/{audience}"
STATES = ("active", "unconfirmed", "unsubscribed", "bounced", "deleted")
TYPES = {
    **{"Number": "number", "Date": "date"},
    **{"MultiSelectOne": "choice", "MultiSelectMany": "multi_choice"},
}


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

    signs = SIGNS

    audience_path, count_path = f"{CLIENT}/lists.json", f"{LIST}/stats.json"
    most_counted = 20
    own_fields = (Field(id="Name", label="Name", type="name"),)
    field_path = f"{LIST}/customfields.json"
    events_key = "Events"

    email_key, id_key = "EmailAddress", ""
    state_key = "State"
    states = {
        **{"Active": "subscribed", "Unconfirmed": "pending"},
        **{"Unsubscribed": "unsubscribed", "Bounced": "bounced"},
        "Deleted": "archived",
    }

    unknown_as = "Not on this list, or not active on it."
    asked_as = "Campaign Monitor asks them to confirm."

    turns, walk_from = len(STATES), 0
    walk_params = {"orderfield": "date", "orderdirection": "asc", "pagesize": 1000}
    since_param, since_format, overlap = "date", "%Y-%m-%d", timedelta(days=1)

    def explain(self, answer: Answer) -> str:
        return self.safe(str(answer.object().get("Message") or ""))

    def told(self, answer: Answer) -> str:
        return str(answer.object().get("Code"))

    def refusal(self, error: RejectedError) -> Outcome:
        if isinstance(error, Unconfirmed):
            return awaiting("", "Asked before, and not confirmed yet.")
        return super().refusal(error)

    def page(
        self, path: str, place: Place, params: Params | None = None
    ) -> tuple[list[Row], None]:
        """What is listed comes as one array."""
        return as_rows(self.request("GET", path, params=params)), None

    # Reading the account.

    def sub_accounts(self) -> list[SubAccount]:
        return [
            SubAccount(id=str(row["ClientID"]), label=str(row.get("Name", "")))
            for row in self.rows("/api/v3.3/clients.json")
        ]

    def verify(self) -> Reading:
        """Lists are told of the chosen client, or the only one."""
        clients = self.sub_accounts()
        chosen = self.secrets.get("sub_account", "")
        if not chosen and len(clients) == 1:
            chosen = self.secrets["sub_account"] = clients[0].id
        name = next((client.label for client in clients if client.id == chosen), "")
        counts = {"clients": len(clients)}
        if name:
            counts["lists"] = len(list(self.rows(self.at(self.audience_path))))
        return Reading(
            identity=name or f"{len(clients)} clients",
            account_name=name,
            resources=tuple(
                Resource(name=each, readable=True, writable=None, count=counts[each])
                for each in counts
            ),
            notes=() if name else ("Choose which client's lists are used.",),
        )

    def audience_of(self, row: Row) -> Audience:
        id, label = str(row["ListID"]), str(row.get("Name", ""))
        return Audience(id=id, label=label, double_opt_in=self.asks(id))

    def audience_size(self, audience_id: str) -> int | None:
        stats = self.fetch("GET", self.at(self.count_path, audience_id))
        return stats.get("TotalActiveSubscribers")

    def mode_of(self, audience_id: str) -> bool:
        details = self.fetch("GET", self.at(f"{LIST}.json", audience_id))
        mode = details.get("ConfirmedOptIn")
        if not isinstance(mode, bool):
            raise self._unreadable(None)
        return mode

    def field_of(self, row: Row) -> Field:
        return Field(
            id=str(row["Key"]),
            label=str(row.get("FieldName", "")),
            type=TYPES.get(str(row.get("DataType")), "text"),
            options=tuple(str(option) for option in row.get("FieldOptions") or ()),
        )

    # A subscriber.

    def status_of(self, row: Row, audience_id: str) -> str:
        """The state of a subscriber, or after an event, which has none when it tells
        that somebody subscribed."""
        joined = row.get("Type") == "Subscribe"
        return "subscribed" if joined else super().status_of(row, audience_id)

    def values_of(self, row: Row) -> dict[str, object]:
        """A key that comes several times has several values."""
        several: dict[str, list[Any]] = {}
        for item in row.get("CustomFields") or ():
            key = str(item.get("Key", ""))
            if not key.startswith("["):
                key = "[" + re.sub(r"\W", "", key) + "]"
            several.setdefault(key, []).append(item.get("Value"))
        values = {key: v if len(v) > 1 else v[0] for key, v in several.items()}
        return filled({"Name": row.get("Name"), **values})

    def record_of(self, contact: Contact) -> Row:
        """Several values of a field go under its key several times."""
        values = filled(contact.fields)
        name = {"Name": str(values.pop("Name"))} if "Name" in values else {}
        custom = [
            {"Key": key, "Value": str(part)}
            for key, value in values.items()
            for part in (value if isinstance(value, (list, tuple)) else [value])
        ]
        return {
            "EmailAddress": contact.email.strip(),
            "ConsentToTrack": "Unchanged",
            **name,
            "CustomFields": custom,
        }

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """Of one person's two the one that left, or might have."""
        path = self.at(f"{PEOPLE}.json", audience_id)
        found = []
        for form in forms(email):
            with suppress(NotThere):
                found.append(self.fetch("GET", path, params={"email": form}))
        left = {*LEFT, "unknown"}
        return max(
            found,
            key=lambda row: self.status_of(row, audience_id) in left,
            default=None,
        )

    # Writing, where nobody is ever subscribed again.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        if not contacts:
            return []
        people = by_address(contacts)
        singly = self.asks(audience_id) or not options.update_existing
        # The import would take the other form of an address for somebody new.
        alone = [key for key in people if singly or len(forms(key)) > 1]
        one_by_one = [people[key] for key in alone]
        outcomes = dict(
            zip(alone, super().upsert(one_by_one, audience_id, options), strict=True)
        )
        if others := {key: people[key] for key in people if key not in outcomes}:
            outcomes |= self._import(others, audience_id)
        return [outcomes.get(key_of(who.email)) or synced() for who in contacts]

    def _import(
        self, people: Mapping[str, Contact], audience_id: str
    ) -> dict[str, Outcome]:
        """Those who were refused, by their address.

        Raises RejectedError when it cannot be told whom a refusal is about.
        """
        body = {
            "Subscribers": [self.record_of(contact) for contact in people.values()],
            "Resubscribe": False,
            "QueueSubscriptionBasedAutoresponders": True,
            "RestartSubscriptionBasedAutoresponders": False,
        }
        path = self.at(f"{PEOPLE}/import.json", audience_id)
        answer = self.send("POST", path, data=to_json(body))
        partly = answer.status == 400 and self.told(answer) == SOME_FAILED
        result = answer.object().get("ResultData") if partly else self.parsed(answer)
        failed = rows_in(result, "FailureDetails")
        if partly and not failed:
            raise self._unreadable(None)
        refused = {}
        for row in failed:
            error = self.error_from(Answer(status=400, headers={}, body=to_json(row)))
            if not isinstance(error, RejectedError):
                raise error
            email = key_of(str(row.get("EmailAddress", "")))
            if len(people) == 1:
                [email] = people
            elif email not in people:  # written otherwise there
                raise error
            refused[email] = self.refusal(error)
        return refused

    def turned_away(self, known: Subscription) -> Outcome | None:
        if known.status == "unknown":
            raise self._unreadable(None)
        if known.status == "pending":
            return self.refusal(Unconfirmed(""))
        return super().turned_away(known)

    def put(self, write: Write) -> Outcome:
        kept = {"EmailAddress": id_in(write.row, "EmailAddress")} if write.row else {}
        body = {
            **self.record_of(write.contact),
            **kept,
            "Resubscribe": False,
            "RestartSubscriptionBasedAutoresponders": False,
        }
        self.request("POST", self.at(f"{PEOPLE}.json", write.audience_id), payload=body)
        if write.row is None and self.asks(write.audience_id):
            return awaiting("", self.asked_as)
        return synced()

    def _done(self, method: str, path: str, **what: Any) -> bool:
        """Does something to somebody; False where nobody is there."""
        try:
            self.request(method, path, **what)
        except NotThere:
            return False
        return True

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        path = self.at(f"{PEOPLE}/unsubscribe.json", audience_id)

        def leave(email: str) -> Outcome:
            bodies = [{"EmailAddress": form} for form in forms(email)]
            done = [self._done("POST", path, payload=body) for body in bodies]
            return synced() if any(done) else not_there(self.unknown_as)

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        gone = []
        for asked in ({"email": form} for form in forms(email)):
            for row in self.rows(self.at(f"{CLIENT}/listsforemail.json"), asked):
                path = self.at(f"{PEOPLE}.json", str(row["ListID"]))
                if self._done("DELETE", path, params=asked):
                    gone.append(str(row.get("ListName", "")))
        if not gone:
            return self.erased(None, "")
        return Receipt(
            ok=False,
            note=f"Moved to the deleted subscribers of {', '.join(gone)}. The API goes "
            "no further: delete them there for good by hand.",
        )

    # Changes.

    def turn(
        self, turn: int, since: str, place: int, audience_id: str
    ) -> tuple[list[Row], int]:
        """State by state. In each the first page is read to learn how many there are,
        then the others from the last back to the first: who leaves the state meanwhile
        moves those behind them towards the front, where they are still to be read."""
        params = {**self.walk_query(audience_id, since), "page": place or 1}
        path = self.at(f"{LIST}/{STATES[turn]}.json", audience_id)
        body = self.fetch("GET", path, params=params)
        rows, last = rows_in(body, "Results"), count_in(body, "NumberOfPages")
        if place:
            return rows, place - 1
        return rows, last if last > 1 else 0

    def events_in(self, body: Any) -> list[Row]:
        """Unsigned, so the address given to Campaign Monitor ends in ?secret=..."""
        events = super().events_in(body)
        return [{**event, "ListID": body.get("ListID")} for event in events]

    def heard(self, event: Row) -> Iterator[Change]:
        if not event.get("EmailAddress"):
            return
        kind = "status" if event.get("Type") == "Deactivate" else "upsert"
        change = self.change(event, str(event["ListID"] or ""), kind)
        was = str(event.get("OldEmailAddress") or "")
        if was and was.lower() != change.email.lower():
            old = {"old_email": was}
            yield replace(change, kind="email", status="", fields=old)
        yield change

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        events = ["Subscribe", "Update", "Deactivate"]
        hook = {"Events": events, "Url": url, "PayloadFormat": "json"}
        path = self.at(f"{LIST}/webhooks.json", audience_id)
        return {"webhook_id": id_in({"id": self.request("POST", path, payload=hook)})}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        path = self.at(f"{LIST}/webhooks/{{id}}.json", audience_id, webhook_id)
        self.request("DELETE", path)
