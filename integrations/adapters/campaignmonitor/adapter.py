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

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.campaignmonitor.people import CampaignMonitorPeople
from integrations.adapters.campaignmonitor.wire import (
    BAD_LIST,
    NOT_THERE,
    Refused,
    change_of,
    code_of,
    field_of,
    list_path,
    subscribers_path,
    webhook_changes,
)
from integrations.adapters.declare import Credential, OAuth2, SubAccount
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
from integrations.adapters.shapes import count_in, rows_in
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


class CampaignMonitor(CampaignMonitorPeople):
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

    def headers(self) -> dict[str, str]:
        if token := self.secrets.get("access_token", "").strip():
            return {"Authorization": f"Bearer {token}"}
        key = self.secrets.get("api_key", "").strip()
        basic = base64.b64encode(f"{key}:x".encode()).decode()
        return {"Authorization": f"Basic {basic}"}

    def explain(self, answer: Answer) -> str:
        return self.safe(str(answer.object().get("Message") or ""))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        code = code_of(answer.object())
        if answer.status == 401 and code == 60:
            return ScopeError(error.detail, status=401)
        if answer.status == 401 and code == 102:  # somebody else's client or list
            return TargetError(error.detail, status=401)
        if answer.status == 401 and code == 121:
            return CredentialsError(
                error.detail, reason=Reason.AUTH_EXPIRED, status=401
            )
        if answer.status == 400 and code == BAD_LIST:
            return TargetError(error.detail, status=400)
        if isinstance(error, RejectedError):
            return Refused(error.detail, code, status=answer.status)
        return error

    def verify(self) -> Reading:
        clients = self.sub_accounts()
        chosen = self.secrets.get("sub_account", "")
        named = [c.label for c in clients if c.id == chosen or len(clients) == 1]
        resources = [
            Resource(name="clients", readable=True, writable=None, count=len(clients))
        ]
        notes = []
        if named:
            count = len(self._lists(chosen or clients[0].id))
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
            for row in self._rows("/api/v3.3/clients.json")
        ]

    def _client(self) -> str:
        """The chosen client, or the only one."""
        if chosen := self.secrets.get("sub_account", ""):
            return chosen
        clients = self.sub_accounts()
        if len(clients) != 1:
            raise SetupError("Choose which client's lists are used.")
        return clients[0].id

    def _lists(self, client: str) -> list[dict[str, Any]]:
        return self._rows(f"/api/v3.3/clients/{quote(client, safe='')}/lists.json")

    def audiences(self) -> list[Audience]:
        """Sizes cost a call each, so only the first lists have one."""
        found = []
        for number, row in enumerate(self._lists(self._client())):
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
        rows = self._rows(f"{list_path(audience_id)}/customfields.json")
        return [name, *(field_of(row) for row in rows)]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [self._standing(email, audience_id) for email in emails]

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
            changes=tuple(change_of(row, audience_id) for row in rows),
            cursor=to_place(*ahead),
            complete=not since,
            more=more,
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """Unsigned, so the address given to Campaign Monitor ends in ?secret=..."""
        check_secret_url(request, self.secrets)
        return webhook_changes(json_body(request))

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
        path = f"/api/v3.3/clients/{quote(self._client(), safe='')}/listsforemail.json"
        gone = []
        for row in self._rows(path, params):
            subscriber = subscribers_path(str(row["ListID"]))
            try:
                self.request("DELETE", subscriber, params=params)
            except Refused as error:
                if error.code != NOT_THERE:
                    raise
                continue
            gone.append(str(row.get("ListName", "")))
        if not gone:
            return Receipt(ok=True, note="Campaign Monitor did not hold this address.")
        return Receipt(
            ok=False,
            note=f"Moved to the deleted subscribers of {', '.join(gone)}. The API goes "
            "no further: delete them there for good by hand.",
        )
