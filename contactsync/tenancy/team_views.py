"""Account > Team: who works here, as what, and who was asked to."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.contrib import messages
from django.core.mail import send_mail
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from contactsync.lib.clock import now
from contactsync.tenancy import shown_once
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.forms import InviteForm, RoleForm, roles_up_to
from contactsync.tenancy.models import Account, Invitation, Membership, Role
from contactsync.tenancy.services import (
    INVITATION_DAYS,
    LastOwnerError,
    audit,
    invitation_create,
    membership_change,
)

log = structlog.get_logger(__name__)

LAST_OWNER = "An account keeps at least one owner. Make somebody else an owner first."


def open_invitations(account: Account) -> QuerySet[Invitation]:
    return (
        Invitation.objects.for_account(account)
        .filter(accepted_at=None, expires_at__gt=now())
        .select_related("invited_by")
        .order_by("-created_at")
    )


def invite_form(request: TenantRequest, data: object = None) -> InviteForm:
    return InviteForm(data, account=request.account, role=request.membership.role)


def page(
    request: TenantRequest, form: InviteForm, *, status: int = 200, **more: object
) -> HttpResponse:
    members = Membership.objects.filter(account=request.account)
    context = {
        "members": members.select_related("user").order_by("-role", "user__email"),
        "invitations": open_invitations(request.account),
        "form": form,
        "roles": roles_up_to(request.membership.role),
        "all_roles": Role,
        "days": INVITATION_DAYS,
        **more,
    }
    return render(request, "tenancy/team.html", context, status=status)


@never_cache
@require_safe
@requires(Role.VIEWER)
def team(request: TenantRequest) -> HttpResponse:
    """The team; right after somebody was invited, their link, this once."""
    found = shown_once.take(request, name="invitation")
    if found is None:
        return page(request, invite_form(request))
    mailed, _, link = found[1].partition(" ")
    return page(
        request,
        invite_form(request),
        invited=open_invitations(request.account).filter(pk=found[0]).first(),
        link=link,
        mailed=mailed == "mailed",
    )


def mail_invitation(request: HttpRequest, invitation: Invitation, link: str) -> bool:
    """Write to the person invited; False when the mail server did not take it."""
    body = (
        f"{invitation.invited_by} asks you to join {invitation.account} on "
        f"contactsync as {invitation.get_role_display()}.\n\n"
        f"Accept: {link}\n\nThe link works for {INVITATION_DAYS} days, once, and "
        "only for this address.\n"
    )
    subject = f"Join {invitation.account} on contactsync"
    try:
        send_mail(" ".join(subject.split()), body, None, [invitation.email])
    except OSError as error:
        log.warning("invitation not mailed", error=type(error).__name__)
        return False
    return True


@require_POST
@requires(Role.ADMIN)
def team_invite(request: TenantRequest) -> HttpResponse:
    """Invite; the page that follows is the only one that shows the link."""
    form = invite_form(request, request.POST)
    if not form.is_valid():
        return page(request, form, status=422)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    open_invitations(request.account).filter(email=email).delete()
    invitation, token = invitation_create(
        account=request.account, email=email, role=role, by=request.user
    )
    audit(
        request,
        account=request.account,
        action="invitation.created",
        subject=email,
        role=Role(role).label,
    )
    link = request.build_absolute_uri(reverse("invitation", args=[token]))
    mailed = "mailed" if mail_invitation(request, invitation, link) else "kept"
    shown_once.keep(
        request, name="invitation", pk=invitation.pk, text=f"{mailed} {link}"
    )
    return redirect("team", request.account.slug)


@require_POST
@requires(Role.ADMIN)
def invitation_withdraw(request: TenantRequest, pk: UUID) -> HttpResponse:
    invitation = get_object_or_404(open_invitations(request.account), pk=pk)
    invitation.delete()
    audit(
        request,
        account=request.account,
        action="invitation.withdrawn",
        subject=invitation.email,
    )
    messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("team", request.account.slug)


def member_or_404(request: TenantRequest, member: int) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("user", "account"),
        account=request.account,
        pk=member,
    )


def above(request: TenantRequest, membership: Membership) -> HttpResponse | None:
    """A 403 when ``membership`` ranks above the person who wants to change it."""
    if membership.role <= request.membership.role:
        return None
    return render(request, "403.html", {"needed": Role(membership.role)}, status=403)


@require_POST
@requires(Role.ADMIN)
def team_role(request: TenantRequest, member: int) -> HttpResponse:
    membership = member_or_404(request, member)
    form = RoleForm(request.POST, role=request.membership.role)
    if (refusal := above(request, membership)) is not None:
        return refusal
    if not form.is_valid():
        return render(request, "403.html", {"needed": Role.OWNER}, status=403)
    before, role = membership.get_role_display(), Role(form.cleaned_data["role"])
    try:
        membership_change(membership=membership, role=role)
    except LastOwnerError:
        messages.error(request, LAST_OWNER)
        return redirect("team", request.account.slug)
    audit(
        request,
        account=request.account,
        action="member.role_changed",
        subject=membership.user.email,
        before=before,
        after=role.label,
    )
    messages.success(request, f"{membership.user} is now {role.label}.")
    return redirect("team", request.account.slug)


@require_POST
@requires(Role.ADMIN)
def team_remove(request: TenantRequest, member: int) -> HttpResponse:
    membership = member_or_404(request, member)
    if (refusal := above(request, membership)) is not None:
        return refusal
    return remove(request, membership, action="member.removed")


@require_POST
@requires(Role.VIEWER)
def team_leave(request: TenantRequest) -> HttpResponse:
    return remove(request, request.membership, action="member.left")


def remove(
    request: TenantRequest, membership: Membership, *, action: str
) -> HttpResponse:
    person, own = membership.user, membership.user_id == request.user.pk
    try:
        membership_change(membership=membership, role=None)
    except LastOwnerError:
        messages.error(request, LAST_OWNER)
        return redirect("team", request.account.slug)
    audit(request, account=request.account, action=action, subject=person.email)
    if own:
        messages.success(request, f"You left {request.account}.")
        return redirect("front")
    messages.success(request, f"{person} is no longer on the team.")
    return redirect("team", request.account.slug)
