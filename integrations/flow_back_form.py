"""What follows when somebody leaves at a provider, and when the books differ."""

from __future__ import annotations

from typing import Self

from django import forms

from integrations.models import LinkedAccount

LEAVING = [
    (
        LinkedAccount.Leaving.EVERYWHERE.value,
        "Send nothing to them anywhere: the address goes on your suppression list",
    ),
    (
        LinkedAccount.Leaving.HERE.value,
        "Leave them alone at this account only; other accounts go on",
    ),
]
REPAIR = [
    (LinkedAccount.Repair.REPORT.value, "Only report it"),
    (
        LinkedAccount.Repair.SEND.value,
        "Send them again, unless they left, were removed there, or are too many",
    ),
]


class BackForm(forms.Form):
    leaving = forms.ChoiceField(
        choices=LEAVING,
        widget=forms.RadioSelect,
        label="When somebody unsubscribes, bounces or complains there",
        error_messages={"required": "Choose what follows when somebody leaves."},
    )
    repair = forms.ChoiceField(
        choices=REPAIR,
        widget=forms.RadioSelect,
        label="When contacts we sent are missing there",
        error_messages={"required": "Choose what follows when somebody is missing."},
    )

    @classmethod
    def of(cls, linked: LinkedAccount) -> Self:
        return cls(initial={"leaving": linked.leaving, "repair": linked.repair})
