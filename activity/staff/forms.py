"""What reviewers fill in."""

from __future__ import annotations

from django import forms

from contactsync.tenancy.models import Suspension
from contactsync.tenancy.suspension import REASON_MAX

REASON = forms.Textarea(attrs={"rows": 3})


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(
        label="Decision",
        choices=(
            (Suspension.Decision.CLEARED, "Clear it: send what waits"),
            (Suspension.Decision.KEPT, "Keep it: they can appeal again"),
        ),
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label="Reason",
        help_text="The tenant's admins are mailed it, and it stays in their log.",
        max_length=REASON_MAX,
        widget=REASON,
    )


class SuspendForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        help_text="The tenant's admins are mailed it, and it stays in their log.",
        max_length=REASON_MAX,
        widget=REASON,
    )


class SearchForm(forms.Form):
    q = forms.CharField(
        label="Find by name or address of the account", max_length=120, required=False
    )
