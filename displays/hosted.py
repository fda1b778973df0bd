"""A display's own page: a form for anybody, without log-in and without JavaScript."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirectBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contactsync.api.client import client_ip, network_of
from contactsync.api.keys import Key
from contactsync.api.limits import limiter
from contactsync.api.problems import Problem
from contactsync.lib.email import MAX_EMAIL
from displays.intake import checked, take_signup
from displays.models import Display
from displays.public import liked_language

SALT = "displays.hosted"
TOKEN_SECONDS = 24 * 3600
PATIENT_MS = 60_000
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
UTM = ("source", "medium", "campaign", "term", "content")


class SeeOther(HttpResponseRedirectBase):
    """303: fetch the answer with GET, so that reloading posts nothing twice."""

    status_code = 303


def storable(text: str) -> None:
    """A surrogate half, which a form's charset can smuggle in, fits no database."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise forms.ValidationError("This holds a character that cannot be stored.")


class HostedForm(forms.Form):
    email = forms.CharField(
        label="Email address",
        max_length=MAX_EMAIL,
        validators=[storable],
        widget=forms.EmailInput(attrs={"autocomplete": "email", "maxlength": None}),
        error_messages={"required": "Enter your email address."},
    )
    first_name = forms.CharField(
        label="First name",
        max_length=200,
        required=False,
        validators=[storable],
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    consent = forms.BooleanField(required=False)

    def clean_email(self) -> str:
        """Only what nobody could mean as an address: the rest is judged later, in
        silence."""
        email: str = self.cleaned_data["email"]
        if not ADDRESS.fullmatch(email):
            raise forms.ValidationError(
                "Enter an email address, such as ada@example.com."
            )
        return email


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a page was made, in Unix milliseconds; ``token`` is that, signed."""

    at: int
    token: str

    @classmethod
    def new(cls, display: UUID, at: int) -> Stamp:
        return cls(at, signing.dumps(at, salt=f"{SALT}.{display}", compress=False))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def read_stamp(display: UUID, token: str) -> tuple[Stamp, bool]:
    """The page's stamp and whether a signup may be taken with it.

    One of ours that grew too old comes back renewed but not young: its reader is
    patient, and must not be taken for a bot when pressing the button again.
    """
    try:
        at = signing.loads(token, salt=f"{SALT}.{display}")
    except signing.BadSignature:
        return Stamp.new(display, now_ms()), False
    age = now_ms() - at
    if not 0 <= age <= TOKEN_SECONDS * 1000:
        return Stamp.new(display, now_ms() - PATIENT_MS), False
    return Stamp(at, token), True


# Exempt from CSRF, because there is nothing to ride on: the page knows no session and
# sets no cookie, and what it does anybody may do. The signed stamp shows that the form
# came from a page of ours, and how long ago.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def hosted_page(request: HttpRequest, display: UUID) -> HttpResponse:
    found = Display.objects.select_related("account").filter(pk=display).first()
    if found is None or found.status == Display.Status.DRAFT:
        return message(404, "This page does not exist", "Check the link, please.")
    if found.status != Display.Status.LIVE:
        text = "It takes no signups at the moment."
        return message(410, "This form is closed", text, found)
    if request.method == "POST":
        return submitted(request, found)
    if "done" in request.GET:
        return page("displays/hosted_done.html", found)
    stamp = Stamp.new(found.pk, now_ms())
    return form_page(found, HostedForm(), stamp)


def submitted(request: HttpRequest, display: Display) -> HttpResponse:
    """Store a signup. The answer is the same for every address."""
    refusal = refused(request, display)
    if refusal is not None:
        return refusal
    form = HostedForm(request.POST)
    stamp, fresh = read_stamp(display.pk, request.POST.get("stamp", ""))
    if not form.is_valid():
        return form_page(display, form, stamp, status=422)
    if not fresh:
        form.add_error(None, "This page was open for a long time. Please press again.")
        return form_page(display, form, stamp, status=422)
    try:
        take_signup(
            checked(body_of(request, display, form, now_ms() - stamp.at)),
            page_key(display),
            ip=client_ip(request),
            language=liked_language(request),
        )
    except Problem as problem:
        form.add_error(None, problem.detail)
        return form_page(display, form, stamp, status=problem.status)
    return SeeOther(reverse("hosted_page", args=[display.pk]) + "?done=1")


def refused(request: HttpRequest, display: Display) -> HttpResponse | None:
    """Before the body is read: too many, too large, or not a form."""
    network = network_of(client_ip(request))
    wait = limiter.hit(f"ip:{network}", settings.SIGNUP_RATE_PER_IP)
    if wait:
        text = "There were too many signups from your network. Try again in a minute."
        answer = message(429, "One moment, please", text, display)
        answer["Retry-After"] = str(max(1, round(wait + 0.5)))
        return answer
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length[:12]) > settings.SIGNUP_MAX_BYTES:
        text = "What was sent is too large. Go back and write less."
        return message(413, "That was too much", text, display)
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type not in FORM_TYPES or charset.lower() != "utf-8":
        text = "Go back, fill in the form and send it again."
        return message(415, "This could not be read", text, display)
    return None


def body_of(
    request: HttpRequest, display: Display, form: HostedForm, elapsed_ms: int
) -> dict[str, Any]:
    """What the API would have been sent; ``intake.checked`` reads both."""
    given = form.cleaned_data
    name = given["first_name"] if display.ask_name else ""
    utm = {name: request.GET.get(f"utm_{name}", "")[:200] for name in UTM}
    return {
        "display": str(display.pk),
        "email": given["email"],
        "fields": {"first_name": name} if name else {},
        "consent": {"given": given["consent"], "text": display.consent_text},
        "page_url": settings.BASE_URL + request.path,
        "utm": {name: value for name, value in utm.items() if clean(value)},
        "elapsed_ms": elapsed_ms,
        # That somebody filled it in is all that counts; what it says may be anything.
        "hp": "filled" if request.POST.get("website") else "",
    }


def clean(value: str) -> bool:
    """Whether an address's parameter can be stored; what cannot be is left out."""
    return bool(value) and "\x00" not in value and value.isprintable()


def page_key(display: Display) -> Key:
    """What a publishable key of the display's account may do, and no more."""
    return Key(
        id=display.id,
        account_id=display.account_id,
        kind="pk",
        environment="live",
        origins=(),
    )


def form_page(
    display: Display, form: HostedForm, stamp: Stamp, status: int = 200
) -> HttpResponse:
    return page("displays/hosted.html", display, status, form=form, stamp=stamp.token)


def message(
    status: int, title: str, text: str, display: Display | None = None
) -> HttpResponse:
    return page("displays/hosted_message.html", display, status, title=title, text=text)


def page(
    template: str, display: Display | None, status: int = 200, **context: Any
) -> HttpResponse:
    # Without the request: no context processor looks at the session, and so the
    # answer neither needs nor sets a cookie.
    html = render_to_string(template, {"display": display, **context})
    return HttpResponse(html, status=status, headers={"Cache-Control": "no-store"})
