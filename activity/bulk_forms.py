"""What a bulk action is to be about, as a form and as the API asks for it."""

from __future__ import annotations

from typing import Any

from django import forms

from activity.ledger_sql import day_after, midnight
from contactsync.tenancy.models import Account
from displays.models import SyncRule
from integrations.bulk_source import rows_of
from integrations.models import BulkRun, LinkedAccount
from integrations.reasons import FIXES

KINDS = {
    BulkRun.Kind.RETRY: "Retry what failed",
    BulkRun.Kind.RESUME: "Send everything held",
    BulkRun.Kind.REPLAY: "Send again what was sent, with the rules as they are now",
}


class BulkForm(forms.Form):
    """Filters of a new bulk action; all but the kind may be left open."""

    kind = forms.ChoiceField(label="What to do", choices=list(KINDS.items()))
    linked_account = forms.ModelChoiceField(
        queryset=LinkedAccount.objects.none(),
        required=False,
        empty_label="Any account",
    )
    rule = forms.ModelChoiceField(
        queryset=SyncRule.objects.none(), required=False, empty_label="Any rule"
    )
    reason = forms.ChoiceField(required=False)
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput({"type": "date"})
    )
    until = forms.DateField(
        label="To",
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text="When the delivery was made. Both days are counted, in UTC.",
    )
    most = forms.IntegerField(
        label="At most",
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Send no more contacts than this. Empty: all of them.",
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        linked = LinkedAccount.objects.for_account(account).filter(removed_at=None)
        rules = SyncRule.objects.for_account(account).filter(removed_at=None)
        self.fields["linked_account"].queryset = linked  # type: ignore[attr-defined]
        self.fields["rule"].queryset = rules.select_related(  # type: ignore[attr-defined]
            "display", "target__linked_account"
        )
        titles = {each.value: fix.title for each, fix in FIXES.items()}
        self.fields["reason"].choices = [  # type: ignore[attr-defined]
            ("", "Any reason"),
            *sorted(titles.items(), key=lambda each: each[1]),
        ]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and until < since:
            self.add_error("until", "Choose a day that is not before the first one.")
        rule, linked = given.get("rule"), given.get("linked_account")
        if rule and linked and rule.target.linked_account_id != linked.pk:
            self.add_error("rule", "This rule goes to another linked account.")
        return given

    def what(self) -> dict[str, Any]:
        """As ``integrations.bulk_source.rows_of`` takes it. Days are in UTC."""
        given = self.cleaned_data
        found: dict[str, Any] = {}
        if given["linked_account"]:
            found["linked_account"] = str(given["linked_account"].pk)
        if given["rule"]:
            found["target"] = str(given["rule"].target_id)
        if given["reason"]:
            found["reason"] = given["reason"]
        if given["since"]:
            found["since"] = midnight(given["since"]).isoformat()
        if given["until"]:
            found["until"] = day_after(given["until"]).isoformat()
        return found

    def count(self) -> int:
        """How many deliveries the filter finds."""
        kind = self.cleaned_data["kind"]
        return rows_of(self.account.pk, kind, self.what()).count()
