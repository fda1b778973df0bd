"""GNU Mailman 3 core, REST API 3.1 (docs.mailman3.org, read 2026-11-22; every call was
made against Mailman 3.3.10).

Mailman forgets who left a list: only a ban keeps somebody out. So whom a person's own
unsubscribe has to keep away must be suppressed on our side.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Field,
    Outcome,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.calls import Sign
from integrations.adapters.counted import Counted
from integrations.adapters.declare import Credential
from integrations.adapters.each import awaiting, forms, key_of, not_there, synced
from integrations.adapters.either import EitherForm
from integrations.adapters.errors import Reason, RejectedError, TargetError
from integrations.adapters.http import Answer
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, id_in
from integrations.adapters.shared import (
    own_address,
)

API = "/3.1"
CONFIRMS = ("confirm", "confirm_then_moderate")


class Mailman(EitherForm, Counted):
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

    key_header = ("Authorization", "Basic {username}:{password}")

    signs = (
        Sign("^No such list$", TargetError, says="The list does not exist any more."),
    )
    reasons = (
        ("subscriber", Reason.ADDRESS_INVALID),
        ("^Membership is banned$", Reason.COMPLIANCE),
    )

    size_param, page_size = "count", 100
    rows_key, total_keys = "entries", ("total_size",)

    me_path = f"{API}/system/versions"
    identity_keys, account_keys = ("username",), ("mailman_version",)
    empty_note = "There is no list yet."
    audience_path = f"{API}/lists"
    walk_path = f"{audience_path}/{{audience}}/roster/member"  # no list of changes

    id_key, state_key = "member_id", ""
    own_fields = (Field(id="display_name", label="Display name", type="name"),)

    known_as = "On the list already"

    @property
    def home(self) -> str:
        return own_address(self.secrets.get("url", ""), "The REST address")

    def explain(self, answer: Answer) -> str:
        body = answer.object()
        return self.safe(str(body.get("description") or body.get("title") or ""))

    def listed(self, body: Row, name: str) -> list[Row]:
        """Mailman leaves the rows out where there are none."""
        if self.count(body) == 0 and name not in body:
            return []
        return super().listed(body, name)

    def me(self) -> Row:
        return {**super().me(), "username": self.secrets["username"]}

    def resources(self) -> tuple[Resource, ...]:
        """The REST user may do everything: Mailman knows no narrower one."""
        asked = {"count": 1, "page": 1}
        count = self.count(self.fetch("GET", self.audience_path, params=asked))
        return (
            Resource(name="lists", readable=True, writable=None, count=count),
            Resource(name="members", readable=True, writable=True),
        )

    def audience_of(self, row: Row) -> Audience:
        id = id_in(row, "list_id")
        config = self.fetch("GET", f"{_list(id)}/config/subscription_policy")
        return Audience(
            id=id,
            label=str(row["fqdn_listname"]),
            size=int(row.get("member_count") or 0),
            double_opt_in=config.get("subscription_policy") in CONFIRMS,
        )

    def find_form(self, form: str, audience_id: str) -> Row | None:
        asked = {"list_id": audience_id, "subscriber": form, "role": "member"}
        body = self.fetch("GET", f"{API}/members/find", params=asked)
        return next(iter(self.listed(body, self.rows_key)), None)

    def status_of(self, row: Row, audience_id: str) -> str:
        return "subscribed"

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        """Only a member's preferences tell that their mail bounced."""
        known = super().standing(email, row, audience_id)
        if row is None:
            return known
        wants = self.fetch("GET", f"{_member(row)}/all/preferences")
        bounced = wants.get("delivery_status") == "by_bounces"
        return replace(known, status="bounced") if bounced else known

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        requests = self.rows(f"{_list(audience_id)}/requests")
        asked = {key_of(str(row.get("email", ""))) for row in requests}
        return [
            replace(known, status="pending")
            if known.status == "absent" and key_of(known.email) in asked
            else known
            for known in super().subscriptions(emails, audience_id)
        ]

    def put(self, write: Write) -> Outcome:
        name = write.contact.fields.get("display_name")
        named: Row = filled({"display_name": name})
        if write.row is None:
            return self._join(write, named)
        if named and named != write.known.fields:
            kept = quote(id_in(write.row, "email"), safe="@")
            self.request("PATCH", f"{API}/addresses/{kept}", form=named)
        return synced(write.known.remote_id)

    def _join(self, write: Write, named: Row) -> Outcome:
        form = {
            **named,
            "list_id": write.audience_id,
            "subscriber": write.email,
            "pre_verified": "true",
            "pre_confirmed": "false" if write.options.double_opt_in else "true",
        }
        try:
            asked = self.request("POST", f"{API}/members", form=form)
        except RejectedError as error:
            if "already pending" in error.detail:
                detail = "They were asked already, and can still say yes."
                return awaiting(detail=detail)
            if "already subscribed" in error.detail:
                return synced()
            raise
        if not isinstance(asked, dict):
            return synced()
        if asked.get("token_owner") == "moderator":
            return awaiting(detail="A moderator of the list has to let them in.")
        return awaiting()

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Whoever is there, without asking for their preferences."""

        def leave(email: str) -> Outcome:
            rows = self.find_forms(email, audience_id)
            for row in rows:
                with suppress(TargetError):  # gone just now
                    self.request("DELETE", _member(row))
            return synced(rows[0]["member_id"]) if rows else not_there()

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        gone = False
        for form in forms(email):
            with suppress(TargetError):
                self.request("DELETE", f"{API}/users/{quote(form, safe='@')}")
                gone = True
        return self.erased(gone, "The user, with all addresses and memberships.")


def _list(list_id: str) -> str:
    return f"{API}/lists/{quote(list_id, safe='')}"


def _member(row: Row) -> str:
    return f"{API}/members/{quote(id_in(row, 'member_id'), safe='')}"
