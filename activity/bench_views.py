"""The page of the test bench. Nothing is stored and nobody is contacted."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from activity import bench
from activity.bench import Line
from activity.people import displays
from contactsync.lib.clock import now
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role

SHOWS = {"": "All", "rejected": "Rejected", "noted": "Accepted, noted or suggested"}


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.VIEWER)
def hygiene_bench(request: TenantRequest) -> Any:
    """Paste addresses or drop a CSV; see the verdicts, or take them away as a CSV."""
    context: dict[str, Any] = {
        "text": "",
        "choice": choice(request),
        "all_on": bench.ALL_ON,
        "displays": displays(request.account),
        "shows": SHOWS.items(),
        "show": "",
        "most": bench.MOST_ROWS,
        "error": "",
    }
    if request.method == "POST":
        text, error = given(request)
        context |= {"text": text, "error": error}
        lines = [] if error else bench.lines_of(text)
        if len(lines) > bench.MOST_ROWS:
            context["error"], context["text"] = too_many(), ""
        elif lines and request.POST.get("do") == "csv":
            return export(request, lines)
        elif lines:
            context |= verdicts(request, lines)
        elif not error:
            context["error"] = "Paste an address, or choose a file with some."
    status = 422 if context["error"] else 200
    return render(request, "activity/bench.html", context, status=status)


def choice(request: TenantRequest) -> str:
    return bench.choice_of(request.POST.get("policy", ""))


def given(request: TenantRequest) -> tuple[str, str]:
    """The text to judge, of the file if there is one, and what is wrong with it."""
    file: Any = request.FILES.get("file")
    if file is not None:
        if file.size > bench.MOST_BYTES:
            return "", too_many()
        return bench.text_of(file.read()), ""
    text = request.POST.get("text", "")
    return ("", too_many()) if len(text) > bench.MOST_BYTES else (text, "")


def too_many() -> str:
    return (
        f"The bench takes up to {bench.MOST_ROWS:,} rows and 1 MB. Use Clean your "
        "email list for longer ones."
    )


def export(request: TenantRequest, lines: list[Line]) -> StreamingHttpResponse:
    """The verdicts of what is in the form, as a CSV."""
    policy = bench.policy_of(request.account, choice(request))
    rows = bench.judged(request.account, lines, policy)
    return StreamingHttpResponse(
        bench.csv_lines(rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="bench-{now():%Y-%m-%d}.csv"'
        },
    )


def verdicts(request: TenantRequest, lines: list[Line]) -> dict[str, Any]:
    """The result of a form: the shares, the table, and the votes that are open."""
    account, show = request.account, request.POST.get("show", "")
    policy = bench.policy_of(account, choice(request))
    rows = bench.judged(account, lines, policy)
    wanted = [row for row in rows if shown(row, show)]
    opened = request.POST.get("open", "") or ("1" if len(rows) == 1 else "")
    number = int(opened) if opened.isdecimal() and len(opened) < 5 else 0
    votes = []
    if 1 <= number <= len(rows):
        votes = bench.votes_of(account, rows[number - 1].line, policy)
    return {
        "rows": wanted[: bench.SHOWN],
        "found": len(wanted),
        "judged": len(rows),
        "shares": bench.shares(rows),
        "show": show if show in SHOWS else "",
        "opened": number,
        "votes": votes,
        "text": bench.as_text(lines),
        "policy": policy,
    }


def shown(row: bench.Judged, show: str) -> bool:
    """Whether the filter of the table lets a row through."""
    verdict = row.verdict
    if show == "rejected":
        return not verdict.accepted
    if show == "noted":
        return verdict.accepted and bool(verdict.also or verdict.suggest)
    return True


@require_POST
@requires(Role.VIEWER)
def hygiene_bench_votes(request: TenantRequest) -> HttpResponse:
    """What every rule says of one address, to be opened below its row."""
    line = Line(
        *(
            request.POST.get(name, "").replace("\x00", "")[: bench.LONGEST]
            for name in ("address", "first_name", "last_name")
        )
    )
    policy = bench.policy_of(request.account, choice(request))
    votes = bench.votes_of(request.account, line, policy)
    return render(request, "activity/bench_votes.html", {"votes": votes})
