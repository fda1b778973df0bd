"""GNU Mailman 3 core, REST API 3.1 (docs.mailman3.org, read 2026-11-22; every call was
made against Mailman 3.3.10).

Mailman forgets who left a list: only a ban keeps somebody out. So whom a person's own
unsubscribe has to keep away must be suppressed on our side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

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
from integrations.adapters.consent import left
from integrations.adapters.declare import Credential
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    forms,
    key_of,
    not_there,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    RejectedError,
    TargetError,
)
from integrations.adapters.http import Answer
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import Row, count_in, rows_in
from integrations.adapters.shared import (
    basic,
    expired,
    own_address,
    parse_place,
    to_place,
)

PAGE = 100
API = "/3.1"
CONFIRMS = ("confirm", "confirm_then_moderate")
BANNED = "Membership is banned"


class Mailman(EachContact):
    slug = "mailman"
    label = "GNU Mailman"
    kind = "esp"
    credentials = (
        Credential(
            name="url",
            label="REST address",
            help_text="Where the REST API of Mailman core is, by https.",
            placeholder="https://lists.example.com/mailman-rest",
            secret=False,
        ),
        Credential(
            name="username",
            label="User name",
            help_text="admin_user in the section webservice of mailman.cfg.",
            secret=False,
        ),
        Credential(name="password", label="Password", help_text="admin_pass there."),
    )
    requirements = (
        "Mailman 3 with its REST API reachable from here, behind https: it listens on "
        "localhost unless you change that.",
    )
    notice = (
        "Mailman does not remember who left a list. Put them on your suppression list, "
        "or ban them in Mailman, to keep them out."
    )
    opt_in = "caller"
    exit_effect = "Removed from the list. Mailman keeps no record of it."
    glyph = "Mm"
    docs_url = "https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/rest/docs/rest.html"
    features = frozenset({"double_opt_in", "update_existing"})
    guarded = True

    @property
    def home(self) -> str:
        return own_address(self.secrets.get("url", ""), "The REST address")

    def headers(self) -> dict[str, str]:
        return basic(self.secrets.get("username", ""), self.secrets.get("password", ""))

    def explain(self, answer: Answer) -> str:
        body = answer.object()
        return self.safe(str(body.get("description") or body.get("title") or ""))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, RejectedError) and error.detail == "No such list":
            return TargetError("The list does not exist any more.", status=400)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        if "subscriber" in error.detail:
            return Reason.ADDRESS_INVALID
        return Reason.COMPLIANCE if error.detail == BANNED else error.reason

    def verify(self) -> Reading:
        version = self.fetch("GET", f"{API}/system/versions")
        lists = self.fetch("GET", f"{API}/lists", params={"count": 1, "page": 1})
        count = count_in(lists, "total_size")
        # The REST user may do everything: Mailman knows no narrower one.
        return Reading(
            identity=self.secrets.get("username", ""),
            account_name=str(version.get("mailman_version", "")),
            resources=(
                Resource(name="lists", readable=True, writable=None, count=count),
                Resource(name="members", readable=True, writable=True),
            ),
            notes=() if count else ("There is no list yet.",),
        )

    def audiences(self) -> list[Audience]:
        return [
            Audience(
                id=str(row["list_id"]),
                label=str(row["fqdn_listname"]),
                size=int(row.get("member_count") or 0),
                double_opt_in=self._confirms(str(row["list_id"])),
            )
            for row in self._all(f"{API}/lists")
        ]

    def _confirms(self, list_id: str) -> bool:
        path = f"{_list(list_id)}/config/subscription_policy"
        return self.fetch("GET", path).get("subscription_policy") in CONFIRMS

    def fields(self, audience_id: str) -> list[Field]:
        return [Field(id="display_name", label="Display name", type="name")]

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        email = contact.email.strip()
        found = self._member(email, audience_id)
        name = str(contact.fields.get("display_name") or "").strip()
        if found:
            return self._known(found, email, name, options)
        form = {
            "list_id": audience_id,
            "subscriber": email,
            "pre_verified": "true",
            "pre_confirmed": "false" if options.double_opt_in else "true",
        }
        if name:
            form["display_name"] = name
        try:
            asked = self.request("POST", f"{API}/members", form=form)
        except RejectedError as error:
            if "already pending" in error.detail:
                return awaiting(
                    detail="They were asked already, and can still say yes."
                )
            if "already subscribed" in error.detail:
                return synced()
            raise
        if not isinstance(asked, dict):
            return synced()
        if asked.get("token_owner") == "moderator":
            return awaiting(detail="A moderator of the list has to let them in.")
        return awaiting()

    def _known(
        self, member: dict[str, Any], email: str, name: str, options: Options
    ) -> Outcome:
        gone = left(self._standing(member, email), self.label)
        if gone:
            return gone
        if not options.update_existing:
            return existing("", "On the list already")
        if name and name != member.get("display_name"):
            kept = str(member.get("email") or email)
            path = f"{API}/addresses/{quote(kept, safe='@')}"
            self.request("PATCH", path, form={"display_name": name})
        return synced(member.get("member_id"))

    def _member(self, email: str, list_id: str) -> dict[str, Any] | None:
        for form in forms(email):
            params = {"list_id": list_id, "subscriber": form, "role": "member"}
            body = self.fetch("GET", f"{API}/members/find", params=params)
            if found := _entries(body):
                return found[0]
        return None

    def _standing(self, member: dict[str, Any], email: str) -> Subscription:
        key = quote(str(member.get("member_id", "")), safe="")
        wants = self.fetch("GET", f"{API}/members/{key}/all/preferences")
        bounced = wants.get("delivery_status") == "by_bounces"
        return Subscription(
            email=email,
            status="bounced" if bounced else "subscribed",
            remote_id=str(member.get("member_id", "")),
            fields=_values(member),
        )

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        asked = {
            key_of(str(row.get("email", "")))
            for row in self._all(f"{_list(audience_id)}/requests")
        }
        return [self._subscription(email, audience_id, asked) for email in emails]

    def _subscription(self, email: str, list_id: str, asked: set[str]) -> Subscription:
        member = self._member(email, list_id)
        if member:
            return self._standing(member, email)
        pending = key_of(email) in asked
        return Subscription(email=email, status="pending" if pending else "absent")

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Always the whole roster: Mailman has no list of changes."""
        page, before = parse_place(cursor, int, int) or (1, 0)
        body = self._page(f"{_list(audience_id)}/roster/member", page)
        total = count_in(body, "total_size")
        if total < before:
            # Who left moved the others forward, some past the pages that are read.
            raise expired()
        rows = _entries(body)
        more = page * PAGE < total
        return Page(
            changes=tuple(_change(row, audience_id) for row in rows),
            cursor=to_place(page + 1, total) if more else "",
            complete=True,
            more=more,
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, lambda email: self._leave(email, audience_id))

    def _leave(self, email: str, list_id: str) -> Outcome:
        member = self._member(email, list_id)
        if member is None:
            return not_there()
        key = quote(str(member.get("member_id", "")), safe="")
        try:
            self.request("DELETE", f"{API}/members/{key}")
        except TargetError:  # gone just now
            return synced()
        return synced(member.get("member_id"))

    def erase(self, email: str) -> Receipt:
        gone = False
        for form in forms(email):
            with suppress(TargetError):
                self.request("DELETE", f"{API}/users/{quote(form, safe='@')}")
                gone = True
        if not gone:
            return Receipt(ok=True, note="Mailman did not hold this address.")
        return Receipt(ok=True, note="The user, with all addresses and memberships.")

    def _page(self, path: str, page: int) -> dict[str, Any]:
        return self.fetch("GET", path, params={"count": PAGE, "page": page})

    def _all(self, path: str) -> Iterator[dict[str, Any]]:
        def read(page: int) -> tuple[list[Row], int | None]:
            body = self._page(path, page)
            more = page * PAGE < count_in(body, "total_size")
            return _entries(body), page + 1 if more else None

        return all_pages(read, 1)


def _entries(body: dict[str, Any]) -> list[Row]:
    """The rows of a page; Mailman leaves them out where there are none."""
    if count_in(body, "total_size") == 0 and "entries" not in body:
        return []
    return rows_in(body, "entries")


def _list(list_id: str) -> str:
    return f"{API}/lists/{quote(list_id, safe='')}"


def _values(member: dict[str, Any]) -> dict[str, object]:
    return filled({"display_name": member.get("display_name")})


def _change(row: dict[str, Any], list_id: str) -> Change:
    return Change(
        email=str(row.get("email", "")),
        kind="upsert",
        status="subscribed",
        fields=_values(row),
        audience_id=list_id,
    )
