"""GetResponse, API v3 (https://apidocs.getresponse.com/v3 and its description at
https://apireference.getresponse.com, read 2026-11-22; not MAX, which has other hosts).

A contact belongs to one list ("campaign"). The list decides about double opt-in, and a
contact who has not confirmed is not among the contacts. Whoever leaves is removed, and
adding the address again would bring it back, so the removed are searched first; the
search tells why and when somebody was removed.

Adding is answered with 202 and no id: on a list without confirmation the contact shows
up later, which `poll` looks for.

Unverified: the words of refusals; that a removed person who is added to a list with
confirmation is asked again (only done where the rule asks leavers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
)
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import probed
from integrations.adapters.errors import RejectedError, TargetError
from integrations.adapters.getresponse.people import PAGE, GetResponsePeople
from integrations.adapters.getresponse.wire import (
    TURNS,
    change_of,
    contact_path,
    field_of,
    gone,
    heard,
)
from integrations.adapters.http import Params
from integrations.adapters.shared import (
    check_secret_url,
    expired,
    json_body,
    parse_place,
    to_place,
)

WALK = 50  # contacts of a walk that are then read one by one
DETAILED = 30  # lists whose size and opt-in mode are asked for
OVERLAP = timedelta(minutes=5)


class GetResponse(GetResponsePeople):
    slug = "getresponse"
    label = "GetResponse"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="GetResponse: Tools, Integrations & API, API. A key that was not "
            "used for 90 days stops working.",
        ),
    )
    field_noun = "custom field"
    opt_in = "list"
    asked_are_absent = True
    batch_size = 20
    concurrency = 5  # of 10
    rate = Rate(calls=30_000, seconds=600)
    notice = (
        "New contacts start on day 0 of the list's autoresponders. Webhooks are set up "
        "in GetResponse itself."
    )
    exit_effect = "Removed from the list."
    glyph = "GR"
    docs_url = "https://www.getresponse.com/help/where-do-i-find-the-api-key.html"
    features = frozenset({"tags", "update_existing", "reconfirm"})
    home = "https://api.getresponse.com"

    def headers(self) -> dict[str, str]:
        return {"X-Auth-Token": f"api-key {self.secrets.get('api_key', '').strip()}"}

    def verify(self) -> Reading:
        account = self.fetch("GET", "/v3/accounts")
        return Reading(
            identity=str(account.get("email", "")),
            account_name=str(account.get("companyName") or ""),
            resources=tuple(
                probed(name, partial(self._total, path))
                for name, path in (
                    ("lists", "/v3/campaigns"),
                    ("contacts", "/v3/contacts"),
                    ("custom fields", "/v3/custom-fields"),
                )
            ),
        )

    def _total(self, path: str) -> int:
        return self.rows(path, {"perPage": 1})[1]

    def audiences(self) -> list[Audience]:
        found = []
        for number, row in enumerate(self.all("/v3/campaigns")):
            id = str(row["campaignId"])
            size = asks = None
            if number < DETAILED:
                params: Params = {"query[campaignId]": id, "perPage": 1}
                _, size = self.rows("/v3/contacts", params)
                asks = self.asks(id)
            label = str(row.get("name", ""))
            found.append(Audience(id=id, label=label, size=size, double_opt_in=asks))
        return found

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields belong to the account and are known by their id."""
        return [
            Field(id="name", label="Name", type="name"),
            *(field_of(row) for row in self.all("/v3/custom-fields")),
        ]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """First all contacts, by the time they were added. Later who was removed,
        changed or added since. Lists hold no custom values, so each contact is read on
        its own."""
        start = f"{datetime.now(UTC) - OVERLAP:%Y-%m-%dT%H:%M:%S+0000}"
        first: list[Any] = [len(TURNS) - 1, "", 1, "", start]
        place = parse_place(cursor, int, str, int, str, str) or first
        turn, since, page, origin, begun = place
        if not 0 <= turn < len(TURNS):
            raise expired()
        by, reached = TURNS[turn], since
        if by == "deletedOn":
            rows = self.searched("removed", audience_id, page=page)
            changes = tuple(self._gone(rows, since, audience_id))
            more = len(rows) == PAGE
        else:
            try:
                rows = self._walked(by, since, page, audience_id)
            except RejectedError as error:
                raise expired() if cursor else error from None
            changes = tuple(self._whole(rows, audience_id))
            more = len(rows) == WALK
            reached = max(since, *(str(row.get(by) or "") for row in rows), "")
        if more and reached > since:
            place = [turn, reached, 1, origin, begun]
        elif more:  # more in one second than a page holds
            place = [turn, since, page + 1, origin, begun]
        elif more := turn + 1 < len(TURNS):
            place = [turn + 1, origin, 1, origin, begun]
        else:
            place = [0, begun, 1, begun, start]
        return Page(
            changes=changes, cursor=to_place(*place), complete=not origin, more=more
        )

    def _gone(
        self, rows: Sequence[Mapping[str, Any]], since: str, audience_id: str
    ) -> Iterator[Change]:
        """Who was removed since, and is not back."""
        for row in rows:
            email = str(row.get("email", ""))
            recent = str(row.get("deletedOn") or "") >= since
            if recent and not self.find(email, audience_id):
                yield gone(row, audience_id)

    def _walked(
        self, by: str, since: str, page: int, audience_id: str
    ) -> list[dict[str, Any]]:
        params: dict[str, str | int] = {
            "query[campaignId]": audience_id,
            f"sort[{by}]": "ASC",
            "perPage": WALK,
            "page": page,
            **({f"query[{by}][from]": since} if since else {}),
        }
        return self.rows("/v3/contacts", params)[0]

    def _whole(self, rows: Sequence[Any], audience_id: str) -> Iterator[Change]:
        for found in rows:
            try:
                row = self.fetch("GET", contact_path(found.get("contactId")))
            except TargetError:
                continue
            yield change_of(row, audience_id)

    def webhook(self, request: Incoming) -> list[Change]:
        """Unsigned: their documentation wants a secret in the address. One event, or
        a list of them."""
        check_secret_url(request, self.secrets)
        body = json_body(request)
        events = body if isinstance(body, list) else [body]
        return [change for event in events for change in heard(event)]
