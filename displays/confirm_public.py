"""The page behind the link in a confirmation mail. It knows no session.

GET and HEAD change nothing: mail scanners fetch every link, and some run the page's
script. Confirming is a POST, by the page's button or by its script once a person
touches the page (static/js/confirm.js).
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contacts.consents import ip_to_keep
from contactsync.api.client import client_ip, network_of
from contactsync.api.limits import limiter
from displays import confirm_links
from displays.confirm import Answer, Looked, confirm, look
from displays.confirm_again import NotSent, confirmation_resend
from displays.confirm_texts import choices_of, filled, wording_of
from displays.confirm_words import DEFAULT, LANGUAGES, accepted
from displays.models import Confirmation

RATE = "60/min"
MAX_AGENT = 200
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
STATUS = {Answer.UNKNOWN: 404, Answer.EXPIRED: 410}


# Exempt from CSRF, because there is nothing to ride on: what the page does it does for
# whoever holds the token, and the form carries a value made of that.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_page(request: HttpRequest, token: str) -> HttpResponse:
    if request.method != "POST":
        return shown(request, look(token), token)
    if limiter.hit(f"confirm:{network_of(client_ip(request))}", RATE):
        return shown(request, look(token), token, status=429)
    if not confirm_links.form_fits(token, request.POST.get("page", "")[:100]):
        return shown(request, look(token), token)
    if request.POST.get("do") == "again":
        return sent_again(request, token)
    agent = request.META.get("HTTP_USER_AGENT", "")
    found = confirm(
        token,
        ip=client_ip(request),
        evidence={
            "user_agent": "".join(c for c in agent if c.isprintable())[:MAX_AGENT]
        },
    )
    return shown(request, found, token)


def sent_again(request: HttpRequest, token: str) -> HttpResponse:
    """Send whoever holds an old link a new one, within the limits."""
    found = look(token)
    row = found.confirmation
    if found.answer != Answer.EXPIRED or row is None:
        return shown(request, found, token)
    ip = ip_to_keep(row.account_id, client_ip(request))
    try:
        confirmation_resend(account_id=row.account_id, contact_id=row.contact_id, ip=ip)
    except NotSent as refused:
        return shown(request, found, token, refused=refused)
    return shown(request, found, token, sent=True)


def shown(
    request: HttpRequest, found: Looked, token: str, status: int = 0, **more: Any
) -> HttpResponse:
    row = found.confirmation
    words = LANGUAGES[language_of(request, row)]
    context: dict[str, Any] = {"answer": found.answer.value, "words": words, **more}
    if row is not None:
        account = row.account
        wording = wording_of(account.pk, row.language)
        context |= {
            "account": account,
            "language": row.language,
            "form_value": confirm_links.form_value(token),
            "text": filled(words.page_text, account.name),
            "button": filled(wording.button, account.name),
            "thanks": filled(wording.thanks, account.name),
        }
    else:
        context |= {"language": language_of(request, None)}
    # Without the request: no context processor looks at the session, and so the
    # answer neither needs nor sets a cookie.
    html = render_to_string("displays/confirm.html", context)
    code = status or (200 if more.get("sent") else STATUS.get(found.answer, 200))
    return HttpResponse(html, status=code, headers=HEADERS)


def language_of(request: HttpRequest, row: Confirmation | None) -> str:
    """The mail's language; of an unknown link what the browser likes."""
    if row is not None:
        return row.language if row.language in LANGUAGES else usual(row)
    return accepted(request.META.get("HTTP_ACCEPT_LANGUAGE", "")) or DEFAULT


def usual(row: Confirmation) -> str:
    return choices_of(row.account_id).language
