"""listmonk 5 and later (https://listmonk.app/docs/apis/apis/ and the sources of 6.2,
https://github.com/knadh/listmonk at 911e0b7, read 2026-11-22; not run).

The list decides about double opt-in: unless a caller says that people are confirmed,
which this never does, they are unconfirmed and a double opt-in list mails them once.
People belong to the installation, subscriptions to lists; who unsubscribed from a list
stays so whatever a PUT of the person says. Somebody blocklisted is mailed by no list:
an admin, the person, a bounce or a complaint did that, and the person does not tell
which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import ceil
from urllib.parse import urlsplit

from integrations.adapters.base import (
    Audience,
    Field,
    Outcome,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.declare import Credential
from integrations.adapters.each import (
    awaiting,
    key_of,
    not_there,
    synced,
)
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Params
from integrations.adapters.rest import Rest, Write, look_ups
from integrations.adapters.shapes import Row, count_in, dig, id_in, row_in, rows_in
from integrations.adapters.shared import (
    expired,
    moment,
    own_address,
    parse_place,
    to_place,
)

PAGE = 50  # listmonk gives no more, whatever is asked for
LOOK_UP = 25  # addresses in one search
OVERLAP = timedelta(hours=1)  # between our clock and the installation's
# Said in English whatever the installation's language.
STRANGER = r"^(invalid API credentials|invalid session|api_key:token missing)$"
SUPER_ADMIN = 1  # the role's id
BLOCKED = "They are on the installation's blocklist."


class Listmonk(Rest):
    slug = "listmonk"
    label = "listmonk"
    kind = "esp"
    credentials = (
        Credential(
            name="url",
            label="Address",
            help_text="Where listmonk is, by https.",
            placeholder="https://lists.example.com",
            secret=False,
        ),
        Credential(
            name="username",
            label="API user",
            help_text="listmonk: Users, New, type API.",
            secret=False,
        ),
        Credential(name="token", label="Token", help_text="Shown once, when saved."),
    )
    requirements = (
        "listmonk 5 or later, reachable from here by https.",
        "An API user who may subscribers:get_all and subscribers:manage, and manage "
        "the lists. With subscribers:sql_query only what changed has to be read.",
    )
    notice = (
        "Double opt-in is set per list. listmonk sends the confirmation only where "
        "Settings, General, Send opt-in confirmation is on."
    )
    opt_in = "list"
    field_noun = "attribute"
    batch_size = 20
    exit_effect = "Unsubscribed from the list; other lists are left as they are."
    glyph = "Lm"
    docs_url = "https://listmonk.app/docs/roles-and-permissions/#api-users"
    features = frozenset({"update_existing", "reconfirm", "free_fields"})
    guarded = True

    key_header = ("Authorization", "Basic {username}:{token}")

    signs = (Sign(STRANGER, CredentialsError, on=403),)
    reasons = ((r"\be-?mail\b", Reason.ADDRESS_INVALID),)

    own_fields = (Field(id="name", label="Name", type="name"),)
    custom_key = "attribs"

    look_up = "many"
    known_as = "On the list already"

    @property
    def home(self) -> str:
        found = own_address(self.secrets.get("url", ""), "The address")
        return found.removesuffix("/admin")

    def verify(self) -> Reading:
        user = row_in(self.fetch("GET", "/api/profile"), "data")
        lists = self.fetch("GET", "/api/lists", params={"per_page": 1})
        count = count_in(row_in(lists, "data"), "total")
        role = user.get("user_role") or {}
        may = set(role.get("permissions") or ())
        every = role.get("id") == SUPER_ADMIN
        reads = every or bool(may & {"subscribers:get", "subscribers:get_all"})
        notes = [] if count else ["There is no list that this API user may see."]
        if not every and "subscribers:sql_query" not in may:
            notes.append("Without subscribers:sql_query each list is read as a whole.")
        return Reading(
            identity=str(user.get("username", "")),
            account_name=str(urlsplit(self.base_url).hostname),
            resources=(
                Resource(name="lists", readable=True, writable=None, count=count),
                Resource(
                    name="subscribers",
                    readable=reads,
                    writable=every or "subscribers:manage" in may,
                ),
            ),
            notes=tuple(notes),
        )

    def audiences(self) -> list[Audience]:
        body = self.fetch("GET", "/api/lists", params={"per_page": "all"})
        return [
            audience(row, row.get("subscriber_count"), double_opt_in=_is_double(row))
            for row in rows_in(row_in(body, "data"), "results")
        ]

    def fields(self, audience_id: str) -> list[Field]:
        """The name. Attributes are made by writing them, of any name (free_fields)."""
        return list(self.own_fields)

    @cached_property
    def _lists(self) -> set[str]:
        """Ids. A person added to a list that is not there is made without a list."""
        body = self.fetch("GET", "/api/lists", params={"minimal": "true"})
        if body.get("data") == []:  # what listmonk says where there is none at all
            return set()
        return {id_in(row) for row in rows_in(row_in(body, "data"), "results")}

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        """The search is a regular expression on names and addresses (since 5.0); other
        hits than the address itself do not count."""
        keys = {key_of(email) for email in emails}
        found: dict[str, Row] = {}
        for some in look_ups(emails, LOOK_UP):
            search = f"^({'|'.join(map(re.escape, some))})$"
            params: Params = {"search": search, "per_page": PAGE}
            body = self.fetch("GET", "/api/subscribers", params=params)
            hits = rows_in(row_in(body, "data"), "results")
            found |= {key_of(row["email"]): row for row in hits}
        return {key: row for key, row in found.items() if key in keys}

    def status_of(self, row: Row, audience_id: str) -> str:
        if id_in(row, "status") == "blocklisted":
            return "unsubscribed"
        there = _membership(row, audience_id)
        if there is None:
            return "absent"
        status = id_in(there, "subscription_status")
        if status == "unsubscribed":
            return status
        waits = status == "unconfirmed" and _is_double(there)
        return "pending" if waits else "subscribed"

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        if row["status"] == "blocklisted":
            return moment(row.get("updated_at"))
        return moment(dig(_membership(row, audience_id), "subscription_updated_at"))

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        blocked = row is not None and row["status"] == "blocklisted"
        return replace(known, detail=BLOCKED) if blocked else known

    def custom_value(self, value: object) -> object:
        return value

    def ready(self, audience_id: str) -> None:
        if audience_id not in self._lists:
            raise TargetError("The list does not exist any more.")

    def ask_again(self, write: Write) -> Outcome | None:
        there = _membership(write.row or {}, write.audience_id) or {}
        if write.known.detail == BLOCKED or not _is_double(there):
            return None
        id = int(write.known.remote_id)
        self._change("add", [id], write.audience_id, status="unconfirmed")
        self.request("POST", f"/api/subscribers/{id}/optin")
        return awaiting(id, "listmonk asked them to confirm again.")

    def put(self, write: Write) -> Outcome:
        row = self._update(write, write.row) if write.row else self._create(write)
        return self.settled(self.standing(write.email, row, write.audience_id))

    def _create(self, write: Write) -> Row:
        person = {
            **{"email": write.email, "status": "enabled", "name": "", "attribs": {}},
            "lists": [int(write.audience_id)],
            **self.record_of(write.contact),
        }
        try:
            made = self.fetch("POST", "/api/subscribers", payload=person)
        except RejectedError as error:
            if error.status != 409:
                raise
            raise RejectedError(
                "They are in listmonk already, on lists that this API user may not "
                "see. Grant it subscribers:get_all.",
                reason=Reason.DUPLICATE,
            ) from None
        return row_in(made, "data")

    def _update(self, write: Write, row: Row) -> Row:
        values = self.record_of(write.contact) if write.options.update_existing else {}
        before = row.get("attribs") or {}
        name = str(values.get("name") or row.get("name") or "")
        attribs = {**before, **values.get("attribs", {})}
        unchanged = (name, attribs) == (row.get("name"), before)
        if write.known.status != "absent" and unchanged:
            return row
        # Lists left out would be left. A standing there is kept by listmonk.
        lists = [there["id"] for there in rows_in(row, "lists")]
        person = {
            "email": row["email"],
            "name": name,
            "lists": list(dict.fromkeys([*lists, int(write.audience_id)])),
            "attribs": attribs,
        }
        path = f"/api/subscribers/{row['id']:d}"
        return row_in(self.fetch("PUT", path, payload=person), "data")

    def _change(
        self, action: str, ids: list[int], audience_id: str, **more: str
    ) -> None:
        what = {"ids": ids, "action": action, "target_list_ids": [int(audience_id)]}
        self.request("PUT", "/api/subscribers/lists", payload={**what, **more})

    def changes(self, audience_id: str, cursor: str) -> Page:
        """The list in the order of ids; later, where the API user may query, whom
        something happened to since. What an admin sets for a subscription that is
        there leaves no time behind and is seen by a complete walk only."""
        place = parse_place(cursor, str, str, int, int) or ["", "", 1, 0]
        since, began, page, before = place
        if (since and not moment(since)) or page < 1:
            raise expired()
        began = began or (datetime.now(UTC) - OVERLAP).isoformat(timespec="seconds")
        params: dict[str, str | int] = {
            **{"list_id": audience_id, "order": "ASC", "page": page, "per_page": PAGE},
        }
        if since:
            tables = ("subscribers", "subscriber_lists")
            newer = (f"{table}.updated_at >= '{since}'" for table in tables)
            params["query"] = f"({' OR '.join(newer)})"
        try:
            body = self.fetch("GET", "/api/subscribers", params=params)
        except ScopeError:
            if not since:
                raise
            return self.changes(audience_id, "")
        found = row_in(body, "data")
        rows, total = rows_in(found, "results"), count_in(found, "total")
        # Each person deleted meanwhile moved those behind one place forward.
        back = ceil(max(before - total, 0) / PAGE)
        more = bool(back) or page * PAGE < total
        following = max(page - back, 1) if back else page + 1
        place = [since, began, following, total] if more else [began, "", 1, 0]
        return Page(
            changes=tuple(self.change(row, audience_id) for row in rows),
            cursor=to_place(*place),
            complete=not since,
            more=more,
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """All with one call."""
        ids = {
            key: person["id"]
            for key, person in self.find(emails, audience_id).items()
            if _membership(person, audience_id)
        }
        if ids:
            self._change("unsubscribe", list(ids.values()), audience_id)
        found = [ids.get(key_of(email)) for email in emails]
        return [synced(id) if id else not_there() for id in found]

    def erase(self, email: str) -> Receipt:
        note = "The person, with all subscriptions. The blocklist forgets them, too."
        person = self.find_one(email, "")
        if person is not None:
            self.request("DELETE", f"/api/subscribers/{person['id']:d}")
        return self.erased(person, note)


def _membership(person: Row, list_id: str) -> Row | None:
    rows = rows_in(person, "lists")
    return next((row for row in rows if id_in(row) == list_id), None)


def _is_double(row: Row) -> bool:
    """A list's, or a membership's."""
    return row.get("optin") == "double"
