"""Every tenant page and API route, and who may ask for it: the tenancy wall's table.

A new page or route fails tests/contactsync/test_tenancy_wall.py until it has its line.
"""

from __future__ import annotations

from contactsync.tenancy.models import Role


class Page:
    """One tenant URL: who may, how, and which URL argument names which thing."""

    def __init__(self, role: Role, method: str = "GET", **things: str) -> None:
        self.role = role
        self.method = method
        self.things = things


VIEWER, MARKETER, ADMIN = Role.VIEWER, Role.MARKETER, Role.ADMIN
PAGES: dict[str, Page] = {
    # contactsync.tenancy
    "home": Page(VIEWER),
    "team": Page(VIEWER),
    "team_invite": Page(ADMIN, "POST"),
    "team_leave": Page(VIEWER, "POST"),
    "invitation_withdraw": Page(ADMIN, "POST", pk="invitation"),
    "team_role": Page(ADMIN, "POST", member="member"),
    "team_remove": Page(ADMIN, "POST", member="member"),
    "api_keys": Page(VIEWER),
    "api_key_new": Page(ADMIN, "POST"),
    "api_key": Page(ADMIN, pk="key"),
    "api_key_revoke": Page(ADMIN, "POST", pk="key"),
    "audit": Page(VIEWER),
    "account_settings": Page(VIEWER),
    "account_rename": Page(ADMIN, "POST"),
    # integrations
    "linked_accounts": Page(VIEWER),
    "linked_accounts_test": Page(ADMIN, "POST"),
    "link": Page(ADMIN, provider="provider"),
    "linked_account_test": Page(ADMIN, "POST", pk="linked"),
    "linked_account_reconnect": Page(ADMIN, pk="linked"),
    "linked_account_rename": Page(ADMIN, pk="linked"),
    "linked_account_pause": Page(ADMIN, "POST", pk="linked"),
    "linked_account_resume": Page(ADMIN, "POST", pk="linked"),
    "linked_account_unlink": Page(ADMIN, pk="linked"),
    "linked_account_back": Page(VIEWER, pk="linked"),
    "linked_account_back_save": Page(ADMIN, "POST", pk="linked"),
    "linked_account_look": Page(ADMIN, "POST", pk="linked"),
    "linked_account_compare": Page(ADMIN, "POST", pk="linked"),
    "link_question": Page(ADMIN, pk="attempt"),
    "linked_account_part": Page(ADMIN, pk="linked"),
    "fields_refresh": Page(MARKETER, "POST", pk="linked"),
    "target_send_always": Page(MARKETER, "POST", pk="target"),
    "provider_vote": Page(MARKETER, "POST"),
    # displays
    "displays": Page(VIEWER),
    "display_names": Page(VIEWER),
    "display_new": Page(MARKETER),
    "display_design": Page(VIEWER, pk="display"),
    "display_settings": Page(VIEWER, pk="display"),
    "display_publish": Page(VIEWER, pk="display"),
    "confirmation": Page(VIEWER),
    "confirmation_text": Page(VIEWER, language="language"),
    "rule_new": Page(MARKETER, pk="display"),
    "rule_edit": Page(MARKETER, pk="display", rule="rule"),
    "rule_toggle": Page(MARKETER, "POST", pk="display", rule="rule"),
    "rule_delete": Page(MARKETER, "POST", pk="display", rule="rule"),
    "rule_backfill": Page(MARKETER, "POST", pk="display", rule="rule"),
    "display_hygiene": Page(VIEWER, pk="display"),
    # hygiene
    "hygiene_policy": Page(VIEWER),
    "hygiene_entries": Page(VIEWER),
    "hygiene_entries_export": Page(VIEWER),
    "hygiene_entries_import": Page(MARKETER, "POST"),
    "hygiene_entry_add": Page(MARKETER, "POST"),
    "hygiene_entry_remove": Page(MARKETER, "POST", pk="entry"),
    "signup_accept": Page(MARKETER, pk="rejected"),
    "cleaning_runs": Page(VIEWER),
    "cleaning_new": Page(MARKETER),
    "cleaning_run": Page(VIEWER, pk="run"),
    "cleaning_columns": Page(MARKETER, pk="run"),
    "cleaning_pause": Page(MARKETER, "POST", pk="run"),
    "cleaning_resume": Page(MARKETER, "POST", pk="run"),
    "cleaning_cancel": Page(MARKETER, "POST", pk="run"),
    "cleaning_delete": Page(MARKETER, "POST", pk="run"),
    "cleaning_download": Page(VIEWER, pk="run"),
    # connections
    "list_import_new": Page(MARKETER, run="run"),
    "list_import": Page(VIEWER, pk="list_import"),
    "list_import_pause": Page(MARKETER, "POST", pk="list_import"),
    "list_import_resume": Page(MARKETER, "POST", pk="list_import"),
    "list_import_cancel": Page(MARKETER, "POST", pk="list_import"),
    # activity
    "rejected": Page(VIEWER),
    "suppressed": Page(VIEWER),
    "suppression_add": Page(MARKETER, "POST"),
    "suppression_remove": Page(MARKETER, "POST", pk="suppression"),
    "rejected_export": Page(VIEWER),
    "missing_mail": Page(VIEWER),
    "ledger": Page(VIEWER),
    "ledger_export": Page(VIEWER),
    "ledger_rows": Page(VIEWER),
    "incidents": Page(VIEWER),
    "incident_close": Page(ADMIN, "POST", pk="incident"),
    "hygiene_bench": Page(VIEWER),
    "hygiene_bench_votes": Page(VIEWER, "POST"),
    "hygiene_shadow": Page(VIEWER),
    "deliverability": Page(VIEWER),
    "suspension_appeal": Page(ADMIN, "POST"),
    "contacts": Page(VIEWER),
    "contacts_export": Page(VIEWER),
    "contact": Page(VIEWER, pk="contact"),
    "confirmation_resend": Page(MARKETER, "POST", pk="contact"),
    "consent_certificate": Page(MARKETER, pk="contact"),
    "delivery_retry": Page(MARKETER, "POST", pk="contact", delivery="delivery"),
    "opt_in_check": Page(MARKETER, "POST", pk="contact", linked="linked"),
    "sync_activity": Page(VIEWER),
    "failed_retry": Page(MARKETER, "POST", linked="linked"),
    "held_send": Page(MARKETER, "POST"),
    "bulk_runs": Page(VIEWER),
    "bulk_new": Page(MARKETER),
    "bulk_run": Page(VIEWER, pk="bulk"),
    "bulk_items": Page(VIEWER, pk="bulk"),
    "bulk_start": Page(MARKETER, "POST", pk="bulk"),
    "bulk_pause": Page(MARKETER, "POST", pk="bulk"),
    "bulk_resume": Page(MARKETER, "POST", pk="bulk"),
    "bulk_cancel": Page(MARKETER, "POST", pk="bulk"),
    "bulk_undo": Page(MARKETER, "POST", pk="bulk"),
}

# A page that everybody in the account may open and only some may change.
WRITES: dict[str, Role] = {
    "display_design": MARKETER,
    "confirmation": ADMIN,
    "confirmation_text": MARKETER,
    "display_publish": MARKETER,
    "display_hygiene": ADMIN,
    "hygiene_policy": ADMIN,
}


class Route:
    """One API URL. ``page``: methods that a pk_ key may use. ``shared``: the same for
    every account."""

    def __init__(
        self, methods: str, *, page: str = "", shared: bool = False, **things: str
    ) -> None:
        self.methods = methods.split()
        self.page = page.split()
        self.shared = shared
        self.things = things


ROUTES: dict[str, Route] = {
    "api-signups": Route("GET POST", page="POST"),
    "api-signups-batch": Route("POST"),
    "api-signup": Route("GET", id="signup"),
    "api-displays": Route("GET POST"),
    "api-display": Route("GET PATCH", page="GET", id="display"),
    "api-rules": Route("GET POST", id="display"),
    "api-rule": Route("GET PATCH PUT DELETE", id="display", rule="rule"),
    "api-providers": Route("GET", shared=True),
    "api-sub-accounts": Route("GET POST", id="linked"),
    "api-linked-accounts": Route("GET POST"),
    "api-linked-account": Route("GET PATCH DELETE", id="linked"),
    "api-linked-account-test": Route("POST", id="linked"),
    "api-linked-account-reconcile": Route("GET POST", id="linked"),
    "api-audiences": Route("GET", id="linked"),
    "api-fields": Route("GET", id="linked"),
    "api-hygiene-check": Route("POST", shared=True),
    "api-contacts": Route("GET"),
    "api-contact": Route("GET", id="contact"),
    "api-contact-explain": Route("GET", id="contact"),
    "api-deliveries": Route("GET"),
    "api-delivery": Route("GET", id="delivery"),
    "api-delivery-retry": Route("POST", id="delivery"),
    "api-ledger": Route("GET"),
    "api-incidents": Route("GET"),
    "api-suppressions": Route("GET POST"),
    "api-suppression": Route("GET DELETE", id="suppression"),
    "api-events": Route("GET"),
    "api-hygiene-policy": Route("GET PUT"),
    "api-display-hygiene-policy": Route("GET PUT", id="display"),
    "api-hygiene-entries": Route("GET POST"),
    "api-hygiene-entries-export": Route("GET"),
    "api-hygiene-entries-import": Route("POST"),
    "api-hygiene-entry": Route("GET DELETE", id="entry"),
    "api-hygiene-shadow": Route("POST"),
    "api-signup-accept": Route("POST", id="rejected"),
    "api-confirmations": Route("GET"),
    "api-confirmation-events": Route("POST"),
    "api-contact-confirmation": Route("POST", id="contact"),
    "api-contact-consents": Route("GET", id="contact"),
    "api-contact-certificate": Route("GET", id="contact"),
    "api-cleanings": Route("GET POST"),
    "api-cleaning": Route("GET DELETE", id="run"),
    "api-cleaning-pause": Route("POST", id="run"),
    "api-cleaning-resume": Route("POST", id="run"),
    "api-cleaning-cancel": Route("POST", id="run"),
    "api-cleaning-rows": Route("GET", id="run"),
    "api-cleaning-file": Route("GET", id="run"),
    "api-bulk-runs": Route("GET POST"),
    "api-bulk-run": Route("GET", id="bulk"),
    "api-bulk-items": Route("GET", id="bulk"),
    "api-bulk-start": Route("POST", id="bulk"),
    "api-bulk-pause": Route("POST", id="bulk"),
    "api-bulk-resume": Route("POST", id="bulk"),
    "api-bulk-cancel": Route("POST", id="bulk"),
    "api-bulk-undo": Route("POST", id="bulk"),
    "api-imports": Route("GET POST"),
    "api-import": Route("GET", id="list_import"),
    "api-import-pause": Route("POST", id="list_import"),
    "api-import-resume": Route("POST", id="list_import"),
    "api-import-cancel": Route("POST", id="list_import"),
    "api-contacts-why": Route("GET"),
    "api-deliverability": Route("GET"),
    "api-rejected": Route("GET"),
    "api-rejected-csv": Route("GET"),
}

# Not a list: one answer about the account, or a file.
SINGLE = {
    *("api-hygiene-policy", "api-deliverability", "api-contacts-why"),
    *("api-hygiene-entries-export", "api-rejected-csv"),
}
ASKED = {"api-contacts-why": "email=nobody@gmail.com"}

# For anybody, or for a person rather than an account. allauth's own are not walked.
OPEN = {
    *("front", "healthz", "readyz", "metrics", "schema", "api-docs"),
    *("signups", "hosted_page", "confirm", "api-elsewhere"),
    *("profile", "theme", "account_new", "invitation"),
    *("staff_queue", "staff_accounts", "staff_account", "staff_decide"),
    *("staff_suspend", "staff_wishes", "oauth_callback", "hook"),
}
