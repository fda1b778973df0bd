"""Mailchimp's refusals word for word, and what each means."""

from __future__ import annotations

from integrations.adapters.errors import Reason
from tests.integrations.adapters.mailchimp_world import NEW

REFUSALS = [
    (
        "Member In Compliance State",
        f"{NEW} is in a compliance state due to unsubscribe, bounce, or compliance "
        "review and cannot be subscribed.",
        (),
        Reason.COMPLIANCE,
    ),
    (
        "Forgotten Email Not Subscribed",
        f"{NEW} was permanently deleted and cannot be re-imported. The contact must "
        "re-subscribe to get back on the list.",
        (),
        Reason.FORGOTTEN,
    ),
    (
        "Invalid Resource",
        f"{NEW} looks fake or invalid, please enter a real email address.",
        (),
        Reason.ADDRESS_FAKE,
    ),
    (
        "Invalid Resource",
        "The domain portion of the email address is invalid (the portion after the @: "
        "x.org)",
        (),
        Reason.ADDRESS_INVALID,
    ),
    (
        "Invalid Resource",
        "Please provide a valid email address.",
        (),
        Reason.ADDRESS_INVALID,
    ),
    (
        "Invalid Resource",
        "The resource submitted could not be validated. For field-specific details, "
        "see the 'errors' array.",
        ({"field": "email_address", "message": "Dieser Wert ist falsch."},),
        Reason.ADDRESS_INVALID,
    ),
    (
        "Invalid Resource",
        "Your merge fields were invalid.",
        ({"field": "LNAME", "message": "Bitte gib einen Wert ein."},),
        Reason.REQUIRED_FIELD,
    ),
    (
        "Invalid Resource",
        "Your merge fields were invalid.",
        ({"field": "FNAME", "message": "Please enter a number"},),
        Reason.FIELD_TYPE,
    ),
    (
        "Invalid Resource",
        "Your merge fields were invalid.",
        ({"field": "FNAME", "message": "Value must be one of: S, M (not XXL)"},),
        Reason.OPTION_MISSING,
    ),
    ("Bad Request", "Something new.", (), Reason.REFUSED),
]
