"""Forms for linking, generated from what a provider declares."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from contactsync.tenancy.models import ApiKey
from integrations.access import (
    CredentialError,
    checked_credentials,
    entered_before,
    is_url,
)
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Credential
from integrations.oauth import own_fields
from integrations.providers import lower_first

PREFIX = "credential-"
MANY = 12  # more choices than that are a menu, not a list
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


def credential_field(credential: Credential) -> forms.Field:
    missing = f"Enter the {lower_first(credential.label)}."
    if credential.options:
        blank = [] if credential.required else [("", "Not said")]
        return forms.ChoiceField(
            label=credential.label,
            help_text=credential.help_text,
            required=credential.required,
            choices=[*blank, *credential.options.items()],
            error_messages={"required": missing},
        )
    attrs = {
        "class": "secret" if credential.secret else "",
        "autocomplete": "off",
        "autocapitalize": "off",
        "spellcheck": "false",
        "placeholder": credential.placeholder,
    }
    if is_url(credential):
        attrs["inputmode"] = "url"
    widget = SecretInput(attrs) if credential.secret else forms.TextInput(attrs)
    return forms.CharField(
        label=credential.label,
        help_text=credential.help_text,
        required=credential.required,
        max_length=4000,
        widget=widget,
        error_messages={"required": missing},
    )


class CredentialsForm(forms.Form):
    """The provider's credentials; also the whole of Reconnect.

    ``sign_in``: only what has to be known before signing in at the provider.
    """

    def __init__(
        self,
        adapter: type[Adapter],
        *args: Any,
        sign_in: bool = False,
        known: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """``known``: present credentials, of which those that are no secret show."""
        super().__init__(*args, **kwargs)
        self.adapter = adapter
        self.sign_in = sign_in
        if sign_in:
            self.auto_id = "id_sign_in_%s"
        self.asked = own_fields(adapter) if sign_in else adapter.credentials
        for credential in self.asked:
            name = PREFIX + credential.name
            self.fields[name] = credential_field(credential)
            if not credential.secret and known:
                self.initial[name] = known.get(credential.name, "")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        given = {c.name: cleaned.get(PREFIX + c.name, "") for c in self.asked}
        check = entered_before if self.sign_in else self.checked
        try:
            self.checked_credentials = check(self.adapter, given)
        except CredentialError as error:
            self.add_error(PREFIX + error.name, str(error))
        return cleaned

    @staticmethod
    def checked(adapter: type[Adapter], given: Mapping[str, Any]) -> dict[str, str]:
        return checked_credentials(adapter.slug, given)

    def credentials(self) -> dict[str, str]:
        """Credential name -> value, of a valid form."""
        return self.checked_credentials

    def refuse(self, text: str) -> None:
        """What the provider said to them."""
        self.add_error(None, text)


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
        if self.sign_in:
            # The provider says whose account it is, so it has a name by itself.
            del self.fields["label"]


class QuestionForm(forms.Form):
    """What only the person can know before an account is linked or reconnected."""

    use = forms.ChoiceField(
        label="Which account should your rules use?",
        widget=forms.RadioSelect,
        error_messages={"required": "Say what to do with the other account."},
    )
    part = forms.ChoiceField(
        widget=forms.RadioSelect, error_messages={"required": "Choose one."}
    )

    def __init__(
        self,
        *args: Any,
        noun: str,
        parts: Sequence[Sequence[str]] = (),
        uses: Sequence[tuple[str, str]] = (),
        **kwargs: Any,
    ) -> None:
        """``parts``: ids and labels to choose from; ``uses``: answers of `use`."""
        super().__init__(*args, **kwargs)
        self.ask("part", parts)
        self.ask("use", uses)
        if "part" in self.fields:
            self.fields["part"].label = noun[:1].upper() + noun[1:]

    def ask(self, name: str, choices: Sequence[Sequence[str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        if len(choices) > MANY:
            field.widget = forms.Select()
            choices = [("", "Choose one"), *choices]
        if choices:
            field.choices = [(value, label) for value, label in choices]
        else:
            del self.fields[name]
