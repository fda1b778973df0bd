"""What the templates of list cleaning are given."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from contactsync.tenancy.access import TenantRequest
from contactsync.tenancy.models import Role
from hygiene.cleaning import results, services, words
from hygiene.cleaning.progress import progress
from hygiene.models import CleaningRun

PAGE_RUNS = 25
PAGE_ROWS = 50
Status = CleaningRun.Status


def list_context(request: TenantRequest) -> dict[str, Any]:
    """A page of runs; ``?after=`` is the id of the last one on the page before."""
    runs = CleaningRun.objects.for_account(request.account).order_by("-id")
    runs = runs.defer("policy")
    after = _uuid(request.GET.get("after", ""))
    if after is not None:
        runs = runs.filter(pk__lt=after)
    found = list(runs.select_related("created_by")[: PAGE_RUNS + 1])
    return {
        "rows": [(run, *_status(run)) for run in found[:PAGE_RUNS]],
        "older": found[PAGE_RUNS - 1].pk if len(found) > PAGE_RUNS else None,
        "newest": after is None,
        "keep_days": services.KEEP_DAYS,
        "may_change": request.membership.role >= Role.MARKETER,
    }


def run_context(request: TenantRequest, run: CleaningRun) -> dict[str, Any]:
    tone, _ = _status(run)
    working = run.status in services.OPEN
    context = {
        "run": run,
        "tone": tone,
        "working": working,
        "progress": progress(run),
        "may_change": request.membership.role >= Role.MARKETER,
        "keep_days": services.KEEP_DAYS,
        "clean": run.counts.get("valid", 0),
        "rejected": run.rows_done - run.counts.get("valid", 0),
        "notes": words.notes(run),
    }
    by_rule = {} if working else results.rules_of(run)
    context["bars"] = words.bars(run.counts, by_rule)
    if not working and run.rows_done:
        context |= rows_context(request, run, by_rule)
    return context


def rows_context(
    request: TenantRequest, run: CleaningRun, by_rule: dict[str, int]
) -> dict[str, Any]:
    """The table of rows, as the query asks for it."""
    wanted = results.Wanted(
        tally=request.GET.get("category", ""),
        rule=request.GET.get("rule", ""),
        q=request.GET.get("q", "")[:320],
    )
    text = request.GET.get("after", "")
    after = int(text) if text.isdecimal() and len(text) < 10 else 0
    page = results.page(run, wanted, after=after, limit=PAGE_ROWS)
    query = {"category": wanted.tally, "rule": wanted.rule, "q": wanted.q}
    query = {name: value for name, value in query.items() if value}
    following = {**query, "after": page.after}
    return {
        "wanted": wanted,
        "rows": [
            (row, words.TALLIES[row.tally][0], words.explanation(row), words.to_do(row))
            for row in page.rows
        ],
        "after": after,
        "filtered": bool(query),
        "tallies": [(bar.key, bar.label) for bar in context_bars(run)],
        "rules": _rules(wanted, by_rule),
        "first_url": f"?{urlencode(query)}#rows",
        "next_url": f"?{urlencode(following)}#rows" if page.after else "",
    }


def context_bars(run: CleaningRun) -> list[words.Bar]:
    return [bar for bar in words.bars(run.counts, {}) if bar.rows]


def _rules(wanted: results.Wanted, by_rule: dict[str, int]) -> list[str]:
    """The rules to choose from: those of the chosen category."""
    pairs = (key.partition(":") for key in by_rule)
    return sorted({rule for tally, _, rule in pairs if rule and tally == wanted.tally})


def _status(run: CleaningRun) -> tuple[str, int]:
    return words.TONES[Status(run.status)], progress(run).percent


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
