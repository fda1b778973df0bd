"""Writing leads and contacts to Salesforce."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from integrations.adapters import consent
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    filled,
)
from integrations.adapters.each import key_of, synced
from integrations.adapters.errors import DriftError, Reason, ScopeError, TargetError
from integrations.adapters.salesforce.records import (
    THINGS,
    SalesforceRecords,
)
from integrations.adapters.salesforce.wire import (
    OPT_OUT,
    PROTECTED,
    standing,
    value_of,
)

CONVERTED = (
    "This lead was converted to a contact in Salesforce, so it was left as it is."
)
ELSEWHERE = (
    "They opted out of e-mail under another record in Salesforce, so the new record is "
    "marked as opted out too."
)
EXISTING = "Salesforce has this person already; the rule leaves existing ones alone."
# Salesforce does not mind the case of a field's name; "attributes" names the object.
PROTECTED_KEYS = {"attributes", *(name.lower() for name in PROTECTED)}


class SalesforceWriting(SalesforceRecords):
    """Looks people up, then writes new and known ones in two calls."""

    def write(
        self, contacts: Sequence[Contact], thing: str, options: Options
    ) -> list[Outcome]:
        """Create or update leads or contacts."""
        people: dict[str, dict[str, object]] = {}
        for contact in contacts:
            values = {
                name: value_of(value)
                for name, value in filled(contact.fields).items()
                if name.lower() not in PROTECTED_KEYS
            }
            people.setdefault(key_of(contact.email), {}).update(values)
        found = self.find(people, thing) if people else {}
        outcomes: dict[str, Outcome] = {}
        new: dict[str, dict[str, object]] = {}
        old: dict[str, dict[str, object]] = {}
        kind = {"attributes": {"type": thing}}
        for key, values in people.items():
            records = found.get(key)
            if not records:
                new[key] = {**kind, "Email": key, **values}
                continue
            first = records[0]
            outcomes[key] = known(first, options)
            if outcomes[key].state is OutcomeState.SYNCED and values:
                old[key] = {**kind, "Id": str(first["Id"]), **values}
        opted_out = self._opted_out_elsewhere(new, thing)
        for key in opted_out:
            new[key][OPT_OUT] = True
        for method, rows in (("PATCH", old), ("POST", new)):
            if rows:
                outcomes |= self.save(method, rows)
        for key in opted_out:
            if outcomes[key].state is OutcomeState.SYNCED:
                outcomes[key] = replace(outcomes[key], detail=ELSEWHERE)
        for key, records in found.items():
            if outcomes[key].state is OutcomeState.SYNCED:
                outcomes[key] = synced(records[0]["Id"], self.about(key, records))
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _opted_out_elsewhere(self, emails: Iterable[str], thing: str) -> list[str]:
        """Who of the new ones has opted out under the other kind of record: without
        the mark, the new one could be mailed."""
        [other] = THINGS.keys() - {thing}
        try:
            found = self.find(emails, other) if emails else {}
        except (DriftError, ScopeError, TargetError):
            return []  # a user who may not see the other kind cannot mail it either
        return [
            email
            for email, records in found.items()
            if standing(email, records).status == "unsubscribed"
        ]

    def about(self, email: str, records: Sequence[Mapping[str, Any]]) -> str:
        """What one should know about somebody who was there."""
        left = consent.left(standing(email, records), self.label)
        words = [f"{left.detail} The record is updated."] if left else []
        if len(records) > 1:
            words.append(
                f"{len(records)} records have this address; the oldest was updated."
            )
        return " ".join(words)


def known(record: Mapping[str, Any], options: Options) -> Outcome:
    """What becomes of somebody who is there already."""
    words = CONVERTED if record.get("IsConverted") else EXISTING
    if options.update_existing and words is EXISTING:
        return synced(record["Id"])
    return Outcome(
        state=OutcomeState.SKIPPED,
        reason=Reason.EXISTING,
        detail=words,
        remote_id=str(record["Id"]),
    )
