"""Forms for linking, generated from what a provider declares."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from contactsync.tenancy.models import ApiKey
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Credential
from integrations.providers import lower_first

PREFIX = "credential-"
# Control characters, surrogates, and what Unicode has for new lines and paragraphs.
UNWANTED = ("Cc", "Cs", "Zl", "Zp")


def one_line(text: str) -> None:
    """Raises ValidationError when ``text`` holds a new line or a control character."""
    if any(unicodedata.category(char) in UNWANTED for char in text):
        raise ValidationError(
            "Must be one line, without control characters.", code="invalid"
        )


class SecretInput(forms.TextInput):
    """Shows dots and never the value it was given: secrets only go in.

    No password input: browsers would offer to keep a provider's key as the log-in.
    """

    def format_value(self, value: Any) -> None:
        return None


def credential_field(credential: Credential) -> forms.CharField:
    attrs = {
        "class": "secret" if credential.secret else "",
        "autocomplete": "off",
        "autocapitalize": "off",
        "spellcheck": "false",
        "placeholder": credential.placeholder,
    }
    widget = SecretInput(attrs) if credential.secret else forms.TextInput(attrs)
    return forms.CharField(
        label=credential.label,
        help_text=credential.help_text,
        max_length=4000,
        widget=widget,
        error_messages={"required": f"Enter the {lower_first(credential.label)}."},
    )


class CredentialsForm(forms.Form):
    """The provider's credentials; also the whole of Reconnect."""

    def __init__(self, adapter: type[Adapter], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adapter = adapter
        for credential in adapter.credentials:
            self.fields[PREFIX + credential.name] = credential_field(credential)

    def credentials(self) -> dict[str, str]:
        """Credential name -> value, of a valid form."""
        return {
            credential.name: self.cleaned_data[PREFIX + credential.name]
            for credential in self.adapter.credentials
        }


class LabelForm(forms.Form):
    label = forms.CharField(
        max_length=120,
        label="Name",
        help_text="How your team tells this account from others.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Enter a name."},
        validators=[one_line],
    )


class LinkForm(CredentialsForm):
    label = forms.CharField(
        max_length=120,
        label="Name",
        required=False,
        help_text="How your team tells this account from others.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        validators=[one_line],
    )
    environment = forms.ChoiceField(
        label="Environment",
        choices=ApiKey.Environment.choices,
        initial=ApiKey.Environment.LIVE,
        help_text="Test accounts only get signups that were posted with a test key.",
    )

    def __init__(self, adapter: type[Adapter], *args: Any, **kwargs: Any) -> None:
        super().__init__(adapter, *args, **kwargs)
        names = [name for name in self.fields if name.startswith(PREFIX)]
        self.order_fields([*names, "label", "environment"])
        self.fields["label"].widget.attrs["placeholder"] = adapter.label
