"""A display's own filter policy, and accepting a rejected signup."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from contactsync.lib.email import domain_shown
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from displays import appeals
from displays.models import Signup
from displays.views import changes_by, display_or_404, form_page
from hygiene.catalogue import RULES
from hygiene.entries import MAX_REASON, FullError, Scope
from hygiene.facts import wide_loaded
from hygiene.forms import ONE_LINE, PolicyForm, initial_of, preselected
from hygiene.policies import choices_for
from hygiene.services import Author, policy_save, settings_of
from hygiene.verdict import Category
from hygiene.views import FULL


@requires(Role.VIEWER)
@changes_by(Role.ADMIN)
@form_page
def display_hygiene(request: TenantRequest, pk: UUID) -> HttpResponse:
    display = display_or_404(request, pk)
    stored = initial_of(settings_of(request.account, display.pk), inherits=True)
    asked = preselected(request.GET.dict())
    form = PolicyForm(
        request.POST or None,
        initial=stored | asked,
        above=choices_for(request.account.pk),
    )
    if request.method == "POST" and form.is_valid():
        policy_save(
            account=request.account,
            settings=form.settings(),
            by=Author.of(request),
            display_id=display.pk,
            subject=display.name,
        )
        messages.success(request, f"The address filter of {display.name} is saved.")
        url = reverse("display_settings", args=[request.account.slug, display.pk])
        return redirect(f"{url}#filter")
    differs = any(stored[name] != value for name, value in asked.items())
    context = {"form": form, "display": display, "asked": differs}
    context["wide"] = wide_loaded()
    status = 422 if form.errors else 200
    return render(request, "hygiene/display_policy.html", context, status=status)


class AcceptForm(forms.Form):
    scope = forms.ChoiceField(
        choices=((Scope.ADDRESS, ""), (Scope.DOMAIN, "")), widget=forms.RadioSelect
    )
    reason = forms.CharField(
        label="Reason",
        max_length=MAX_REASON,
        validators=[ONE_LINE],
        help_text="Your team sees it in the audit log and on the list.",
        error_messages={"required": "Say in a few words why it is accepted."},
    )

    def __init__(self, *args: Any, signup: Signup, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = [(Scope.ADDRESS, f"Only {signup.email}")]
        if appeals.domain_open(signup):
            more, domain = appeals.others(signup), appeals.domain_of(signup)
            also = {0: "", 1: ", and the other rejected signup of the last 30 days"}
            rest = f", and the {more} other rejected signups of the last 30 days"
            said = f"Everybody at {domain_shown(domain)}{also.get(more, rest)}"
            options.append((Scope.DOMAIN, said))
        self.fields["scope"].choices = options  # type: ignore[attr-defined]


@requires(Role.MARKETER)
@form_page
def signup_accept(request: TenantRequest, pk: UUID) -> HttpResponse:
    found = Signup.objects.for_account(request.account).select_related("display")
    signup: Signup = get_object_or_404(found, pk=pk)
    if signup.status == Signup.Status.ACCEPTED:
        messages.info(request, appeals.ACCEPTED)
        return redirect(next_of(request, signup))
    scope = request.GET.get("scope", "")
    scope = scope if scope == Scope.DOMAIN else Scope.ADDRESS
    initial = {"scope": scope}
    form = AcceptForm(request.POST or None, signup=signup, initial=initial)
    if request.method == "POST" and form.is_valid():
        return accept(request, signup, form)
    return confirm(request, signup, form)


def accept(request: TenantRequest, signup: Signup, form: AcceptForm) -> HttpResponse:
    try:
        done = appeals.signup_accept(
            account=request.account,
            signup=signup,
            by=Author.of(request),
            **form.cleaned_data,
        )
    except appeals.NotAppealable:
        return confirm(request, signup, form)
    except FullError:
        form.add_error(None, FULL)
        return confirm(request, signup, form)
    messages.success(request, said(signup, done))
    if done.left:
        text = f"{done.left:,} more wait there: accept one of them to go on."
        messages.info(request, text)
    return redirect(next_of(request, signup))


def said(signup: Signup, done: appeals.Released) -> str:
    """What happened, for the person who pressed the button."""
    if done.accepted > 1:
        text = f"{done.accepted:,} signups are accepted and go on to your services."
    elif done.accepted:
        text = f"{signup.email} is accepted and goes on to your services."
    else:
        text = appeals.ACCEPTED
    if done.kept:
        text += f" {done.kept:,} stay rejected, for another reason."
    return text


def confirm(request: TenantRequest, signup: Signup, form: AcceptForm) -> HttpResponse:
    refusal = appeals.refusal(signup)
    domain = appeals.domain_of(signup)
    shared = domain and not appeals.domain_open(signup)
    known = RULES.get((Category(signup.category), signup.rule))
    context = {
        "signup": signup,
        "display_name": signup.display.name,
        "form": form,
        "refusal": refusal,
        "shared": appeals.SHARED.format(domain_shown(domain)) if shared else "",
        "told": known.what if known else "",
        "next": next_of(request, signup),
    }
    status = 409 if refusal and request.method == "POST" else 200
    status = 422 if form.errors else status
    return render(request, "hygiene/accept.html", context, status=status)


def next_of(request: TenantRequest, signup: Signup) -> str:
    """Where to go afterwards: back to a page of ours, else to the contact."""
    url = request.POST.get("next") or request.GET.get("next", "")
    if url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None):
        return url
    return reverse("contact", args=[request.account.slug, signup.contact_id])
