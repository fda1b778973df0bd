"""Forms of Account > Double opt-in."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from contacts.models import ConsentPolicy
from displays.confirm_texts import MAX_EXPIRE_DAYS, MAX_REMIND_HOURS
from displays.confirm_words import LANGUAGES
from displays.hosted import storable
from displays.models import ConfirmationText

LONGEST = 4000


class ConfirmationForm(forms.Form):
    language = forms.ChoiceField(
        label="Usual language",
        choices=[(code, words.label) for code, words in LANGUAGES.items()],
        help_text="For signups that say none. A form's field “language” or “locale” "
        "decides, else what the visitor's browser prefers.",
    )
    remind_after = forms.IntegerField(
        label="Reminder after, in hours",
        min_value=0,
        max_value=MAX_REMIND_HOURS,
        help_text="One reminder with the same link. 0: no reminder.",
    )
    expires_after = forms.IntegerField(
        label="The link works for, in days",
        min_value=1,
        max_value=MAX_EXPIRE_DAYS,
        help_text="Whoever signs up again later is asked again.",
    )
    ip = forms.ChoiceField(
        label="Visitors' IP addresses",
        choices=ConsentPolicy.Ip.choices,
        help_text="What is kept with a signup and its consent from now on. Without "
        "them nobody can be stopped from having strangers mailed in numbers, except "
        "by the limit per address.",
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        remind, expires = given.get("remind_after"), given.get("expires_after")
        if remind and expires and remind >= 24 * expires:
            self.add_error(
                "remind_after", "The link would be too old by then. Choose fewer hours."
            )
        return given


class TextForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ConfirmationText
        fields = ("sender", "subject", "body", "button", "thanks")
        labels: ClassVar[dict[str, str]] = {
            "sender": "Sender’s name",
            "subject": "Subject",
            "body": "Text",
            "button": "Button",
            "thanks": "After the click",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "sender": "Empty: the name of your account.",
            "body": "An empty line makes a paragraph. {account} becomes the name of "
            "your account. Nothing that a visitor typed can stand here: strangers "
            "would have you send their words.",
            "thanks": "What the page says then. Empty: our words.",
        }
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "body": forms.Textarea(attrs={"rows": 7}),
            "thanks": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.validators.append(storable)

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        if len(body) > LONGEST:
            raise forms.ValidationError(f"At most {LONGEST} characters.")
        return body

    def clean_subject(self) -> str:
        return " ".join(self.cleaned_data["subject"].split())
