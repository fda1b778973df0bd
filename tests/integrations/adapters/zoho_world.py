"""Zoho CRM's answers, as its API reference shows them, and the requests we make."""

from __future__ import annotations

import json
from typing import Any

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.zoho import Zoho
from tests.integrations.conformance import Leaver, Operation, Step

HOST = "https://www.zohoapis.com"
API = f"{HOST}/crm/v8"
SECRETS = {
    "access_token": "1000.2deaf8d0c268e3c8.703adef2bb33",
    "region": "zoho.com",
    "webhook_secret": "channel-secret-of-ours",
}
HOOK = "https://us.example/hooks/zoho/7/s3cr3t/"
CHANNEL = "1093205376514"
NEW, OLD, BAD, LEFT = "new@x.org", "old@x.org", "bad@x.org", "left@x.org"
ID, OTHER_ID = "3652397000000649013", "3652397000000649014"
BY = {"name": "Patricia Boyle", "id": "3652397000000186017"}
AT = "2026-08-01T12:00:00+02:00"

FLAGS = (
    *("webhook", "colour_code_enabled_by_system", "field_read_only", "read_only"),
    *("businesscard_supported", "filterable", "separator", "searchable"),
    *("history_tracking_enabled", "enable_colour_code", "system_mandatory"),
    *("virtual_field", "public", "custom_field", "display_field", "sortable"),
    *("pick_list_values_sorted_lexically", "mass_update"),
)
NULLS = ("association_details", "multi_module_lookup", "external", "range", "currency")


def field(name: str, label: str, kind: str, *options: str, **more: Any) -> Any:
    return {
        **dict.fromkeys(FLAGS, False),
        **dict.fromkeys(NULLS),
        "id": "3652397000000002591",
        "api_name": name,
        "field_label": label,
        "display_label": label,
        "data_type": kind,
        "type": "used",
        "visible": True,
        "operation_type": {
            "web_update": True,
            "api_create": True,
            "web_create": True,
            "api_update": True,
        },
        "profiles": [],
        "view_type": {"view": True, "edit": True, "quick_create": True, "create": True},
        "unique": {},
        "pick_list_values": [
            {
                "display_value": text,
                "sequence_number": 1,
                "reference_value": text,
                "actual_value": text,
                "id": "3652397000000003409",
                "type": "used",
            }
            for text in options
        ],
        "created_source": "default",
        "display_type": -1,
        "ui_type": 127,
        "email_parser": {
            "fields_update_supported": True,
            "record_operations_supported": True,
        },
        "lookup": {},
        "convert_mapping": {},
        "rollup_summary": {},
        "formula": {},
        "multiselectlookup": {},
        "auto_number": {},
        **more,
    }


FIELDS = {
    "fields": [
        field("Email", "Email", "email"),
        field("Email_Opt_Out", "Email Opt Out", "boolean"),
        field("Last_Name", "Last Name", "text", system_mandatory=True),
        field("Company", "Company", "text", system_mandatory=True),
        field("Lead_Source", "Lead Source", "picklist", "-None-", "Web", "Shop"),
        field("Annual_Revenue", "Annual Revenue", "currency"),
        field("Owner", "Lead Owner", "ownerlookup"),
        field("Score", "Score", "integer", read_only=True),
    ]
}


def module(name: str, label: str, **more: Any) -> dict[str, Any]:
    return {
        "global_search_supported": True,
        "public_fields_configured": False,
        "recycle_bin_on_delete": True,
        "has_more_profiles": False,
        "sub_menu_available": True,
        "profile_count": 2,
        "deletable": True,
        "description": None,
        "id": "3652397000000002175",
        "profiles": [],
        "status": "visible",
        "sequence_number": 2,
        "api_name": name,
        "plural_label": label,
        "api_supported": True,
        "viewable": True,
        "creatable": True,
        "editable": True,
        **more,
    }


MODULES = {
    "modules": [
        module("Leads", "Leads"),
        module("Contacts", "Kontakte", editable=False),
        module("Deals", "Deals"),
        module("Feeds", "Feeds", api_supported=False),
    ]
}
INFO = {"per_page": 200, "count": 1, "page": 1, "more_records": False}
USERS = {"users": [{"id": BY["id"], "email": "me@shop.example"}], "info": INFO}
ORG = {"org": [{"id": "3652397000000000013", "company_name": "The Shop"}]}


def record(email: str, id: str = ID, out: bool = False, **more: Any) -> dict[str, Any]:
    row = {"id": id, "Email": email, "Email_Opt_Out": out, "Modified_Time": AT}
    return {**row, **more}


def page(*rows: Any, more: bool = False, token: str = "") -> dict[str, Any]:
    info = {**INFO, "more_records": more}
    return {"data": list(rows), "info": {**info, "next_page_token": token}}


def good(id: str = ID) -> dict[str, Any]:
    return {
        "code": "SUCCESS",
        "status": "success",
        "message": "record updated",
        "details": {
            "id": id,
            "Modified_Time": AT,
            "Created_Time": AT,
            "Created_By": BY,
            "Modified_By": BY,
            "$approval_state": "approved",
        },
    }


def bad(code: str, field: str = "", message: str = "invalid data") -> dict[str, Any]:
    details = {"api_name": field, "json_path": f"$.data[0].{field}"} if field else {}
    return {"code": code, "status": "error", "message": message, "details": details}


def problem(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "status": "error", "message": message, "details": {}}


UNAUTHORIZED = problem("INVALID_TOKEN", "invalid oauth token")
FORBIDDEN = {"data": [{**bad("NO_PERMISSION"), "message": "permission denied"}]}
MISSING = problem("INVALID_URL_PATTERN", "Please check if the URL trying to access")
REFUSED = problem("INVALID_DATA", "the id given seems to be invalid")

PEOPLE = (
    Contact(email=NEW, fields={"Last_Name": "Ann", "Company": "X"}, tags=("popup",)),
    Contact(email=BAD, fields={"Annual_Revenue": "much"}),
    Contact(email=OLD, fields={"Lead_Source": "Web"}, tags=("popup",)),
)
QUERY = Step(method="POST", url=f"{API}/coql", answer=page(record(OLD)))
NOBODY = Step(method="POST", url=f"{API}/coql", status=204)
UPSERT = f"{API}/Leads/upsert"
TAG = Step(
    method="POST",
    url=f"{API}/Leads/actions/add_tags",
    answer={"data": [{**good(), "details": {"id": ID, "tags": ["popup"]}}]},
)
WHOLE = Step(
    method="GET",
    url=f"{API}/Leads",
    answer=page(record(OLD, Company="X", Last_Name="")),
)
LIST_FIELDS = Step(method="GET", url=f"{API}/settings/fields", answer=FIELDS)
SYNCED, REJECTED = OutcomeState.SYNCED, OutcomeState.REJECTED


def watched(code: str = "SUCCESS", **details: object) -> dict[str, Any]:
    """What became of a channel."""
    status = "success" if code == "SUCCESS" else "error"
    words = "Successfully subscribed" if code == "SUCCESS" else "not allowed"
    row = {"code": code, "details": details, "message": words, "status": status}
    return {"watch": [row]}


def channel(module: str) -> dict[str, str]:
    return {
        "channel_expiry": "2026-11-28T10:00:00+00:00",
        "resource_uri": f"{API}/{module}",
        "resource_id": "3652397000000002175",
        "resource_name": module,
        "channel_id": CHANNEL,
    }


def notice(operation: str = "update", module: str = "Leads", **more: Any) -> Incoming:
    body = {
        "query_params": {},
        "module": module,
        "resource_uri": f"{API}/{module}",
        "ids": [ID],
        "affected_fields": [{ID: ["Email_Opt_Out"]}],
        "operation": operation,
        "channel_id": CHANNEL,
        "token": SECRETS["webhook_secret"],
        **more,
    }
    return Incoming(method="POST", url=HOOK, body=json.dumps(body).encode())


WATCH = Step(
    method="POST",
    url=f"{API}/actions/watch",
    answer=watched(events=[channel("Leads"), channel("Contacts")]),
    status=201,
)
HEARD = (
    LIST_FIELDS,
    Step(method="GET", url=f"{API}/Leads", answer={"data": [record(LEFT, out=True)]}),
)

OPERATIONS = (
    Operation(
        name="verify",
        run=Zoho.verify,
        steps=(
            Step(method="GET", url=f"{API}/users", answer=USERS),
            Step(method="GET", url=f"{API}/org", answer=ORG),
            Step(method="GET", url=f"{API}/settings/modules", answer=MODULES),
        ),
    ),
    Operation(
        name="audiences",
        run=Zoho.audiences,
        steps=(Step(method="GET", url=f"{API}/settings/modules", answer=MODULES),),
    ),
    Operation(
        name="fields", run=lambda adapter: adapter.fields("Leads"), steps=(LIST_FIELDS,)
    ),
    Operation(
        name="upsert of three",
        run=lambda adapter: adapter.upsert(PEOPLE, "Leads", Options()),
        steps=(
            QUERY,
            Step(
                method="POST",
                url=UPSERT,
                answer={
                    "data": [
                        good(OTHER_ID),
                        bad("INVALID_DATA", "Annual_Revenue"),
                        good(),
                    ]
                },
                status=207,
            ),
            TAG,
        ),
    ),
    Operation(
        name="upsert of one who is new",
        run=lambda adapter: adapter.upsert([Contact(email=NEW)], "Leads", Options()),
        steps=(
            NOBODY,
            Step(method="POST", url=UPSERT, answer={"data": [good()]}),
        ),
    ),
    Operation(
        name="subscriptions",
        run=lambda adapter: adapter.subscriptions([OLD, NEW], "Leads"),
        steps=(QUERY, LIST_FIELDS, WHOLE),
    ),
    Operation(
        name="unsubscribe",
        run=lambda adapter: adapter.unsubscribe([OLD], "Leads"),
        steps=(
            QUERY,
            Step(method="PUT", url=f"{API}/Leads", answer={"data": [good()]}),
        ),
    ),
    Operation(
        name="changes",
        run=lambda adapter: adapter.changes("Leads", ""),
        steps=(
            LIST_FIELDS,
            Step(method="GET", url=f"{API}/Leads", answer=page(record(OLD))),
        ),
    ),
    Operation(
        name="erase",
        run=lambda adapter: adapter.erase(OLD),
        steps=(
            QUERY,
            Step(
                method="DELETE",
                url=f"{API}/Leads",
                answer={
                    "data": [
                        {
                            "code": "SUCCESS",
                            "details": {"id": ID},
                            "message": "record deleted",
                            "status": "success",
                        }
                    ]
                },
            ),
            NOBODY,
        ),
    ),
    Operation(
        name="add_webhook",
        run=lambda adapter: adapter.add_webhook(HOOK, "Leads"),
        steps=(WATCH,),
    ),
    Operation(
        name="remove_webhook",
        run=lambda adapter: adapter.remove_webhook(CHANNEL, "Leads"),
        steps=(
            Step(
                method="DELETE",
                url=f"{API}/actions/watch",
                answer=watched(
                    resource_uri=f"{API}/Leads",
                    resource_id="3652397000000002175",
                    channel_id=CHANNEL,
                ),
            ),
        ),
    ),
)
LEAVERS = (
    Leaver(
        status="unsubscribed",
        steps=(
            Step(method="POST", url=f"{API}/coql", answer=page(record(LEFT, out=True))),
            Step(method="POST", url=UPSERT, answer={"data": [good()]}),
        ),
        state=SYNCED,
        reason=None,
        never=('"Email_Opt_Out"',),
        # Not even a mapping that somebody made by hand gives them back.
        contacts=(Contact(email=LEFT, fields={"Email_Opt_Out": False}),),
        audience_id="Leads",
    ),
)
