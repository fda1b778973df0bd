"""Forms for linking, generated from what a provider declares."""

from __future__ import annotations

from typing import Any

from django import forms

from contactsync.tenancy.models import ApiKey
from integrations.adapters.base import Adapter, Credential

PREFIX = "credential-"


def credential_field(credential: Credential) -> forms.CharField:
    """An input for one credential. A secret's value is never written into a page."""
    attrs = {
        "class": "input mono" if credential.secret else "input",
        "autocomplete": "off",
        "spellcheck": "false",
        "placeholder": credential.placeholder,
    }
    if credential.secret:
        # Not the browser's to keep: "new-password" is the value they all respect.
        attrs["autocomplete"] = "new-password"
        widget: forms.Widget = forms.PasswordInput(attrs=attrs, render_value=False)
    else:
        widget = forms.TextInput(attrs=attrs)
    return forms.CharField(
        label=credential.label,
        help_text=credential.help_text,
        max_length=4000,
        widget=widget,
        error_messages={"required": f"Enter the {lower_first(credential.label)}."},
    )


def lower_first(label: str) -> str:
    """``Endpoint URL`` to ``endpoint URL``; ``API key`` stays."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


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
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
        error_messages={"required": "Enter a name."},
    )


class LinkForm(CredentialsForm):
    label = forms.CharField(
        max_length=120,
        label="Name",
        required=False,
        help_text="How your team tells this account from others.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    environment = forms.ChoiceField(
        label="Environment",
        choices=ApiKey.Environment.choices,
        initial=ApiKey.Environment.LIVE,
        help_text="Test accounts only get signups that were posted with a test key.",
        widget=forms.Select(attrs={"class": "select"}),
    )

    def __init__(self, adapter: type[Adapter], *args: Any, **kwargs: Any) -> None:
        super().__init__(adapter, *args, **kwargs)
        names = [name for name in self.fields if name.startswith(PREFIX)]
        self.order_fields([*names, "label", "environment"])
        self.fields["label"].widget.attrs["placeholder"] = adapter.label
