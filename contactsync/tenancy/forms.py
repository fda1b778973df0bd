"""What people fill in about accounts, members, keys and themselves."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms

from contactsync.tenancy.models import Account, ApiKey, Membership, Role, User

ANY_ORIGIN = "*"
MAX_ORIGINS = 50


def roles_up_to(role: int) -> list[tuple[int, str]]:
    """The roles that somebody with ``role`` may give, highest last."""
    return [(value, label) for value, label in Role.choices if value <= role]


class AccountForm(forms.ModelForm):
    class Meta:
        model = Account
        fields = ("name",)
        labels = {"name": "Account name"}
        help_texts = {
            "name": "Your team sees it; so do visitors of your hosted pages and "
            "readers of your confirmation mails."
        }
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "organization"})}


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name", "theme")
        labels = {"name": "Your name", "theme": "Theme"}
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "theme": forms.Select,
        }


class InviteForm(forms.Form):
    """``role`` offers no more than the inviter's own."""

    email = forms.EmailField(
        label="Email", widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.TypedChoiceField(label="Role", coerce=int, initial=Role.MARKETER)

    def __init__(self, *args: Any, account: Account, role: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.fields["role"].choices = roles_up_to(role)  # type: ignore[attr-defined]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        if Membership.objects.filter(account=self.account, user__email=email).exists():
            raise forms.ValidationError("This person is on the team already.")
        return email


class RoleForm(forms.Form):
    role = forms.TypedChoiceField(coerce=int)

    def __init__(self, *args: Any, role: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_up_to(role)  # type: ignore[attr-defined]


def origin_of(line: str) -> str:
    """``line`` as browsers send it in Origin: scheme, host and port, no path.

    Raises forms.ValidationError.
    """
    if line == ANY_ORIGIN:
        return line
    parts = urlsplit(line)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or port == -1
        or any(letter.isspace() for letter in line)
    ):
        raise forms.ValidationError(
            f"“{line}” is not an origin. Write it like https://shop.example, "
            "without a path."
        )
    host = parts.hostname.encode("idna").decode() if parts.hostname else ""
    if ":" in host:
        host = f"[{host}]"
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (
        f":{port}" if port not in (None, usual) else ""
    )


class OriginsForm(forms.Form):
    """One origin a line; ``cleaned_data["origins"]`` is the list, without repeats."""

    origins = forms.CharField(
        label="Allowed origins",
        required=False,
        help_text="One a line, like https://shop.example. A single * allows any site.",
        widget=forms.Textarea(
            attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}
        ),
    )

    def clean_origins(self) -> list[str]:
        lines = [
            line.strip() for line in self.cleaned_data["origins"].splitlines() if line
        ]
        try:
            found = list(dict.fromkeys(origin_of(line) for line in lines if line))
        except UnicodeError:
            raise forms.ValidationError("A host name here is not valid.") from None
        if len(found) > MAX_ORIGINS:
            raise forms.ValidationError(f"At most {MAX_ORIGINS} origins.")
        return found


class ApiKeyForm(OriginsForm):
    name = forms.CharField(
        label="Name",
        max_length=80,
        help_text="Where it will be used, so that you know it later.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    kind = forms.ChoiceField(
        label="Kind",
        choices=(
            (ApiKey.Kind.PUBLISHABLE, "Publishable (pk): in web pages, posts signups"),
            (ApiKey.Kind.SECRET, "Secret (sk): on servers, the whole API"),
        ),
        widget=forms.RadioSelect,
        initial=ApiKey.Kind.PUBLISHABLE,
    )
    environment = forms.ChoiceField(
        label="Environment",
        choices=(
            (ApiKey.Environment.LIVE, "Live"),
            (ApiKey.Environment.TEST, "Test: signups go to test accounts only"),
        ),
        widget=forms.RadioSelect,
        initial=ApiKey.Environment.LIVE,
    )
    field_order = ("name", "kind", "environment", "origins")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("kind") == ApiKey.Kind.SECRET:
            data["origins"] = []
        elif "origins" in data and not data["origins"]:
            self.add_error(
                "origins", "A publishable key works only on the sites named here."
            )
        return data
