"""simple-salesforce, an independent client, meets the simulator."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce as Client
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from integrations.sandbox.testing import RunningSandbox

TOKEN = "00D5e000001Sand!AQ0123456789"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # opted out
ADA = {"Email": "ada@x.example", "LastName": "Lovelace", "Company": "Engines"}


class ToSandbox(HTTPAdapter):
    """The client only speaks https to a bare host: lead it to the sandbox."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: Any, **kwargs: Any) -> Any:
        host = "https://acme.my.salesforce.com"
        request.url = request.url.replace(host, self.base, 1)
        return super().send(request, **kwargs)


def client_of(sandbox: RunningSandbox, token: str = TOKEN) -> Client:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToSandbox(sandbox.base_url("salesforce")))
    return Client(
        instance_url="https://acme.my.salesforce.com",
        session_id=token,
        session=session,
        version="64.0",
    )


@pytest.fixture
def sf(sandbox: RunningSandbox) -> Client:
    return client_of(sandbox)


def test_a_lead_from_creation_to_the_recycle_bin(sf: Client) -> None:
    made = sf.Lead.create(ADA)
    assert made["success"] and len(made["id"]) == 18
    assert sf.Lead.get(made["id"])["Name"] == "Lovelace"
    assert sf.Lead.update(made["id"], {"Phone": "1"}) == 204
    [row] = sf.query("SELECT Id, Phone FROM Lead WHERE Email = 'ADA@x.example'")[
        "records"
    ]
    assert (row["Id"], row["Phone"]) == (made["id"], "1")
    assert sf.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Lead.get(made["id"])
    gone = "SELECT Id, IsDeleted FROM Lead WHERE IsDeleted = TRUE"
    assert sf.query(gone)["totalSize"] == 0
    [row] = sf.query(gone, include_deleted=True)["records"]
    assert row["IsDeleted"] is True


def test_describe(sf: Client) -> None:
    fields = {row["name"]: row for row in sf.Lead.describe()["fields"]}
    assert not fields["Company"]["nillable"]
    assert fields["Rating"]["picklistValues"][0]["value"] == "Hot"
    assert not fields["SystemModstamp"]["updateable"]
    names = [row["name"] for row in sf.describe()["sobjects"]]
    assert names == ["Lead", "Contact"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Email IN ('alan.turing@bletchley.example', 'x@x.example')", [ALAN]),
        ("HasOptedOutOfEmail = true", [ALAN]),
        ("NOT HasOptedOutOfEmail = true AND Email != null", [GRACE]),
        ("LastName LIKE 'Hop%' OR (LastName = 'x' AND Company = 'y')", [GRACE]),
        ("LastName NOT IN ('Hopper')", [ALAN]),
        ("SystemModstamp > 2099-01-01T00:00:00Z", []),
        (
            "SystemModstamp >= 2020-01-01T00:00:00.000+00:00 AND Phone = null",
            [ALAN, GRACE],
        ),
        ("LastName = 'O\\'Hara\\\\'", []),
    ],
)
def test_conditions(sf: Client, where: str, found: list[str]) -> None:
    soql = f"SELECT Email FROM Lead WHERE {where} ORDER BY Email ASC"
    assert [row["Email"] for row in sf.query(soql)["records"]] == found


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Email = 'x' OR", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Email = 'a'b'", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Colour FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Colour = 'x'", "INVALID_FIELD"),
        ("SELECT Id, FIELDS(ALL) FROM Lead LIMIT 200", "INVALID_FIELD"),
        ("SELECT Id FROM Llama", "INVALID_TYPE"),
    ],
)
def test_queries_that_make_no_sense(sf: Client, soql: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.query(soql)
    assert caught.value.content[0]["errorCode"] == code


def test_pages_of_a_query(sf: Client) -> None:
    rows = [
        {**ADA, "Email": f"p{n}@x.example", "LastName": f"P{n}"} for n in range(250)
    ]
    for start in (0, 200):
        records = [
            {"attributes": {"type": "Lead"}, **r} for r in rows[start : start + 200]
        ]
        done = sf.restful(
            "composite/sobjects", method="POST", json={"records": records}
        )
        assert all(row["success"] for row in done)
    first = sf.query(
        "SELECT Id FROM Lead", headers={"Sforce-Query-Options": "batchSize=200"}
    )
    assert (first["done"], first["totalSize"], len(first["records"])) == (
        False,
        252,
        200,
    )
    rest = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert (rest["done"], len(rest["records"])) == (True, 52)
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 252
    limited = sf.query("SELECT Id FROM Lead ORDER BY Id LIMIT 2 OFFSET 251")
    assert len(limited["records"]) == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Company": None}, "REQUIRED_FIELD_MISSING"),
        ({"Email": "nobody"}, "INVALID_EMAIL_ADDRESS"),
        ({"Email": "fake@x.example"}, "INVALID_EMAIL_ADDRESS"),
        ({"Rating": "Warm"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Company": "x" * 256}, "STRING_TOO_LONG"),
        ({"CreatedDate": "2026-01-01"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Colour": "red"}, "INVALID_FIELD"),
        ({"Email": GRACE, "LastName": "hopper"}, "DUPLICATES_DETECTED"),
    ],
)
def test_records_that_are_refused(sf: Client, values: Any, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.Lead.create({**ADA, **values})
    assert caught.value.content[0]["errorCode"] == code
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 2


def test_the_duplicate_rule_can_be_passed(sf: Client) -> None:
    twin = {**ADA, "Email": GRACE, "LastName": "Hopper"}
    header = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
    assert sf.Lead.create(twin, headers=header)["success"]
    where = f"WHERE Email = '{GRACE}'"
    assert sf.query(f"SELECT COUNT() FROM Lead {where}")["totalSize"] == 2


def test_collections(sf: Client) -> None:
    def rows(method: str, *records: Any, **more: Any) -> Any:
        body = {"records": [{"attributes": {"type": "Lead"}, **r} for r in records]}
        return sf.restful("composite/sobjects", method=method, json={**body, **more})

    bad = {**ADA, "Email": "nobody"}
    whole = rows("POST", ADA, bad, allOrNone=True)
    assert [row["success"] for row in whole] == [False, False]
    assert whole[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    some = rows("POST", ADA, bad)
    assert [row["success"] for row in some] == [True, False]
    key = some[0]["id"]
    changed = rows("PATCH", {"id": key, "Phone": "1"}, {"id": "00Q5e0000000099EAA"})
    assert [row["success"] for row in changed] == [True, False]
    with pytest.raises(SalesforceMalformedRequest):
        rows("POST", *[ADA] * 201)
    twice = {"ids": f"{key},{key}", "allOrNone": "false"}
    done = sf.restful("composite/sobjects", params=twice, method="DELETE")
    assert [row["success"] for row in done] == [True, False]


def test_a_plain_write_takes_an_opt_out_back(sf: Client) -> None:
    [row] = sf.query(f"SELECT Id FROM Lead WHERE Email = '{ALAN}'")["records"]
    sf.Lead.update(row["Id"], {"HasOptedOutOfEmail": False})
    assert sf.Lead.get(row["Id"])["HasOptedOutOfEmail"] is False


def test_limits_and_a_wrong_token(sf: Client, sandbox: RunningSandbox) -> None:
    assert sf.limits()["DailyApiRequests"]["Max"] == 15_000
    assert sf.api_usage["api-usage"].total == 15_000
    for token in ("bad-token-000", "short"):
        with pytest.raises(SalesforceExpiredSession) as caught:
            client_of(sandbox, token).query("SELECT Id FROM Lead")
        assert caught.value.content[0]["errorCode"] == "INVALID_SESSION_ID"
