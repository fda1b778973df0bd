"""Queries on the simulated organisation."""

from __future__ import annotations

import re

from integrations.sandbox.book import made_up
from integrations.sandbox.booked import Call
from integrations.sandbox.messages import Json
from integrations.sandbox.salesforce import words
from integrations.sandbox.salesforce.campaigns import CAMPAIGN, MEMBER, Campaigns
from integrations.sandbox.salesforce.records import THINGS
from integrations.sandbox.salesforce.soql import Malformed, Parser, Query, plain
from integrations.sandbox.store import Store

MOST = 200  # records of a collection, and of FIELDS(ALL)
ORGANISATION = {
    "Id": "00D5e000001SandEAA",
    "Name": "Provider sandbox",
    "IsSandbox": True,
    "OrganizationType": "Developer Edition",
}


class Queries(Campaigns):
    """SOQL over REST. A query that finds more than a page is remembered."""

    def __init__(self, store: Store) -> None:
        self._cursors: dict[str, list[Json]] = {}
        super().__init__(store)

    def query(self, call: Call) -> Json:
        return self._query(call, deleted=False)

    def query_all(self, call: Call) -> Json:
        return self._query(call, deleted=True)

    def _query(self, call: Call, *, deleted: bool) -> Json:
        text = call.query.get("q", "")
        try:
            query = Parser(text).parse()
        except Malformed as error:
            raise words.refused(400, "MALFORMED_QUERY", str(error)) from None
        rows = self._rows(query, deleted=deleted)
        if query.fields == ["COUNT()"]:
            return {"totalSize": len(rows), "done": True, "records": []}
        wanted = self._wanted(query)
        records = [
            {
                "attributes": {
                    "type": query.thing,
                    "url": f"/services/data/v64.0/sobjects/{query.thing}/{row['Id']}",
                },
                **{name: row.get(name) for name in wanted},
            }
            for row in rows
        ]
        option = call.request.headers.get("sforce-query-options", "")
        size = re.search(r"batchSize=(\d+)", option)
        batch = min(max(int(size[1]), MOST), 2000) if size else 2000
        return self._page(records, 0, batch, call)

    def _rows(self, query: Query, *, deleted: bool) -> list[Json]:
        names: list[str]
        if query.thing == "Organization":
            rows, names = [dict(ORGANISATION)], list(ORGANISATION)
        elif query.thing == "Campaign":
            rows, names = self.campaigns(), list(CAMPAIGN)
        elif query.thing == "CampaignMember":
            rows, names = self.memberships(), list(MEMBER)
        else:
            thing = self._thing(query.thing, 400, "INVALID_TYPE")
            rows = [self.view(p) for p in self.records(thing, deleted=deleted)]
            names = self.names(thing)
        for name in (*query.names, *query.fields):
            if name not in names and "(" not in name:
                text = f"No such column '{name}' on entity '{query.thing}'."
                raise words.refused(400, "INVALID_FIELD", text)
        rows = [row for row in rows if query.test(row)]
        for name, down in reversed(query.order):
            rows.sort(
                key=lambda row: (row[name] is not None, plain(row[name])), reverse=down
            )
        end = None if query.limit is None else query.offset + query.limit
        return rows[query.offset : end]

    def _wanted(self, query: Query) -> list[str]:
        names: list[str] = []
        for column in query.fields:
            if not column.startswith("FIELDS("):
                names.append(column)
                continue
            if column != "FIELDS(STANDARD)" and not 0 < (query.limit or 0) <= MOST:
                text = "The SOQL FIELDS function must have a LIMIT of at most 200"
                raise words.refused(400, "MALFORMED_QUERY", text)
            custom = column == "FIELDS(CUSTOM)"
            names += [
                name
                for name in self.names(query.thing)
                if column == "FIELDS(ALL)" or name.endswith("__c") == custom
            ]
        if len(set(names)) < len(names):
            raise words.refused(400, "INVALID_FIELD", "duplicate field selected")
        return names

    def _page(self, records: list[Json], start: int, size: int, call: Call) -> Json:
        document: Json = {"totalSize": len(records), "done": True}
        page = records[start : start + size]
        if start + size < len(records):
            key = f"01g5e{made_up(str(id(records)), 13)}"
            self._cursors[key] = records
            version = call.params["version"]
            following = f"/services/data/{version}/query/{key}-{start + size}"
            document |= {"done": False, "nextRecordsUrl": following}
        return {**document, "records": page}

    def more(self, call: Call) -> Json:
        key, _, start = call.params["locator"].rpartition("-")
        if key not in self._cursors or not start.isdigit():
            text = "invalid query locator"
            raise words.refused(400, "INVALID_QUERY_LOCATOR", text)
        return self._page(self._cursors[key], int(start), 2000, call)

    def _thing(self, name: str, status: int = 404, code: str = "NOT_FOUND") -> str:
        if name not in THINGS:
            text = f"sObject type '{name}' is not supported." if status == 400 else ""
            raise words.refused(status, code, text)
        return name
