"""What templates need and Django does not have."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from contactsync.lib.clock import now

register = template.Library()

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


@register.simple_tag
def nav_url(name: str, *args: Any) -> str:
    """The URL of ``name``, or "" where there is no such page (or an argument is empty).

    The frame of every page uses it, so a part of the product that is not installed
    leaves an entry out and breaks nothing.
    """
    if any(arg in ("", None) for arg in args):
        return ""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def current(context: dict[str, Any], url: str, exact: bool = False) -> str:
    """The value of ``aria-current`` for a link to ``url``: "page", "true" or "".

    "true" says that the page shown lies below ``url``; ``exact`` leaves that out.
    """
    request = context.get("request")
    if request is None or not url:
        return ""
    if request.path == url:
        return "page"
    return "true" if not exact and request.path.startswith(url) else ""


@register.simple_tag(takes_context=True)
def nav_count(context: dict[str, Any], name: str) -> str:
    """How many things wait on the page ``name``, as text; "" for none."""
    n = context.get("nav_counts", {}).get(name, 0)
    return f"{n:,}" if n else ""


def span(seconds: float) -> str:
    """``seconds`` in the largest unit that fits: "40 s", "6 min", "3 h", "12 d"."""
    seconds = abs(seconds)
    for unit, size in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """``<time>``: relative in words, exact (UTC) in its title. Empty for None.

    Older than 30 days it is the date.
    """
    if at is None:
        return ""
    seconds = (now() - at).total_seconds()
    if abs(seconds) < 5:
        words = "just now"
    elif seconds < 0:
        words = f"in {span(seconds)}"
    elif seconds < 30 * 86_400:
        words = f"{span(seconds)} ago"
    else:
        words = f"{at.day} {at:%b %Y}"
    return format_html(
        '<time class="num" datetime="{}" title="{} {}">{}</time>',
        at.isoformat(),
        localtime(at).strftime("%-d %b %Y, %H:%M:%S"),
        localtime(at).tzname(),
        words,
    )


@register.filter
def initials(name: object) -> str:
    """Up to two letters that stand for a name or an e-mail address."""
    words = str(name or "").partition("@")[0].replace(".", " ").split()
    return "".join(word[0] for word in words[:2]).upper() or "?"


DONE = {
    "accept": "accepted",
    "add": "added",
    "cancel": "cancelled",
    "change": "changed",
    "confirm": "confirmed",
    "create": "created",
    "delete": "deleted",
    "disable": "switched off",
    "enable": "switched on",
    "export": "exported",
    "import": "imported",
    "lift": "taken off",
    "link": "linked",
    "pause": "paused",
    "plan": "planned",
    "remove": "removed",
    "rename": "renamed",
    "resend": "sent again",
    "resume": "resumed",
    "start": "started",
    "test": "tested",
    "undo": "undone",
    "unlink": "unlinked",
    "update": "changed",
    "vote": "asked for",
}
"""What was done, for the entries that are written as an order."""


@register.filter
def action_words(action: str) -> str:
    """An audit action for people: "api_key.created" is "API key created"."""
    start, dot, last = action.rpartition(".")
    words = f"{start}{dot}{DONE.get(last, last)}".replace("_", " ").replace(".", " ")
    words = words[:1].upper() + words[1:]
    return words.replace("Api ", "API ")


@register.filter
def audit_details(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """What an audit entry adds, for people: labels without underscores, no row ids."""
    return [
        (name.replace("_", " ").capitalize(), listed(value))
        for name, value in detail.items()
        if not (isinstance(value, dict) or UUID_TEXT.fullmatch(str(value)))
    ]


@register.filter
def listed(value: object) -> str:
    """A value of an audit entry: lists with commas, nothing as "none"."""
    if isinstance(value, list | tuple):
        value = ", ".join(str(each) for each in value)
    return "none" if value in ("", None) else str(value)


@register.filter
def control(bound: Any, css: str) -> SafeString:
    """A form's bound field as a widget with ``css``, and its label, hint and errors
    tied to it: ``aria-describedby`` names what stands around it, ``aria-invalid``
    says that it is wrong."""
    described = [
        f"{bound.auto_id}_{part}"
        for part, there in (("hint", bound.help_text), ("error", bound.errors))
        if there
    ]
    attrs = {"class": f"{bound.field.widget.attrs.get('class', '')} {css}".strip()}
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    placeholder = str(bound.field.widget.attrs.get("placeholder", ""))
    if placeholder.lower().startswith(str(bound.label).lower()):
        attrs["placeholder"] = ""  # says no more than the label
    drawn: SafeString = bound.as_widget(attrs=attrs)
    return drawn


@register.filter
def widget(bound: Any) -> str:
    """What kind of control a bound field is: input, select, textarea, checkbox,
    radios or checks."""
    kind = bound.field.widget.__class__.__name__
    return {
        "CheckboxInput": "checkbox",
        "RadioSelect": "radios",
        "CheckboxSelectMultiple": "checks",
        "Select": "select",
        "SelectMultiple": "select-multiple",
        "Textarea": "textarea",
    }.get(kind, "input")
