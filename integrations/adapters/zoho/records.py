"""Finding and writing Zoho CRM records without touching anybody's opt-out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    filled,
)
from integrations.adapters.each import (
    by_address,
    existing,
    key_of,
    not_there,
    rejected,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import to_json
from integrations.adapters.paging import all_pages
from integrations.adapters.rest import Rest, look_ups
from integrations.adapters.shapes import Row, id_in
from integrations.adapters.zoho.wire import (
    MODULES,
    OURS,
    OUT,
    REASONS,
    TAGS,
    path_of,
    quoted,
    row_of,
    rows_of,
)

CHUNK = 50  # values after "in", at most
ROWS = 200  # what a query may list for one API credit
NO_RIGHT = ("NO_PERMISSION", "AUTHORIZATION_FAILED")
OPTED_OUT = (
    "Opted out of email in Zoho CRM. The record is up to date there; the opt-out "
    "was not touched."
)


class ZohoRecords(Rest):
    """The writing half: many records a call, those who opted out among them."""

    email_key, state_key = "Email", ""
    left_keys, tags_key = ("Modified_Time",), TAGS

    def status_of(self, row: Row, audience_id: str) -> str:
        return "unsubscribed" if row[OUT] is True else "subscribed"

    def values_of(self, row: Row) -> dict[str, object]:
        ours = (*OURS, TAGS)
        return filled({name: row[name] for name in row if name not in ours})

    def tags_of(self, row: Row) -> tuple[str, ...]:
        return tuple(str(tag.get("name")) for tag in row.get(TAGS) or ())

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        """The first record of each, with the `ids` of all; opted out when one is."""
        path_of(audience_id)
        found: dict[str, Row] = {}
        for some in look_ups(emails, CHUNK):
            for row in self._query(audience_id, some):
                known = found.setdefault(key_of(str(row.get("Email"))), row)
                known.setdefault("ids", []).append(id_in(row))
                known[OUT] = known.get(OUT) is True or row.get(OUT) is True
        return found

    def _query(self, module: str, emails: Sequence[str]) -> Iterator[Row]:
        listed = ",".join(quoted(email) for email in emails)
        query = (
            f"select id, {', '.join(OURS)} from {module} where Email in ({listed}) "
            f"order by Created_Time asc limit {ROWS}"
        )

        def read(offset: int) -> tuple[list[Row], int | None]:
            behind = f" offset {offset}" if offset else ""
            payload = {"select_query": query + behind}
            body = self.request("POST", "/crm/v8/coql", payload=payload)
            rows = rows_of(body)
            more = rows and (body.get("info") or {}).get("more_records")
            return rows, offset + len(rows) if more else None

        return all_pages(read, 0)

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        known = self.find(list(people), audience_id)
        outcomes: dict[str, Outcome] = {}
        if not options.update_existing:
            for key in known.keys() & people.keys():
                outcomes[key] = existing(id_in(known[key]), "Already in Zoho CRM")
        rows = {
            key: row_of(contact, known.get(key))
            for key, contact in people.items()
            if key not in outcomes
        }
        written = self._write_rows("POST", f"{path_of(audience_id)}/upsert", rows)
        for key, outcome in written.items():
            if outcome.reason is Reason.SCOPE and key not in known:
                raise ScopeError(outcome.detail)  # of a known record it is that one's
            done = outcome.state is OutcomeState.SYNCED
            out = done and key in known and known[key][OUT]
            outcomes[key] = replace(outcome, detail=OPTED_OUT) if out else outcome
        self._tag(audience_id, people, outcomes, options)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _write_rows(
        self, method: str, path: str, rows: Mapping[str, Mapping[str, object]]
    ) -> dict[str, Outcome]:
        """One call; every row has its own answer, whatever the status of all."""
        if not rows:
            return {}
        payload: dict[str, object] = {"data": list(rows.values())}
        if method == "POST":
            payload["duplicate_check_fields"] = ["Email"]
        answer = self.send(method, path, data=to_json(payload))
        found = answer.object().get("data")
        partly = answer.status == 400 and isinstance(found, list)
        if not partly or len(found or ()) != len(rows):
            found = rows_of(self.parsed(answer))
        if len(found or ()) != len(rows):
            raise self._unreadable(answer.status)
        return {
            key: self._outcome(row) for key, row in zip(rows, found or (), strict=True)
        }

    def _outcome(self, row: Mapping[str, Any]) -> Outcome:
        code = str(row.get("code", ""))
        details = row.get("details") or {}
        if code == "SUCCESS":
            return synced(details.get("id"))
        field = str(details.get("api_name") or "")
        words = self.safe(": ".join(x for x in (field, str(row.get("message"))) if x))
        if code == "RECORD_LOCKED":
            return Outcome(state=OutcomeState.RETRY, reason=Reason.SERVER, detail=words)
        if code in NO_RIGHT:
            return rejected(Reason.SCOPE, words)
        if code == "INVALID_MODULE":
            raise TargetError(words)
        if field == "Email" and code == "INVALID_DATA":
            return rejected(Reason.ADDRESS_INVALID, words)
        return rejected(REASONS.get(code, Reason.REFUSED), words)

    def _tag(
        self,
        module: str,
        people: Mapping[str, Contact],
        outcomes: dict[str, Outcome],
        options: Options,
    ) -> None:
        """Tags are added to those that a record has."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for key, contact in people.items():
            tags = tuple(tags_for(contact, options))
            if tags and outcomes[key].state is OutcomeState.SYNCED:
                groups.setdefault(tags, []).append(key)
        for tags, keys in groups.items():
            payload = {
                "tags": [{"name": tag} for tag in tags],
                "ids": [outcomes[key].remote_id for key in keys],
                "over_write": False,
            }
            try:
                path = f"{path_of(module)}/actions/add_tags"
                answers = rows_of(self.request("POST", path, payload=payload))
                refused = {
                    key: self._outcome(row).detail
                    for key, row in zip(keys, answers, strict=False)
                    if row.get("code") != "SUCCESS"
                }
            except RejectedError as error:
                refused = dict.fromkeys(keys, error.detail)
            for key, words in refused.items():
                note = f"{outcomes[key].detail} Not tagged: {words}".strip()
                outcomes[key] = replace(outcomes[key], detail=note)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Sets the flag on every record of the address."""
        found = self.find(emails, audience_id)
        ids = [id for row in found.values() for id in row["ids"]]
        done: dict[str, Outcome] = {}
        for start in range(0, len(ids), self.batch_size):
            some = ids[start : start + self.batch_size]
            rows = {id: {"id": id, OUT: True} for id in some}
            done |= self._write_rows("PUT", path_of(audience_id), rows)
        absent = not_there("Not in this module.")
        worst = {
            key: max((done[id] for id in row["ids"]), key=lambda o: o.state != "synced")
            for key, row in found.items()
        }
        return [worst.get(key_of(email), absent) for email in emails]

    def erase(self, email: str) -> Receipt:
        """Deletes leads and contacts with the address."""
        erased: list[str] = []
        for module in MODULES:
            for row in self.find([email], module).values():
                params = {"ids": ",".join(row["ids"])}
                body = self.request("DELETE", path_of(module), params=params)
                for answer in rows_of(body):
                    outcome = self._outcome(answer)
                    if outcome.state is not OutcomeState.SYNCED:
                        return Receipt(ok=False, note=outcome.detail)
                erased.append(module)
        return self.erased(
            erased,
            f"Deleted from {' and '.join(erased)}. Zoho keeps deleted records in its "
            "recycle bin for 60 days.",
        )
