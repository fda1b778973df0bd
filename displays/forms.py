"""Forms of the display builder."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from displays.models import Display


class NewDisplayForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Display
        fields = ("name", "kind")
        labels: ClassVar[dict[str, str]] = {"name": "Name", "kind": "Kind"}
        help_texts: ClassVar[dict[str, str]] = {
            "name": "Only your team sees it.",
            "kind": "Every kind also has a hosted page.",
        }


class DesignForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Display
        fields = ("name", "headline", "body", "button", "consent_text", "ask_name")
        labels: ClassVar[dict[str, str]] = {
            "name": "Name",
            "headline": "Headline",
            "body": "Text",
            "button": "Button",
            "consent_text": "Consent wording",
            "ask_name": "Ask for the first name",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "name": "Only your team sees it.",
            "consent_text": "Stands beside a box that people tick. It is stored with "
            "each signup, word for word, as proof of what they agreed to.",
            "ask_name": "People may leave it empty.",
        }
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "body": forms.Textarea(attrs={"rows": 3}),
            "consent_text": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["consent_text"].required = True


class StatusForm(forms.Form):
    status = forms.ChoiceField(
        label="Status", choices=Display.Status.choices, widget=forms.RadioSelect
    )
