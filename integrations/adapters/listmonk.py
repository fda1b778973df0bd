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
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from integrations.adapters.base import (
    Audience,
    Field,
    Outcome,
    Page,
    Resource,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.counted import Counted
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
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in
from integrations.adapters.shared import (
    moment,
    own_address,
    parse_place,
)

# Said in English whatever the installation's language.
STRANGER = r"^(invalid API credentials|invalid session|api_key:token missing)$"
SUPER_ADMIN = 1  # the role's id
HIDDEN = (
    "They are in listmonk already, on lists that this API user may not see. Grant it "
    "subscribers:get_all."
)
BLOCKED = "They are on the installation's blocklist."


class Listmonk(Counted):
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

    signs = (
        Sign(STRANGER, CredentialsError, on=403),
        Sign("", RejectedError, Reason.DUPLICATE, on=409, says=HIDDEN),
    )
    reasons = ((r"\be-?mail\b", Reason.ADDRESS_INVALID),)

    size_param, page_size = "per_page", 50  # no more, whatever is asked for
    rows_key, total_keys = "results", ("data", "total")

    me_path = "/api/profile"
    identity_keys, account_keys = ("username",), ("host",)
    empty_note = "There is no list that this API user may see."
    walk_path, one_path = "/api/subscribers", "/api/subscribers/{id}"
    since_format = "%Y-%m-%dT%H:%M:%S+00:00"
    overlap = timedelta(hours=1)
    erasing = "The person, with all subscriptions. The blocklist forgets them, too."

    # Attributes are made by writing them, of any name (free_fields).
    own_fields = (Field(id="name", label="Name", type="name"),)
    custom_key, custom_texts = "attribs", False

    look_up, search_size = "many", 25
    known_as = "On the list already"

    @property
    def home(self) -> str:
        found = own_address(self.secrets.get("url", ""), "The address")
        return found.removesuffix("/admin")

    @cached_property
    def _user(self) -> Row:
        return row_in(self.fetch("GET", self.me_path), "data")

    def _may(self, *permissions: str) -> bool:
        role = self._user.get("user_role") or {}
        granted = set(role.get("permissions") or ())
        return role.get("id") == SUPER_ADMIN or not granted.isdisjoint(permissions)

    def me(self) -> Row:
        return {**self._user, "host": urlsplit(self.base_url).hostname}

    def resources(self) -> tuple[Resource, ...]:
        count = self.count(self.fetch("GET", "/api/lists", params={"per_page": 1}))
        reads = self._may("subscribers:get", "subscribers:get_all")
        writes = self._may("subscribers:manage")
        return (
            Resource(name="lists", readable=True, writable=None, count=count),
            Resource(name="subscribers", readable=reads, writable=writes),
        )

    def notes(self, resources: tuple[Resource, ...]) -> Iterator[str]:
        yield from super().notes(resources)
        if not self._may("subscribers:sql_query"):
            yield "Without subscribers:sql_query each list is read as a whole."

    def listed(self, body: Row, name: str) -> list[Row]:
        return super().listed(row_in(body, "data"), name)

    def audiences(self) -> list[Audience]:
        body = self.fetch("GET", "/api/lists", params={"per_page": "all"})
        return [
            audience(row, row.get("subscriber_count"), double_opt_in=_is_double(row))
            for row in self.listed(body, "results")
        ]

    @cached_property
    def _lists(self) -> set[str]:
        """Ids. A person added to a list that is not there is made without a list."""
        body = self.fetch("GET", "/api/lists", params={"minimal": "true"})
        if body.get("data") == []:  # what listmonk says where there is none at all
            return set()
        return {id_in(row) for row in self.listed(body, "results")}

    def search(self, emails: Sequence[str], audience_id: str) -> list[Row]:
        """The search is a regular expression on names and addresses (since 5.0), so
        there may be others among them."""
        search = f"^({'|'.join(map(re.escape, emails))})$"
        asked: Params = {"search": search, "per_page": self.page_size}
        return self.listed(self.fetch("GET", self.walk_path, params=asked), "results")

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

    def detail_of(self, row: Row, audience_id: str) -> str:
        return BLOCKED if row["status"] == "blocklisted" else ""

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
        return row_in(self.fetch("POST", self.walk_path, payload=person), "data")

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
        path = self.at(self.one_path, "", id_in(row))
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
        try:
            return super().changes(audience_id, cursor)
        except ScopeError:
            _, since, *_ = parse_place(cursor, int, str, str, str) or (0, "")
            if not since:
                raise
            return super().changes(audience_id, "")

    def walk_query(self, audience_id: str, since: str) -> Params:
        asked = {"list_id": audience_id, "order": "ASC"}
        if since:
            tables = ("subscribers", "subscriber_lists")
            newer = (f"{table}.updated_at >= '{since}'" for table in tables)
            asked["query"] = f"({' OR '.join(newer)})"
        return asked

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """All with one call."""
        found = self.all_records(emails, audience_id)
        people = [found.get(key_of(email), []) for email in emails]
        theirs = [
            [row["id"] for row in rows if _membership(row, audience_id)]
            for rows in people
        ]
        if there := list(dict.fromkeys(id for ids in theirs for id in ids)):
            self._change("unsubscribe", there, audience_id)
        return [synced(ids[0]) if ids else not_there() for ids in theirs]


def _membership(person: Row, list_id: str) -> Row | None:
    rows = rows_in(person, "lists")
    return next((row for row in rows if id_in(row) == list_id), None)


def _is_double(row: Row) -> bool:
    """A list's, or a membership's."""
    return row.get("optin") == "double"
