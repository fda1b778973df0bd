"""Salesforce, REST API (developer.salesforce.com/docs/platform/api-rest, read
2026-11-22).

Leads and contacts are records: they are created and updated whatever their e-mail
standing, and the opt-out and bounce fields are never sent, except to opt somebody out.
An e-mail address is no external id in Salesforce, so records are looked up before they
are written. Where several have one address, the oldest is updated. A converted lead
lives on as a contact and is left alone.

Campaigns are lists whose members are leads and contacts. Who is a contact already joins
as one, and that record is left as it is: a rule for a campaign maps the fields of
leads. Everybody else joins as a lead. Being a member changes no opt-out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Page,
    Reading,
    Resource,
)
from integrations.adapters.declare import Credential, OAuth2
from integrations.adapters.each import key_of
from integrations.adapters.errors import (
    CredentialsError,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.salesforce.people import PROTECTED, SalesforcePeople
from integrations.adapters.salesforce.records import (
    DATA,
    MEMBERS,
    QUERY,
    RECORD_ID,
    ROWS,
    THINGS,
    by_person,
    literal,
    target_of,
)
from integrations.adapters.shapes import Row, rows_in
from integrations.adapters.shared import expired, moment, parse_place, to_place

# The access token goes there, so an answer may not name just any host.
INSTANCE = re.compile(r"https://[a-z0-9][a-z0-9.-]*\.(salesforce|force)\.com")
TYPES = {  # others are no single values
    **{"string": "text", "textarea": "text", "combobox": "text", "reference": "text"},
    **{"encryptedstring": "text", "int": "number", "double": "number"},
    **{"currency": "number", "percent": "number", "boolean": "boolean"},
    **{kind: kind for kind in ("date", "datetime", "email", "phone", "url")},
    **{"picklist": "choice", "multipicklist": "multi_choice"},
}
CALLS_LEFT = (
    "{Remaining:,} of {Max:,} API calls are left for today, for all tools together."
)


class Salesforce(SalesforcePeople):
    slug = "salesforce"
    label = "Salesforce"
    kind = "crm"
    credentials = (
        Credential(
            name="domain",
            label="Log-in domain",
            help_text="login for production, test for a sandbox, or the part of your "
            "My Domain before .salesforce.com.",
            secret=False,
            placeholder="login",
        ),
    )
    oauth = OAuth2(
        authorize_url="https://{domain}.salesforce.com/services/oauth2/authorize",
        token_url="https://{domain}.salesforce.com/services/oauth2/token",
        revoke_url="https://{domain}.salesforce.com/services/oauth2/revoke",
        scopes=("api", "refresh_token"),
        client_auth="body",
    )
    audience_noun = "object"
    opt_in = "none"
    batch_size = ROWS
    concurrency = 5  # 25 long ones are allowed per organisation, for all its tools
    requirements = (
        "An edition with API access: Enterprise, Unlimited, Performance, Developer, "
        "or Professional with the API add-on.",
        "A user who may read the e-mail opt-out and bounce fields of leads and "
        "contacts.",
    )
    notice = (
        "Salesforce asks for a last name on every lead and contact, and for a company "
        "on leads: map them, or give them a default."
    )
    exit_effect = (
        "Taken out of the campaign; of leads or contacts, marked as opted out of "
        "e-mail on every record with the address."
    )
    glyph = "Sf"
    colour = "s"
    docs_url = (
        "https://help.salesforce.com/s/articleView?id="
        "xcloud.create_a_local_external_client_app.htm"
    )
    features = frozenset({"update_existing"})

    total_keys = ("totalSize",)
    audience_path = QUERY
    audience_params = {
        "q": "SELECT Id, Name, NumberOfLeads, NumberOfContacts FROM Campaign "
        "WHERE IsActive = true ORDER BY Name"
    }
    since_format = "%Y-%m-%dT%H:%M:%SZ"
    # A record gets its SystemModstamp before its transaction ends, up to 10 minutes
    # before; and 10 between the two clocks.
    overlap = timedelta(minutes=20)

    @classmethod
    def from_token(cls, answer: Mapping[str, Any]) -> dict[str, str]:
        """The organisation's own host is in the answer of the token endpoint."""
        url = str(answer.get("instance_url") or "").rstrip("/")
        return {"instance_url": url} if INSTANCE.fullmatch(url) else {}

    @property
    def home(self) -> str:
        url = self.secrets.get("instance_url", "")
        if not INSTANCE.fullmatch(url):
            raise CredentialsError(
                "Salesforce did not say where this account lives: reconnect it."
            )
        return url

    # Reading the account.

    def verify(self) -> Reading:
        names = "SELECT Id, Name, IsSandbox FROM Organization LIMIT 1"
        organisation = next(self.query(names), {})
        sandbox = "This is a sandbox." if organisation.get("IsSandbox") else ""
        return Reading(
            identity=str(organisation.get("Id", "")),
            account_name=str(organisation.get("Name", "")),
            notes=tuple(filter(None, (self.calls_left(), sandbox))),
            resources=tuple(map(self.resource, THINGS)),
        )

    def calls_left(self) -> str:
        """Today's API calls, "" for a user without "View Setup"."""
        try:
            limits = self.fetch("GET", f"{DATA}/limits")
        except ScopeError:
            return ""
        calls = limits.get("DailyApiRequests")
        return CALLS_LEFT.format_map(calls) if calls else ""

    def resource(self, thing: str) -> Resource:
        name = THINGS[thing].lower()
        try:
            about = self.describe(thing)
            count = self.count(thing) if about.get("queryable") else None
        except (ScopeError, TargetError) as error:
            # An object that the user may not see at all is said not to exist.
            return Resource(
                name=name, readable=False, writable=False, detail=error.detail
            )
        return Resource(
            name=name,
            readable=bool(about.get("queryable")),
            writable=bool(about.get("createable") and about.get("updateable")),
            count=count,
        )

    def count(self, thing: str) -> int | None:
        asked = {"q": f"SELECT COUNT() FROM {thing}"}
        return self.total_of(self.fetch("GET", QUERY, params=asked))

    def describe(self, thing: str) -> Row:
        return self.fetch("GET", f"{DATA}/sobjects/{thing}/describe")

    def audiences(self) -> list[Audience]:
        """Leads, contacts, and the active campaigns."""
        things = [
            Audience(id=thing, label=label, size=self.count(thing), double_opt_in=False)
            for thing, label in THINGS.items()
        ]
        try:
            return things + super().audiences()
        except (ScopeError, TargetError, RejectedError):
            return things  # a user who may not see campaigns

    def audience_of(self, row: Row) -> Audience:
        return Audience(
            id=f"campaign:{row['Id']}",
            label=f"{row.get('Name') or ''} (campaign)",
            size=(row["NumberOfLeads"] or 0) + (row["NumberOfContacts"] or 0),
            double_opt_in=False,
        )

    def fields(self, audience_id: str) -> list[Field]:
        thing, _ = target_of(audience_id)
        rows = rows_in(self.describe(thing), "fields")
        return list(filter(None, map(self.field_of, rows)))

    def field_of(self, row: Row) -> Field | None:
        name, kind = str(row["name"]), TYPES.get(str(row.get("type")))
        if kind is None or name == "Email" or row.get("deprecatedAndHidden"):
            return None
        if name in ("FirstName", "LastName"):
            kind = "name"
        needed = row.get("createable") and not row.get("nillable")
        options = row.get("picklistValues") if kind.endswith("choice") else ()
        return Field(
            id=name,
            label=str(row.get("label") or name),
            type="zip" if name.endswith("PostalCode") else kind,
            required=bool(needed and not row.get("defaultedOnCreate"))
            and kind != "boolean",
            read_only=name.lower() in PROTECTED or not row.get("updateable"),
            options=tuple(str(o["value"]) for o in options or () if o.get("active")),
        )

    # Walks.

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Leads or contacts by their last change. The members of a campaign are walked
        through from the beginning to the end; then again."""
        _, campaign = target_of(audience_id)
        if not campaign:
            return super().changes(audience_id, cursor)
        [after] = parse_place(cursor, str) or [""]
        if cursor and not RECORD_ID.fullmatch(after):
            raise expired()
        behind = f"AND Id > {literal(after)} " if after else ""
        members = self.memberships(campaign, f"{behind}ORDER BY Id LIMIT {ROWS}")
        people: list[Row] = []
        for thing, name in MEMBERS.items():
            if ids := [literal(row[name]) for row in members if row.get(name)]:
                people += self.whole(thing, f"Id IN ({', '.join(ids)})")
        # A lead that was converted is a member as both.
        there = [row for row in people if row["Email"] and not row.get("IsConverted")]
        following = to_place(members[-1]["Id"]) if len(members) >= ROWS else ""
        return Page(
            changes=tuple(self.change(row, audience_id) for row in there),
            cursor=following,
            complete=True,
            more=bool(following),
        )

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], str]:
        """Deleted ones are among them while they are in the recycle bin. The place is
        the time and the id of the last record read."""
        newer = f" AND SystemModstamp >= {since}" if since else ""
        if place:
            time, _, id = place.partition(" ")
            if (reached := moment(time)) is None or not RECORD_ID.fullmatch(id):
                raise expired()
            at = reached.strftime(self.since_format)
            newer = (
                f" AND (SystemModstamp > {at} OR (SystemModstamp = {at} AND "
                f"Id > {literal(id)}))"
            )
        where = f"Email != null{newer} ORDER BY SystemModstamp, Id"
        rows = self.whole(audience_id, where, f"{DATA}/queryAll")
        last = rows[-1] if len(rows) >= ROWS else None
        return rows, f"{last['SystemModstamp']} {last['Id']}" if last else ""

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterator[Change]:
        """A deleted record is no deleted person while another one has the address: it
        was merged, or not the only one."""
        gone = [row["Email"] for row in rows if row.get("IsDeleted")]
        still = by_person(self.records(gone, audience_id))
        for row in rows:
            if not row.get("IsDeleted"):
                yield self.change(row, audience_id)
            elif key_of(row["Email"]) not in still:
                at = self.time_of(row, audience_id)
                yield Change(
                    email=row["Email"], kind="delete", at=at, audience_id=audience_id
                )
