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
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Options,
    Outcome,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.consent import left, may_ask_again
from integrations.adapters.declare import Credential
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    key_of,
    not_there,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import count_in, id_in, row_in, rows_in
from integrations.adapters.shared import (
    basic,
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
STRANGER = ("invalid API credentials", "invalid session", "api_key:token missing")
SUPER_ADMIN = 1  # the role's id
BLOCKED = "They are on the installation's blocklist."


class Listmonk(EachContact):
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

    @property
    def home(self) -> str:
        found = own_address(self.secrets.get("url", ""), "The address")
        return found.removesuffix("/admin")

    def headers(self) -> dict[str, str]:
        return basic(self.secrets.get("username", ""), self.secrets.get("token", ""))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, ScopeError) and self.explain(answer) in STRANGER:
            return CredentialsError(error.detail, status=403)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        bad = re.search(r"\be-?mail\b", error.detail, re.IGNORECASE)
        return Reason.ADDRESS_INVALID if bad and error.status == 400 else error.reason

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
            Audience(
                id=id_in(row),
                label=str(row.get("name", "")),
                size=row.get("subscriber_count"),
                double_opt_in=row.get("optin") == "double",
            )
            for row in rows_in(row_in(body, "data"), "results")
        ]

    def fields(self, audience_id: str) -> list[Field]:
        """The name. Attributes are made by writing them, of any name (free_fields)."""
        return [Field(id="name", label="Name", type="name")]

    @cached_property
    def _lists(self) -> set[str]:
        """Ids. A person added to a list that is not there is made without a list."""
        body = self.fetch("GET", "/api/lists", params={"minimal": "true"})
        if body.get("data") == []:  # what listmonk says where there is none at all
            return set()
        return {id_in(row) for row in rows_in(row_in(body, "data"), "results")}

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        if audience_id not in self._lists:
            raise TargetError("The list does not exist any more.")
        person = self._find([contact.email]).get(key_of(contact.email))
        if person:
            return self._known(person, contact, audience_id, options)
        values = filled(contact.fields)
        row: dict[str, object] = {
            "email": contact.email.strip(),
            "name": str(values.pop("name", "")),
            "status": "enabled",
            "lists": [int(audience_id)],
            "attribs": values,
        }
        try:
            made = self.fetch("POST", "/api/subscribers", payload=row)
        except RejectedError as error:
            if error.status != 409:
                raise
            return rejected(
                Reason.DUPLICATE,
                "They are in listmonk already, on lists that this API user may not "
                "see. Grant it subscribers:get_all.",
            )
        return _outcome(_standing(row_in(made, "data"), contact.email, audience_id))

    def _known(
        self,
        person: dict[str, Any],
        contact: Contact,
        audience_id: str,
        options: Options,
    ) -> Outcome:
        standing = _standing(person, contact.email, audience_id)
        if (
            may_ask_again(standing, contact, options)
            and standing.detail != BLOCKED
            and _is_double(person, audience_id)
        ):
            self._change("add", [person["id"]], audience_id, status="unconfirmed")
            self.request("POST", f"/api/subscribers/{person['id']:d}/optin")
            return awaiting(person["id"], "listmonk asked them to confirm again.")
        if gone := left(standing, self.label):
            return gone
        if standing.status != "absent" and not options.update_existing:
            return existing(
                standing.remote_id,
                "On the list already",
            )
        values = filled(contact.fields) if options.update_existing else {}
        name = str(values.pop("name", "") or person.get("name") or "")
        before = person.get("attribs") or {}
        attribs = {**before, **values}
        unchanged = (name, attribs) == (person.get("name"), before)
        if standing.status != "absent" and unchanged:
            return _outcome(standing)
        # Lists left out would be left. A standing there is kept by listmonk.
        lists = [row["id"] for row in rows_in(person, "lists")]
        row = {
            "email": person["email"],
            "name": name,
            "lists": list(dict.fromkeys([*lists, int(audience_id)])),
            "attribs": attribs,
        }
        path = f"/api/subscribers/{person['id']:d}"
        made = row_in(self.fetch("PUT", path, payload=row), "data")
        return _outcome(_standing(made, contact.email, audience_id))

    def _find(self, emails: Iterable[str]) -> dict[str, dict[str, Any]]:
        """People by lower-case address. The search is a regular expression on names
        and addresses (since 5.0); other hits than the address itself do not count."""
        keys = list(dict.fromkeys(key_of(email) for email in emails))
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), LOOK_UP):
            some = keys[start : start + LOOK_UP]
            asked = dict.fromkeys(s for key in some for s in spellings(key))
            search = f"^({'|'.join(map(re.escape, asked))})$"
            params: Params = {"search": search, "per_page": PAGE}
            body = self.fetch("GET", "/api/subscribers", params=params)
            hits = rows_in(row_in(body, "data"), "results")
            rows = {key_of(row["email"]): row for row in hits}
            found |= {key: rows[key] for key in some if key in rows}
        return found

    def _change(
        self, action: str, ids: list[int], audience_id: str, **more: str
    ) -> None:
        what = {"ids": ids, "action": action, "target_list_ids": [int(audience_id)]}
        self.request("PUT", "/api/subscribers/lists", payload={**what, **more})

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        people = self._find(emails)
        return [_standing(people.get(key_of(e)), e, audience_id) for e in emails]

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
        total = count_in(found, "total")
        # Each person deleted meanwhile moved those behind one place forward.
        back = ceil(max(before - total, 0) / PAGE)
        more = bool(back) or page * PAGE < total
        following = max(page - back, 1) if back else page + 1
        place = [since, began, following, total] if more else [began, "", 1, 0]
        return Page(
            changes=tuple(_told(row, audience_id) for row in rows_in(found, "results")),
            cursor=to_place(*place),
            complete=not since,
            more=more,
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        people = self._find(emails)
        on_it = {
            key: person["id"]
            for key, person in people.items()
            if _row(person, audience_id)
        }
        if on_it:
            self._change("unsubscribe", list(on_it.values()), audience_id)
        return [
            synced(on_it[key_of(email)]) if key_of(email) in on_it else not_there()
            for email in emails
        ]

    def erase(self, email: str) -> Receipt:
        person = self._find([email]).get(key_of(email))
        if person is None:
            return Receipt(ok=True, note="listmonk did not hold this address.")
        self.request("DELETE", f"/api/subscribers/{person['id']:d}")
        note = "The person, with all subscriptions. The blocklist forgets them, too."
        return Receipt(ok=True, note=note)


def _row(person: dict[str, Any], list_id: str) -> dict[str, Any] | None:
    rows = rows_in(person, "lists")
    return next((row for row in rows if id_in(row) == list_id), None)


def _is_double(person: dict[str, Any], list_id: str) -> bool:
    return (_row(person, list_id) or {}).get("optin") == "double"


def _standing(
    person: dict[str, Any] | None, email: str, audience_id: str
) -> Subscription:
    if person is None:
        return Subscription(email=email, status="absent")
    row = _row(person, audience_id)
    at = moment((row or {}).get("subscription_updated_at"))
    status, detail = "absent", ""
    if id_in(person, "status") == "blocklisted":
        status, detail, at = "unsubscribed", BLOCKED, moment(person.get("updated_at"))
    elif row:
        status = id_in(row, "subscription_status")
        waits = status == "unconfirmed" and row.get("optin") == "double"
        if status != "unsubscribed":
            status = "pending" if waits else "subscribed"
    return Subscription(
        email=email,
        status=status,
        changed_at=at,
        remote_id=id_in(person),
        detail=detail,
        fields=filled({"name": person.get("name"), **(person.get("attribs") or {})}),
    )


def _outcome(standing: Subscription) -> Outcome:
    if standing.status == "pending":
        return awaiting(standing.remote_id)
    return synced(standing.remote_id)


def _told(person: dict[str, Any], audience_id: str) -> Change:
    standing = _standing(person, str(person.get("email", "")), audience_id)
    return Change(
        email=standing.email,
        kind="upsert",
        status=standing.status,
        fields=standing.fields or {},
        at=standing.changed_at,
        audience_id=audience_id,
    )
