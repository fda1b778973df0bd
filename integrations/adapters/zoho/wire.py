"""What Zoho CRM's records, fields and errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Contact, Field, filled
from integrations.adapters.errors import Reason, TargetError
from integrations.adapters.http import Answer
from integrations.adapters.shapes import Row, rows_in

MODULES = ("Leads", "Contacts")
OUT = "Email_Opt_Out"
OURS = ("Email", OUT, "Modified_Time")
TAGS = "Tag"  # the field that has them
TYPES = {
    "text": "text",
    "textarea": "text",
    "email": "email",
    "phone": "phone",
    "website": "url",
    "picklist": "choice",
    "multiselectpicklist": "multi_choice",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "integer": "number",
    "bigint": "number",
    "double": "number",
    "currency": "number",
    "percent": "number",
}
REASONS = {
    "MANDATORY_NOT_FOUND": Reason.REQUIRED_FIELD,
    "EXPECTED_FIELD_MISSING": Reason.REQUIRED_FIELD,
    "DEPENDENT_FIELD_MISSING": Reason.REQUIRED_FIELD,
    "DEPENDENT_MISMATCH": Reason.OPTION_MISSING,
    "INVALID_DATA": Reason.FIELD_TYPE,
    "DUPLICATE_DATA": Reason.DUPLICATE,
}


def path_of(module: str) -> str:
    """The path of a module's records; raises TargetError for one we do not serve."""
    if module not in MODULES:
        raise TargetError("People are in the modules Leads and Contacts.")
    return f"/crm/v8/{quote(module, safe='')}"


def error_of(answer: Answer) -> dict[str, Any]:
    """The error in an answer, which stands alone or in a list of one."""
    body = answer.object()
    rows = body.get("data")
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        return dict(rows[0])
    return body


def rows_of(body: object) -> list[Row]:
    """The records in an answer; Zoho says with an empty one (204) that there are none.

    Raises TransientError for anything else.
    """
    return [] if body is None else rows_in(body, "data")


def quoted(email: str) -> str:
    """An address as a COQL literal; a quote in it is doubled (Zoho's FAQ on COQL,
    series Kaizen, number 171)."""
    escaped = email.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def row_of(contact: Contact, known: Mapping[str, Any] | None) -> dict[str, object]:
    # Who is there is written to by the address as it is there.
    email = contact.email.strip() if known is None else known["Email"]
    row: dict[str, object] = {"Email": email, **filled(contact.fields)}
    if known is None:
        row.setdefault("Last_Name", contact.email.strip())  # the one that must be there
    row.pop(OUT, None)
    return row


def is_shown(row: Mapping[str, Any]) -> bool:
    return row.get("visible", True) and row.get("api_name") not in OURS


def field_of(row: Mapping[str, Any]) -> Field:
    kind = str(row.get("data_type", ""))
    allowed = row.get("operation_type") or {}
    name = str(row["api_name"])
    return Field(
        id=name,
        label=str(row.get("display_label") or row.get("field_label") or name),
        type="name" if name in ("First_Name", "Last_Name") else TYPES.get(kind, "text"),
        required=bool(row.get("system_mandatory")) and name != "Last_Name",
        read_only=bool(row.get("read_only"))
        or bool(row.get("field_read_only"))
        or kind not in TYPES
        or not (allowed.get("api_create", True) and allowed.get("api_update", True)),
        options=tuple(
            str(option.get("actual_value"))
            for option in row.get("pick_list_values") or ()
            if option.get("actual_value") not in (None, "-None-")
        ),
    )
