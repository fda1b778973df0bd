"""Leads, contacts and members of campaigns in Salesforce: where they stand, writing
them, opting them out. A person is all the records that have an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from integrations.adapters import consent
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.each import by_address, existing, key_of, not_there, synced
from integrations.adapters.errors import (
    DriftError,
    Reason,
    ScopeError,
    TargetError,
)
from integrations.adapters.salesforce.records import (
    BOUNCED_AT,
    OPT_OUT,
    THINGS,
    Outcomes,
    SalesforceRecords,
    by_person,
    literal,
    target_of,
)
from integrations.adapters.shapes import Row

# Never written: who somebody is, and whether they may be mailed. Salesforce does not
# mind the case of a field's name; "attributes" names the object.
PROTECTED = {
    *("attributes", "id", "email", OPT_OUT.lower(), BOUNCED_AT.lower()),
    "emailbouncedreason",
}
SYSTEM = PROTECTED | {
    *("isdeleted", "systemmodstamp", "createddate", "createdbyid", "lastmodifieddate"),
    *("lastmodifiedbyid", "masterrecordid", "isconverted", "lastvieweddate"),
    *("lastreferenceddate", "lastactivitydate", "isemailbounced"),
}
CONVERTED = (
    "This lead was converted to a contact in Salesforce, so it was left as it is."
)
ELSEWHERE = (
    "They opted out of e-mail under another record in Salesforce, so the new record is "
    "marked as opted out too."
)
AS_THEY_ARE = "Joined as who they are there; that record was left as it was."
SEVERAL = "{} records have this address; the oldest was updated."


class SalesforcePeople(SalesforceRecords):
    """Looks people up, then writes new and known ones in a call each."""

    email_key, id_key, state_key = "Email", "Id", ""
    left_keys = ("SystemModstamp",)
    look_up = "many"
    erasing = (
        "Deleted. Salesforce keeps deleted records in the recycle bin for 15 days: "
        "empty it to erase them at once."
    )

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        rows, _ = self.people(emails, audience_id, whole=True)
        return {key: person_of(own) for key, own in by_person(rows).items()}

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        is_whole = row is not None and "CreatedDate" in row
        return known if is_whole else replace(known, fields=None)

    def status_of(self, row: Row, audience_id: str) -> str:
        if row[OPT_OUT]:
            return "unsubscribed"
        return "bounced" if row[BOUNCED_AT] else "subscribed"

    def values_of(self, row: Row) -> dict[str, object]:
        """A record's single values."""
        singles = {
            name: value
            for name, value in row.items()
            if name.lower() not in SYSTEM and not isinstance(value, (dict, list))
        }
        return filled(singles)

    def record_of(self, contact: Contact) -> Row:
        return {
            name: value_of(value)
            for name, value in filled(contact.fields).items()
            if name.lower() not in PROTECTED
        }

    def left_words(self, rows: Sequence[Row]) -> str:
        """What one should know about somebody who left, "" for others."""
        left = consent.left(self.standing("", person_of(rows), ""), self.label)
        return left.detail if left else ""

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        """Who is a contact joins a campaign as one, everybody else as a lead."""
        thing, campaign = target_of(audience_id)
        people = by_address(contacts)
        joining = by_person(self.records(people, "Contact")) if campaign else {}
        outcomes = {key: self.as_they_are(rows) for key, rows in joining.items()}
        others = {key: who for key, who in people.items() if key not in joining}
        outcomes |= self.write(others, thing, options, joining=bool(campaign))
        if campaign:
            outcomes |= self.join(campaign, outcomes, joining)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def write(
        self, people: Mapping[str, Contact], thing: str, options: Options, joining: bool
    ) -> Outcomes:
        """Creates or updates leads or contacts, new and known ones in a call each."""
        found = by_person(self.records(people, thing))
        outcomes = {
            key: self.known(rows, options, joining) for key, rows in found.items()
        }
        values = {key: self.record_of(contact) for key, contact in people.items()}
        new = {key: {"Email": key, **values[key]} for key in people if key not in found}
        old = {
            key: {"Id": outcome.remote_id, **values[key]}
            for key, outcome in outcomes.items()
            if done(outcome) and options.update_existing and values[key]
        }
        marked = self.opted_out_elsewhere(new, thing)
        for key in marked:
            new[key][OPT_OUT] = True
        saved = self.save("PATCH", thing, old) | self.save("POST", thing, new)
        for key, outcome in saved.items():
            if key in marked and done(outcome):
                outcomes[key] = replace(outcome, detail=ELSEWHERE)
            elif key in new or not done(outcome):
                outcomes[key] = outcome
        return outcomes

    def known(self, rows: Sequence[Row], options: Options, joining: bool) -> Outcome:
        """What becomes of somebody who is there already. Who is `joining` a campaign
        does so even where the rule leaves their record alone."""
        there = existing(rows[0]["Id"], "Salesforce has this person already")
        if rows[0].get("IsConverted"):
            return replace(there, detail=CONVERTED)
        if not options.update_existing:
            return self.as_they_are(rows) if joining else there
        left = self.left_words(rows)
        words = [f"{left} The record is updated."] if left else []
        if len(rows) > 1:
            words.append(SEVERAL.format(len(rows)))
        return synced(rows[0]["Id"], " ".join(words))

    def as_they_are(self, rows: Sequence[Row]) -> Outcome:
        """Of somebody who joins a campaign without a change of their record."""
        words = f"{self.left_words(rows)} {AS_THEY_ARE}".strip()
        return synced(rows[0]["Id"], words)

    def opted_out_elsewhere(self, emails: Iterable[str], thing: str) -> set[str]:
        """Who of the new ones has opted out under the other kind of record: without
        the mark, the new one could be mailed."""
        [other] = THINGS.keys() - {thing}
        try:
            found = self.records(emails, other)
        except (DriftError, ScopeError, TargetError):
            return set()  # who may not see the other kind cannot mail it either
        return {key_of(row["Email"]) for row in found if row[OPT_OUT]}

    def join(
        self, campaign: str, outcomes: Outcomes, contacts: Mapping[str, object]
    ) -> Outcomes:
        """Makes members of those who are synced. The outcomes of who cannot be one."""
        ids = {key: item.remote_id for key, item in outcomes.items() if done(item)}
        members = self.members(campaign, list(ids.values()))
        rows: dict[str, Row] = {}
        for key, id in ids.items():
            if id not in members:
                name = "ContactId" if key in contacts else "LeadId"
                rows[key] = {"CampaignId": campaign, name: id}
        saved = self.save("POST", "CampaignMember", rows)
        lost = {key: saved[key] for key in saved if not is_member(saved[key])}
        soql = f"SELECT Id FROM Campaign WHERE Id = {literal(campaign)}"
        if lost and not list(self.query(soql)):
            # It refuses each member, but that is no fault of theirs.
            raise TargetError("Salesforce does not have this campaign any more.")
        return lost

    # Leaving.

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        thing, campaign = target_of(audience_id)
        rows, members = self.people(emails, audience_id)
        if campaign:
            absent = not_there("Not a member of this campaign.")
            gone = self.delete(list(dict.fromkeys(members.values())))
            results = {id: gone[member] for id, member in members.items()}
        else:
            absent = not_there("Salesforce does not know this address.")
            marked = {
                row["Id"]: {"Id": row["Id"], OPT_OUT: True}
                for row in rows
                if not row[OPT_OUT] and not row.get("IsConverted")
            }
            results = self.save("PATCH", thing, marked)
        people = by_person(rows)

        def opted_out(email: str) -> Outcome:
            ids = [row["Id"] for row in people.get(key_of(email), ())]
            mine = (results[id] for id in ids if id in results)
            failed = (result for result in mine if not done(result))
            return next(failed, synced(ids[0])) if ids else absent

        return [opted_out(email) for email in emails]

    def erase(self, email: str) -> Receipt:
        """Deletes the leads and contacts with the address."""
        ids = [row["Id"] for thing in THINGS for row in self.records([email], thing)]
        outcomes = self.delete(ids).values()
        kept = [item.detail for item in outcomes if not done(item)]
        if kept:
            return Receipt(ok=False, note=f"Not deleted: {' '.join(kept)}")
        return self.erased(ids, self.erasing)


def done(outcome: Outcome) -> bool:
    return outcome.state is OutcomeState.SYNCED


def is_member(outcome: Outcome) -> bool:
    """Of somebody who was to join: a duplicate has joined a moment ago."""
    return done(outcome) or outcome.reason is Reason.DUPLICATE


def person_of(rows: Sequence[Row]) -> Row:
    """The first of somebody's records. An opt-out or a bounce of one counts for all."""
    marks = {name: any(row[name] for row in rows) for name in (OPT_OUT, BOUNCED_AT)}
    return {**rows[0], **marks}


def value_of(value: object) -> object:
    """A value as the JSON of a record takes it."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ";".join(str(part) for part in value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return value.isoformat() if isinstance(value, date) else value
