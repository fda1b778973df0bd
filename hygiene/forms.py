"""Forms of the filter policy and of the lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django import forms
from django.core.validators import RegexValidator

from hygiene.entries import MAX_REASON, MAX_TYPED, Kind
from hygiene.models import HygienePolicy
from hygiene.policies import Choices, usual
from hygiene.services import CATEGORIES, PolicySettings
from hygiene.verdict import Category

MODES = tuple(HygienePolicy.Mode.choices)
ALIASES = (("off", "Accept"), ("on", "Reject"))
SWITCH = (("off", "Off"), ("on", "On"))
ONE_LINE = RegexValidator(r"^[^\x00-\x1f]*$", "Write this in one line.")


class About(NamedTuple):
    """What stands beside a control: a sentence, examples, a warning when it is off."""

    label: str
    what: str
    examples: tuple[str, ...]
    warning: str = ""


ABOUT: dict[str, About] = {
    "bot": About(
        "Bots",
        "Made up by a program, or by somebody who wants to get past the form.",
        ("asdfgh@asdf.com", "xk7vqz9wplr@gmail.com"),
        "With this off, programs that fill in forms reach your email service. Their "
        "addresses bounce, and bounces cost you delivery to everybody else.",
    ),
    "role": About(
        "Role addresses",
        "The shared mailbox of a job or a team: nobody there can say yes for the "
        "others.",
        ("info@company.com", "sales@company.com"),
    ),
    "broadcast": About(
        "Broadcast addresses",
        "A mailing list or a group: forwards to many people, none of whom signed up.",
        ("all-staff@company.com", "news@lists.company.com"),
    ),
    "transactional": About(
        "Transactional addresses",
        "An automatic sender, or made for one order: no person reads what arrives.",
        ("no-reply@shop.com", "a1b2c3@marketplace.amazon.com"),
    ),
    "disposable": About(
        "Disposable addresses",
        "A throw-away mailbox: made for one mail, say your discount code, and then "
        "left.",
        ("anything@mailinator.com",),
        "With this off, mailboxes that are gone within the hour fill your list. They "
        "bounce later, and bounces cost you delivery to everybody else.",
    ),
    "wide_disposable": About(
        "Wide list of disposable domains",
        "A much longer list of domains, less well kept than the usual ones. It finds "
        "more, and now and then it names an ordinary domain: try “Only flag” first.",
        (),
    ),
    "strict_masks": About(
        "Private aliases",
        "One person's address that hides their real one, such as Apple's Hide My "
        "Email. Their mail arrives, and they can switch it off at any time.",
        ("x7k2m9@privaterelay.appleid.com", "mira.shop@duck.com"),
    ),
    "check_mail_hosts": About(
        "Ask whether the domain takes mail",
        "We look the domain up after the signup. Sending waits for the answer, "
        "usually for seconds; when no answer comes the signup goes on.",
        (),
    ),
}
FIELDS = (*CATEGORIES, "wide_disposable", "strict_masks", "check_mail_hosts")
FLAGS = ("strict_masks", "check_mail_hosts")
ORDER = ("bot", "disposable", "role", "broadcast", "transactional")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page: a control and what stands beside it."""

    name: str
    field: Any
    about: About


class PolicyForm(forms.Form):
    """The choices of an account; with ``above`` those of a display, which may each
    be left as the account's."""

    def __init__(self, *args: Any, above: Choices | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.above = above
        for name in FIELDS:
            options = list(options_of(name))
            if above is not None:
                does = dict(options)[value_above(above, name)]
                options.insert(0, ("", f"As the account: {does}"))
            self.fields[name] = forms.ChoiceField(
                label=ABOUT[name].label,
                choices=options,
                required=above is None,
                widget=forms.RadioSelect,
            )

    def lines(self, *names: str) -> list[Line]:
        return [Line(name, self[name], ABOUT[name]) for name in names]

    @property
    def categories(self) -> list[Line]:
        return self.lines(*ORDER)

    @property
    def extras(self) -> list[Line]:
        return self.lines("wide_disposable", *FLAGS)

    def settings(self) -> PolicySettings:
        given = self.cleaned_data
        flags = {
            name: None if not given[name] else given[name] == "on" for name in FLAGS
        }
        return PolicySettings(
            modes={name: given[name] for name in CATEGORIES if given[name]},
            wide_disposable=given["wide_disposable"],
            **flags,
        )


def options_of(name: str) -> tuple[tuple[str, str], ...]:
    if name == "strict_masks":
        return ALIASES
    return SWITCH if name == "check_mail_hosts" else MODES


def value_above(above: Choices, name: str) -> str:
    """What the account does, as the value of one of the options."""
    policy = above.policy
    if name in FLAGS:
        holder = policy if name == "strict_masks" else above
        return "on" if getattr(holder, name) else "off"
    if name == "wide_disposable":
        return str(policy.wide_disposable)
    return str(policy.mode(Category(name)))


def initial_of(settings: PolicySettings, *, inherits: bool) -> dict[str, str]:
    """The form's values for some settings."""
    missing = "" if inherits else "off"
    wide = "" if inherits else str(usual().policy.wide_disposable)
    values: dict[str, str] = {
        name: settings.modes.get(name, "" if inherits else "on") for name in CATEGORIES
    }
    for name in FLAGS:
        chosen = getattr(settings, name)
        values[name] = missing if chosen is None else ("on" if chosen else "off")
    values["wide_disposable"] = settings.wide_disposable or wide
    return values


def preselected(asked: Mapping[str, str]) -> dict[str, str]:
    """What a link asks to have chosen, as far as it can be: it saves nothing."""
    return {
        name: asked[name]
        for name in FIELDS
        if name in asked and asked[name] in dict(options_of(name))
    }


class EntryForm(forms.Form):
    value = forms.CharField(
        label="Address or domain",
        max_length=MAX_TYPED,
        help_text="mira@example.com, example.com, or *.example.com for a domain and "
        "all below it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Enter an address or a domain."},
    )
    kind = forms.ChoiceField(
        label="List",
        choices=((Kind.ALLOW, "Always accept"), (Kind.DENY, "Never accept")),
        initial=Kind.ALLOW,
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label="Reason",
        max_length=MAX_REASON,
        required=False,
        validators=[ONE_LINE],
        help_text="Your team sees it here and in the audit log.",
    )


class ImportForm(forms.Form):
    kind = forms.ChoiceField(
        label="Lines without a list go to",
        choices=((Kind.ALLOW, "Always accept"), (Kind.DENY, "Never accept")),
        initial=Kind.DENY,
        widget=forms.RadioSelect,
    )
    file = forms.FileField(
        label="File",
        help_text="CSV or text, at most 100,000 lines: one address or domain a line, "
        "or the columns kind (allow or deny), value, reason.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        error_messages={
            "required": "Choose a file.",
            "empty": "There is nothing in this file.",
        },
    )
