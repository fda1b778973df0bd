"""Pages of a person, outside any account: profile, theme, joining, a new account."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from contactsync.lib.clock import now
from contactsync.tenancy.context import THEME_COOKIE
from contactsync.tenancy.forms import AccountForm, ProfileForm
from contactsync.tenancy.models import Account, Invitation, Membership, User
from contactsync.tenancy.services import (
    account_create,
    audit,
    invitation_accept,
    token_hash,
)

YEAR = 365 * 24 * 3600
# tenancy.signup_form looks for it: who was invited gets no account of their own.
INVITED = "invitation_token"


def back(request: HttpRequest) -> str:
    """Where the form said it came from, if that is on this site; else ``/``."""
    wish = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        wish, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wish if here else "/"


def remember_theme(response: HttpResponse, theme: str) -> HttpResponse:
    """For the pages before the log-in."""
    response.set_cookie(
        THEME_COOKIE, theme, max_age=YEAR, httponly=True, samesite="Lax"
    )
    return response


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """System, light or dark: stored on the person, and in a cookie."""
    wish = request.POST.get("theme", "")
    if wish not in User.Theme.values:
        return render(request, "400.html", status=400)
    if isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(theme=wish)
    return remember_theme(redirect(back(request)), wish)


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name and theme, and the way to password, e-mail and passkeys."""
    assert isinstance(request.user, User)
    person = User.objects.get(pk=request.user.pk)
    if request.method != "POST":
        form = ProfileForm(instance=person)
        return render(request, "tenancy/profile.html", {"you": form})
    form = ProfileForm(request.POST, instance=person)
    if not form.is_valid():
        return render(request, "tenancy/profile.html", {"you": form}, status=422)
    form.save()
    messages.success(request, "Your settings are saved.")
    target = back(request)
    return remember_theme(
        redirect("profile" if target == "/" else target), person.theme
    )


@login_required
def account_new(request: HttpRequest) -> HttpResponse:
    """An account more, or the first of somebody who left the last."""
    form = AccountForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(
            request, "tenancy/account_new.html", {"form": form}, status=status
        )
    assert isinstance(request.user, User)
    account = account_create(name=form.cleaned_data["name"], owner=request.user)
    audit(request, account=account, action="account.created", subject=account.name)
    return redirect("home", account.slug)


def invitation_of(token: str) -> Invitation | None:
    return (
        Invitation.objects.filter(token_hash=token_hash(token))
        .select_related("account", "invited_by")
        .first()
    )


def unusable(invitation: Invitation | None) -> str:
    """Why the link does not work, in words; "" if it does."""
    if invitation is None:
        return "It is unknown, or it was withdrawn."
    if invitation.accepted_at is not None:
        return "It has been used already."
    if invitation.expires_at <= now():
        return "It has expired."
    return ""


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link of an invitation; POST joins."""
    found = invitation_of(token)
    why = unusable(found)
    if why or found is None:
        request.session.pop(INVITED, None)
        context = {"why": why}
        return render(request, "tenancy/invitation_gone.html", context, status=410)
    user = request.user if isinstance(request.user, User) else None
    if user is not None and request.method == "POST":
        return join(request, found.account, token, user)
    if user is None:
        request.session[INVITED] = str(found.pk)
    shown: dict[str, object] = {
        "invitation": found,
        "matches": user is not None and user.email.lower() == found.email,
    }
    return render(request, "tenancy/invitation.html", shown)


def join(
    request: HttpRequest, account: Account, token: str, user: User
) -> HttpResponse:
    was_in = Membership.objects.filter(account=account, user=user).exists()
    membership = invitation_accept(token=token, user=user)
    if membership is None:
        context = {"why": "It was sent to another address than yours."}
        return render(request, "tenancy/invitation_gone.html", context, status=403)
    request.session.pop(INVITED, None)
    if not was_in:
        audit(
            request,
            account=account,
            action="member.joined",
            subject=user.email,
            role=membership.get_role_display(),
        )
    messages.success(request, f"Welcome to {account}.")
    return redirect("home", account.slug)
