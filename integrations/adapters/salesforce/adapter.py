"""Salesforce, REST API (developer.salesforce.com/docs/platform/api-rest, read
2026-11-22).

Leads and contacts are records: they are created and updated whatever their e-mail
standing, and the opt-out and bounce fields are never sent, except to opt somebody out.
An e-mail address is no external id in Salesforce, so records are looked up before they
are written. Where several have one address, the oldest is updated. A converted lead
lives on as a contact and is left alone. Campaigns are lists of both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.adapters.base import (
    Audience,
    Contact,
    Field,
    Options,
    Outcome,
    OutcomeState,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.declare import Credential, OAuth2
from integrations.adapters.each import key_of, not_there, synced
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.salesforce.campaigns import (
    SalesforceCampaigns,
    campaign_of,
)
from integrations.adapters.salesforce.records import (
    DATA,
    ROWS,
    THINGS,
    thing_of,
)
from integrations.adapters.salesforce.wire import (
    OPT_OUT,
    REASONS,
    code_of,
    field_of,
    problems,
    standing,
    words_of,
)

# The access token goes there, so an answer may not name just any host.
INSTANCE = re.compile(r"https://[a-z0-9][a-z0-9.-]*\.(salesforce|force)\.com")
HOUR = 3600.0


class Salesforce(SalesforceCampaigns):
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

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets.get('access_token', '')}"}

    def explain(self, answer: Answer) -> str:
        return self.safe(words_of(_problems(answer)))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        rows = _problems(answer)
        codes = {code_of(row) for row in rows}
        if "INVALID_SESSION_ID" in codes:
            return CredentialsError(
                error.detail, reason=Reason.AUTH_EXPIRED, status=answer.status
            )
        if "REQUEST_LIMIT_EXCEEDED" in codes:
            concurrent = "Concurrent" in words_of(rows)
            return TransientError(
                error.detail,
                reason=Reason.RATE if concurrent else Reason.QUOTA,
                status=answer.status,
                retry_after=None if concurrent else HOUR,
            )
        if "INVALID_TYPE" in codes:  # how an object is hidden from a user
            return TargetError(error.detail, reason=Reason.SCOPE, status=answer.status)
        if isinstance(error, RejectedError):
            found = [REASONS[code] for code in codes if code in REASONS]
            reason = found[0] if found else error.reason
            return RejectedError(error.detail, reason=reason, status=answer.status)
        return error

    def verify(self) -> Reading:
        names = "SELECT Id, Name, IsSandbox FROM Organization LIMIT 1"
        organisation = next(iter(self.query(names)), {})
        calls = self._calls()
        notes = []
        if "Remaining" in calls:
            notes.append(
                f"{calls['Remaining']:,} of {calls.get('Max', 0):,} API calls are left "
                "for today, for all tools together."
            )
        if organisation.get("IsSandbox"):
            notes.append("This is a sandbox.")
        return Reading(
            identity=str(organisation.get("Id", "")),
            account_name=str(organisation.get("Name", "")),
            resources=tuple(self._probe(thing) for thing in THINGS),
            notes=tuple(notes),
        )

    def _calls(self) -> Mapping[str, Any]:
        """Today's API calls; nothing for a user without "View Setup"."""
        try:
            limits = self.fetch("GET", f"{DATA}/limits")
        except ScopeError:
            return {}
        return limits.get("DailyApiRequests") or {}

    def _probe(self, thing: str) -> Resource:
        # An object that the user may not see at all is said not to exist.
        name = THINGS[thing].lower()
        try:
            about = self.describe(thing)
            may_read = bool(about.get("queryable"))
            may_write = bool(about.get("createable") and about.get("updateable"))
            count = self._count(thing) if may_read else None
        except (ScopeError, TargetError) as error:
            return Resource(
                name=name, readable=False, writable=False, detail=error.detail
            )
        return Resource(name=name, readable=may_read, writable=may_write, count=count)

    def _count(self, thing: str) -> int:
        body = self.fetch(
            "GET", f"{DATA}/query", params={"q": f"SELECT COUNT() FROM {thing}"}
        )
        return int(body.get("totalSize") or 0)

    def describe(self, thing: str) -> dict[str, Any]:
        return self.fetch("GET", f"{DATA}/sobjects/{thing}/describe")

    def audiences(self) -> list[Audience]:
        things = [
            Audience(
                id=thing, label=label, size=self._count(thing), double_opt_in=False
            )
            for thing, label in THINGS.items()
        ]
        return things + self.campaigns()

    def fields(self, audience_id: str) -> list[Field]:
        thing = "Lead" if campaign_of(audience_id) else thing_of(audience_id)
        rows = self.describe(thing).get("fields") or ()
        found = [field_of(row) for row in rows]
        return [field for field in found if field is not None]

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        campaign = campaign_of(audience_id)
        if campaign:
            return self.enrol(contacts, campaign, options)
        return self.write(contacts, thing_of(audience_id), options)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        if (campaign := campaign_of(audience_id)) and emails:
            return self.memberships(emails, campaign)
        thing = thing_of(audience_id)
        found = self.find_whole(emails, thing) if emails else {}
        return [standing(email, found.get(key_of(email), ())) for email in emails]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Leads or contacts by SystemModstamp, or the members of a campaign."""
        if campaign := campaign_of(audience_id):
            return self.member_changes(audience_id, campaign, cursor)
        return self.record_changes(thing_of(audience_id), cursor)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        if (campaign := campaign_of(audience_id)) and emails:
            return self.withdraw(emails, campaign)
        thing = thing_of(audience_id)
        found = self.find(emails, thing) if emails else {}
        rows = {
            str(record["Id"]): {
                "attributes": {"type": thing},
                "Id": str(record["Id"]),
                OPT_OUT: True,
            }
            for records in found.values()
            for record in records
            if not record.get(OPT_OUT) and not record.get("IsConverted")
        }
        saved: dict[str, Outcome] = {}
        keys = list(rows)
        for start in range(0, len(keys), ROWS):
            part = {key: rows[key] for key in keys[start : start + ROWS]}
            saved |= self.save("PATCH", part)
        return [_opted_out(found.get(key_of(email)), saved) for email in emails]

    def erase(self, email: str) -> Receipt:
        """Deletes the leads and contacts with the address. They stay in the recycle
        bin for 15 days."""
        ids = [
            str(record["Id"])
            for thing in THINGS
            for record in self.find([email], thing).get(key_of(email), ())
        ]
        if not ids:
            return Receipt(ok=True, note="Salesforce did not hold this address.")
        outcomes = self.delete(ids).values()
        kept = [o.detail for o in outcomes if o.state is not OutcomeState.SYNCED]
        if kept:
            return Receipt(ok=False, note=f"Not deleted: {' '.join(kept)}")
        return Receipt(
            ok=True,
            note="Deleted. Salesforce keeps deleted records in the recycle bin for 15 "
            "days: empty it to erase them at once.",
        )


def _problems(answer: Answer) -> list[Mapping[str, Any]]:
    try:
        return problems(answer.json())
    except ValueError:
        return []


def _opted_out(
    records: Sequence[Mapping[str, Any]] | None, saved: Mapping[str, Outcome]
) -> Outcome:
    if not records:
        return not_there("Salesforce does not know this address.")
    mine = [saved[str(r["Id"])] for r in records if str(r["Id"]) in saved]
    failed = [item for item in mine if item.state is not OutcomeState.SYNCED]
    return failed[0] if failed else synced(records[0]["Id"])
