"""Campaigns: lists whose members are leads and contacts.

Who is a contact already joins as one, and that record is left as it is: a rule for a
campaign maps the fields of leads. Everybody else joins as a lead. Being a member
changes no opt-out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from integrations.adapters import consent
from integrations.adapters.base import (
    Audience,
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Page,
    Subscription,
)
from integrations.adapters.each import key_of, not_there, synced
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.salesforce.records import (
    DATA,
    RECORD_ID,
    ROWS,
    THINGS,
)
from integrations.adapters.salesforce.wire import (
    change_of,
    groups,
    literal,
    standing,
)
from integrations.adapters.salesforce.writing import EXISTING, SalesforceWriting, known
from integrations.adapters.shared import expired, parse_place, to_place

PREFIX = "campaign:"
NOT_A_MEMBER = "Not a member of this campaign."
LEFT_AS_IT_IS = "Joined as who they are there; that record was left as it was."


def campaign_of(audience_id: str) -> str:
    """The record id of the campaign that an audience id names, "" for another one."""
    kind, _, number = audience_id.partition(":")
    if kind != "campaign":
        return ""
    if not number or not RECORD_ID.fullmatch(number):
        raise TargetError("Salesforce has no such campaign: choose another.")
    return number


class SalesforceCampaigns(SalesforceWriting):
    """What a campaign is asked and told."""

    def campaigns(self) -> list[Audience]:
        """Active ones; none for a user who may not see campaigns."""
        soql = (
            "SELECT Id, Name, NumberOfLeads, NumberOfContacts FROM Campaign "
            "WHERE IsActive = true ORDER BY Name"
        )
        try:
            rows = list(self.query(soql))
        except (ScopeError, TargetError, RejectedError):
            return []
        return [
            Audience(
                id=f"{PREFIX}{row['Id']}",
                label=f"{row.get('Name') or ''} (campaign)",
                size=int(row.get("NumberOfLeads") or 0)
                + int(row.get("NumberOfContacts") or 0),
                double_opt_in=False,
            )
            for row in rows
        ]

    def enrol(
        self, contacts: Sequence[Contact], campaign: str, options: Options
    ) -> list[Outcome]:
        """Make people members, as contacts or as leads."""
        if not contacts:
            return []
        found = self.find([contact.email for contact in contacts], "Contact")
        outcomes: dict[str, Outcome] = {}
        for key, records in found.items():
            outcomes[key] = known(records[0], options)
            if outcomes[key].state is OutcomeState.SYNCED:
                left = consent.left(standing(key, records), self.label)
                words = [left.detail, LEFT_AS_IT_IS] if left else [LEFT_AS_IT_IS]
                outcomes[key] = replace(outcomes[key], detail=" ".join(words))
        leads = [item for item in contacts if key_of(item.email) not in found]
        written = self.write(leads, "Lead", options) if leads else []
        for item, outcome in zip(leads, written, strict=True):
            outcomes[key_of(item.email)] = outcome
        for key, outcome in outcomes.items():
            if outcome.detail == EXISTING:  # their record is; a member is another thing
                outcomes[key] = synced(outcome.remote_id, LEFT_AS_IT_IS)
        self._join(campaign, outcomes, set(found))
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _join(
        self, campaign: str, outcomes: dict[str, Outcome], contacts: set[str]
    ) -> None:
        ids = {
            key: outcome.remote_id
            for key, outcome in outcomes.items()
            if outcome.state is OutcomeState.SYNCED
        }
        members = self._members(campaign, ids.values())
        rows = {
            key: {
                "attributes": {"type": "CampaignMember"},
                "CampaignId": campaign,
                "ContactId" if key in contacts else "LeadId": number,
            }
            for key, number in ids.items()
            if number not in members
        }
        if not rows:
            return
        for key, outcome in self.save("POST", rows).items():
            there = outcome.reason is Reason.DUPLICATE  # joined a moment ago
            if outcome.state is not OutcomeState.SYNCED and not there:
                self._require(campaign)
                outcomes[key] = outcome

    def _require(self, campaign: str) -> None:
        """A deleted campaign refuses each member, but is no fault of theirs."""
        if campaign not in self._required:
            soql = f"SELECT Id FROM Campaign WHERE Id = {literal(campaign)}"
            if not list(self.query(soql)):
                raise TargetError("Salesforce does not have this campaign any more.")
            self._required.add(campaign)

    @cached_property
    def _required(self) -> set[str]:
        return set()

    def _members(self, campaign: str, ids: Iterable[str]) -> dict[str, str]:
        """Record id -> id of the membership."""
        found: dict[str, str] = {}
        for group in groups(ids, limit=4000):
            among = ", ".join(group)
            soql = (
                "SELECT Id, LeadId, ContactId FROM CampaignMember "
                f"WHERE CampaignId = {literal(campaign)} "
                f"AND (LeadId IN ({among}) OR ContactId IN ({among}))"
            )
            for row in self.query(soql):
                for name in ("LeadId", "ContactId"):
                    if row.get(name):
                        found[str(row[name])] = str(row["Id"])
        return found

    def _people(
        self, emails: Sequence[str], *, whole: bool = False
    ) -> dict[str, list[dict[str, Any]]]:
        """Contacts and leads by lower-case address."""
        find = self.find_whole if whole else self.find
        found: dict[str, list[dict[str, Any]]] = {}
        for thing in ("Contact", "Lead"):
            for key, records in find(emails, thing).items():
                found.setdefault(key, []).extend(records)
        return found

    def memberships(self, emails: Sequence[str], campaign: str) -> list[Subscription]:
        """Where addresses stand in a campaign."""
        people = self._people(emails, whole=True)
        members = self._members(campaign, _ids(people))
        return [
            standing(
                email,
                [r for r in people.get(key_of(email), ()) if str(r["Id"]) in members],
            )
            for email in emails
        ]

    def withdraw(self, emails: Sequence[str], campaign: str) -> list[Outcome]:
        """Take people out of a campaign."""
        people = self._people(emails)
        members = self._members(campaign, _ids(people))
        gone = self.delete(list(dict.fromkeys(members.values())))
        outcomes = []
        for email in emails:
            mine = [
                gone[members[str(record["Id"])]]
                for record in people.get(key_of(email), ())
                if str(record["Id"]) in members
            ]
            failed = [item for item in mine if item.state is not OutcomeState.SYNCED]
            absent = not_there(NOT_A_MEMBER)
            outcomes.append(failed[0] if failed else synced() if mine else absent)
        return outcomes

    def delete(self, ids: Sequence[str]) -> dict[str, Outcome]:
        """Records deleted; an outcome for each id."""
        outcomes: dict[str, Outcome] = {}
        for start in range(0, len(ids), ROWS):
            part = ids[start : start + ROWS]
            results = self.request(
                "DELETE",
                f"{DATA}/composite/sobjects",
                params={"ids": ",".join(part), "allOrNone": "false"},
            )
            outcomes |= zip(part, self.results(results, len(part)), strict=True)
        return outcomes

    def member_changes(self, audience_id: str, campaign: str, cursor: str) -> Page:
        """Every member, from the beginning to the end; then again."""
        after = ""
        parts = parse_place(cursor, str, str)
        if parts is not None:
            owner, after = parts
            if owner != audience_id or not RECORD_ID.fullmatch(after):
                raise expired()
        behind = f" AND Id > {literal(after)}" if after else ""
        soql = (
            "SELECT Id, LeadId, ContactId FROM CampaignMember "
            f"WHERE CampaignId = {literal(campaign)}{behind} ORDER BY Id LIMIT {ROWS}"
        )
        rows = list(self.query(soql))
        changes = []
        for thing in THINGS:
            # A lead that was converted is a member as both.
            ids = [str(r[f"{thing}Id"]) for r in rows if r.get(f"{thing}Id")]
            for group in groups(ids):
                whole = (
                    f"SELECT FIELDS(ALL) FROM {thing} "
                    f"WHERE Id IN ({', '.join(group)}) LIMIT {ROWS}"
                )
                for record in self.whole(whole):
                    if record.get("Email") and not record.get("IsConverted"):
                        changes.append(change_of(record, audience_id))
        more = len(rows) >= ROWS
        return Page(
            changes=tuple(changes),
            cursor=to_place(audience_id, str(rows[-1]["Id"]) if more else ""),
            complete=True,
            more=more,
        )


def _ids(people: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    return [str(record["Id"]) for records in people.values() for record in records]
