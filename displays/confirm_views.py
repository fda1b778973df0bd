"""Account > Double opt-in: when people are asked, and in which words."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from contacts.consents import ip_policies, ip_policy_save
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from displays.confirm_forms import ConfirmationForm, TextForm
from displays.confirm_mail import Letter, letter_of
from displays.confirm_texts import (
    Choices,
    Wording,
    choices_of,
    choices_save,
    filled,
    wording_forget,
    wording_of,
    wording_save,
)
from displays.confirm_words import LANGUAGES
from displays.models import ConfirmationText
from displays.views import changes_by, form_page


@requires(Role.VIEWER)
@changes_by(Role.ADMIN)
@form_page
def confirmation(request: TenantRequest) -> HttpResponse:
    account = request.account
    form = ConfirmationForm(request.POST or None, initial=initial(account.pk))
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        ip = given.pop("ip")
        choices_save(account=account, **given)
        if ip != ip_policies.of(account.pk):
            ip_policy_save(account_id=account.pk, ip=ip)
        audit(
            request,
            account=account,
            action="confirmation.settings",
            subject=account.name,
            changed=form.changed_data,
        )
        messages.success(request, "The settings are saved.")
        return redirect("confirmation", account.slug)
    own = set(
        ConfirmationText.objects.for_account(account).values_list("language", flat=True)
    )
    languages = [(code, words, code in own) for code, words in LANGUAGES.items()]
    status = 422 if form.errors else 200
    return render(
        request,
        "displays/confirmation.html",
        {"form": form, "languages": languages},
        status=status,
    )


def initial(account_id: int) -> dict[str, Any]:
    choices = choices_of(account_id)
    remind = choices.remind_after
    return {
        "language": choices.language,
        "remind_after": int(remind.total_seconds() // 3600) if remind else 0,
        "expires_after": choices.expires_after.days,
        "ip": ip_policies.of(account_id),
    }


@requires(Role.VIEWER)
@changes_by(Role.MARKETER)
@form_page
def confirmation_text(request: TenantRequest, language: str) -> HttpResponse:
    """The wording in one language. Its buttons say in ``do`` what is wanted."""
    if language not in LANGUAGES:
        raise Http404("no such language")
    account, wanted = request.account, request.POST.get("do", "save")
    now_used = wording_of(account.pk, language)
    form = TextForm(request.POST or None, initial=now_used.values())
    if request.method == "POST" and wanted == "forget":
        wording_forget(account=account, language=language)
        return changed(request, language, "Our words are used again.")
    valid = form.is_valid() if request.method == "POST" else False
    if valid and wanted == "save":
        wording_save(account=account, language=language, **form.cleaned_data)
        return changed(request, language, "The wording is saved.")
    choices = choices_of(account.pk)
    typed = as_typed(form, now_used)
    context = {
        "form": form,
        "wording": now_used,
        "language_label": LANGUAGES[language].label,
        "letter": preview(typed, choices, account.name),
        "thanks": filled(typed.thanks, account.name),
    }
    if wanted == "preview" and request.htmx:
        return render(request, "displays/confirmation_preview.html", context)
    status = 422 if form.errors and wanted == "save" else 200
    return render(request, "displays/confirmation_text.html", context, status=status)


def changed(request: TenantRequest, language: str, said: str) -> HttpResponse:
    audit(
        request,
        account=request.account,
        action="confirmation.wording",
        subject=LANGUAGES[language].label,
    )
    messages.success(request, said)
    return redirect("confirmation_text", request.account.slug, language)


def as_typed(form: TextForm, now_used: Wording) -> Wording:
    """What stands in the form, valid or not; cut to a size that is fit to show."""
    typed = {name: str(form[name].value() or "")[:4000] for name in form.fields}
    return Wording(
        language=now_used.language,
        sender=typed["sender"],
        subject=typed["subject"],
        body=typed["body"],
        button=typed["button"],
        thanks=typed["thanks"] or now_used.words.thanks,
    )


def preview(wording: Wording, choices: Choices, account_name: str) -> Letter:
    return letter_of(wording, choices, account_name)
