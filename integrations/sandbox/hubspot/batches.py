"""Batch calls on the simulated HubSpot's contacts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.sandbox.book import Person, now
from integrations.sandbox.booked import Call
from integrations.sandbox.hubspot import words
from integrations.sandbox.hubspot.contacts import BATCH, MISSING, Contacts, details
from integrations.sandbox.hubspot.values import stamp
from integrations.sandbox.messages import Json, Response, json_response

Result = Json | list[Json]  # a record, or what is wrong with the input


class Batches(Contacts):
    """Up to 100 inputs. Where all inputs have an objectWriteTraceId the good ones are
    done and the answer is 207; otherwise one bad input spoils the batch: 400."""

    def batch_read(self, call: Call) -> Response:
        body = call.json() or {}
        by = str(body.get("idProperty") or "")
        archived = call.query.get("archived", "").lower() == "true"
        wanted = list(body.get("properties") or ())
        history = list(body.get("propertiesWithHistory") or ())
        results, missing = [], []
        for item in self.inputs(call):
            person = self.person(str(item.get("id", "")), by, archived=archived)
            if person is None:
                missing.append(str(item.get("id", "")))
                continue
            row = self.record(person, wanted)
            if "email" in history:
                row["propertiesWithHistory"] = {"email": self._history(person)}
            if row not in results:
                results.append(row)
        errors = []
        if missing:
            errors = [failure("OBJECT_NOT_FOUND", MISSING, {"ids": missing})]
        return finished(results, errors)

    def _history(self, person: Person) -> list[Json]:
        newest = {
            "value": person.email,
            "timestamp": stamp(person.changed_at),
            "sourceType": "API",
        }
        return [newest, *person.extra.get("history", ())]

    def batch_create(self, call: Call) -> Response:
        def one(item: Json) -> Result:
            values = dict(item.get("properties") or {})
            email = str(values.pop("email", "")).strip()
            existing = self.person(email, "email")
            if existing is not None:
                text = f"Contact already exists. Existing ID: {existing.id}"
                return [words.problem("email", "CONFLICT", text)]
            if problems := self.check(email, values, new=True, faults=call.faults):
                return problems
            return self.record(self.create(email, values), list(values))

        return self._batch(call, one, 201)

    def batch_update(self, call: Call) -> Response:
        def one(item: Json) -> Result:
            person = self.person(str(item.get("id")), str(item.get("idProperty") or ""))
            if person is None:
                return [words.problem("id", "OBJECT_NOT_FOUND", MISSING)]
            values = dict(item.get("properties") or {})
            if problems := self.check(
                person.email, values, new=False, faults=call.faults
            ):
                return problems
            self.write(person, values)
            return self.record(person, list(values))

        return self._batch(call, one)

    def batch_upsert(self, call: Call) -> Response:
        def one(item: Json) -> Result:
            values = dict(item.get("properties") or {})
            if item.get("idProperty") != "email":
                text = "Unable to perform update/upsert by non-unique 0-1 property"
                return [words.problem("idProperty", "INVALID_ID_PROPERTY", text)]
            email = str(item.get("id") or "").strip()
            person = self.person(email, "email")
            problems = self.check(email, values, new=person is None, faults=call.faults)
            if problems:
                return problems
            new = person is None
            if person is None:
                person = self.create(email, values)
            else:
                self.write(person, values)
            return self.record(person, list(values), new=new)

        return self._batch(call, one)

    def batch_archive(self, call: Call) -> Response:
        for item in self.inputs(call):
            person = self.person(str(item.get("id", "")))
            if person is not None:
                self.put_away(person)
        return Response(status=204)

    def inputs(self, call: Call) -> list[Json]:
        body: Any = call.json()
        rows = body.get("inputs") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not rows:
            raise words.refused(400, "Some required fields were not set: [inputs]")
        if len(rows) > BATCH:
            text = (
                f"The maximum number of inputs supported in a batch request is {BATCH}"
            )
            raise words.refused(400, text)
        keys = [(row.get("id"), row.get("idProperty")) for row in rows if "id" in row]
        if len(set(keys)) < len(keys):
            raise words.refused(400, "Duplicate IDs found in batch input")
        return rows

    def _batch(
        self, call: Call, one: Callable[[Json], Result], status: int = 200
    ) -> Response:
        rows = self.inputs(call)
        traced = all(row.get("objectWriteTraceId") for row in rows)
        results, errors = [], []
        if not traced and (problems := self._spoilt(call, rows)):
            raise words.refused(400, words.invalid(problems), errors=details(problems))
        for row in rows:
            done = one(row)
            trace = row.get("objectWriteTraceId")
            if isinstance(done, dict):
                results.append(
                    {**done, **({"objectWriteTraceId": trace} if trace else {})}
                )
                continue
            if not traced:
                if done[0]["error"] == "CONFLICT":
                    raise words.refused(409, done[0]["message"], "CONFLICT")
                raise words.refused(400, words.invalid(done), errors=details(done))
            errors.append(
                failure(
                    "VALIDATION_ERROR",
                    words.invalid(done),
                    {"objectWriteTraceId": [str(trace)]},
                    details(done),
                )
            )
        return finished(results, errors, status)

    def _spoilt(self, call: Call, rows: list[Json]) -> list[Json]:
        """What is wrong before anything is written."""
        found = []
        for row in rows:
            values = dict(row.get("properties") or {})
            email = str(values.pop("email", "") or row.get("id") or "")
            known = self.person(email, "email") or self.person(email)
            found += self.check(
                known.email if known else email,
                values,
                new=known is None,
                faults=call.faults,
            )
        return found


def failure(
    category: str, message: str, context: Json, errors: list[Json] | None = None
) -> Json:
    return {
        "status": "error",
        "category": category,
        "message": message,
        "context": context,
        "errors": errors or [],
        "links": {},
    }


def finished(
    results: list[Json], errors: list[Json] | None = None, status: int = 200
) -> Response:
    """A batch's answer: 207 when something in it went wrong."""
    document: Json = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": stamp(now()),
        "completedAt": stamp(now()),
    }
    if errors:
        document |= {"numErrors": len(errors), "errors": errors}
    return json_response(document, 207 if errors else status)
