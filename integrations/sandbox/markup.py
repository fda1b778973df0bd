"""The page's markup. Every value goes through `escape`."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from integrations.sandbox.faults import RESTING, Faults
from integrations.sandbox.messages import Json

STYLE = "/_page/style.css"
ICON = "/_page/icon.svg"
_STATUS = {
    "subscribed": ("ok", "Subscribed"),
    "pending": ("warn", "Pending (double opt-in)"),
    "unsubscribed": ("off", "Unsubscribed"),
    "cleaned": ("bad", "Cleaned"),
    "archived": ("off", "Archived"),
    "transactional": ("info", "Transactional"),
}
_CONNECTIONS = (
    ("", "Works"),
    ("drop", "Dropped before the call is read"),
    ("truncate", "Answer cut in half"),
    ("timeout_after_accept", "Call is done, answer never comes"),
    ("drop_after_accept", "Call is done, connection dropped"),
)
_CREDENTIALS = (("ok", "Valid"), ("broken", "Broken"), ("disabled", "Disabled"))
_ERRORS: tuple[tuple[str, str], ...] = (
    ("", "None"),
    ("429", "429 Too many requests"),
    ("500", "500 Internal error"),
    ("503", "503 Unavailable"),
    ("403", "403 Forbidden"),
)
_ADDRESSES = (
    ("compliance", "Refused: compliance state"),
    ("forgotten", "Refused: deleted for good"),
    ("throttled", "Refused: too many signups"),
    ("fake", "Refused: looks fake"),
)


def document(title: str, body: str, style: str, icon: str) -> str:
    """A whole page around `body`."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>"
        f'<link rel="stylesheet" href="{style}">'
        f'<link rel="icon" href="{icon}" type="image/svg+xml">'
        f"</head><body>{body}</body></html>"
    )


def not_found() -> str:
    return (
        '<main class="page"><h1>Not found</h1><p>There is nothing here.'
        ' <a href="/">Back to the sandbox</a></p></main>'
    )


def page(
    *,
    simulators: list[tuple[str, str]],
    slug: str,
    base_url: str,
    faults: Faults,
    audiences: list[Json],
    requests: list[Json],
    search: str,
    notice: str,
    problem: str,
) -> str:
    """The one page there is, for one simulator."""
    links = "".join(_nav_link(item, label, item == slug) for item, label in simulators)
    message = ""
    if notice:
        message = f'<p class="message ok" role="status">{escape(notice)}</p>'
    if problem:
        message = f'<p class="message bad" role="alert">{escape(problem)}</p>'
    cards = "".join(_audience(slug, item, search) for item in audiences)
    return (
        '<a class="skip" href="#main">Skip to content</a>'
        '<header class="top"><div class="bar"><strong>Provider sandbox</strong>'
        f'<nav aria-label="Providers">{links}</nav>'
        '<a class="end" href="/_control/">Control API</a></div></header>'
        f'<main id="main" class="page"><div class="head"><div>'
        f"<h1>{_label(simulators, slug)}</h1>"
        f'<p class="sub">Stands at <code>{escape(base_url)}</code>. Nothing here'
        " is real and no mail is sent.</p></div>"
        f"{_button(slug, 'reset', 'Reset everything', {}, 'danger')}</div>"
        f"{message}{_dial(slug, faults)}"
        '<section aria-labelledby="audiences"><div class="head">'
        '<h2 id="audiences">Audiences</h2>'
        '<form method="get" action="/" role="search">'
        f'<input type="hidden" name="provider" value="{escape(slug)}">'
        '<label class="sr" for="q">Find an address</label>'
        f'<input class="input" id="q" name="q" type="search" value="{escape(search)}"'
        ' placeholder="Find an address"> <button class="btn">Find</button></form></div>'
        f"{cards}</section>{_requests(requests)}</main>"
    )


def _nav_link(slug: str, label: str, current: bool) -> str:
    here = ' aria-current="page"' if current else ""
    query = escape(urlencode({"provider": slug}))
    return f'<a href="/?{query}"{here}>{escape(label)}</a>'


def _label(simulators: list[tuple[str, str]], slug: str) -> str:
    return escape(dict(simulators)[slug])


def _button(slug: str, action: str, text: str, values: Json, kind: str = "") -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(k)}" value="{escape(str(v))}">'
        for k, v in values.items()
    )
    about = f'<span class="sr"> {escape(values["email"])}</span>' if values else ""
    return (
        f'<form method="post" action="/_page/{escape(slug)}/{action}">{hidden}'
        f'<button class="btn {kind}">{escape(text)}{about}</button></form>'
    )


def _audience(slug: str, audience: Json, search: str) -> str:
    counts = " · ".join(
        f"{number} {escape(_STATUS.get(status, ('', status))[1].lower())}"
        for status, number in sorted(audience["members"].items())
    )
    opt_in = "double opt-in" if audience["double_opt_in"] else "single opt-in"
    fields = ", ".join(
        escape(field["tag"]) + (" (required)" if field["required"] else "")
        for field in audience["fields"]
    )
    rows = "".join(
        _member(slug, audience["id"], row, search) for row in audience["shown"]
    )
    if not rows:
        nobody = "Nobody matches." if search else "Nobody yet."
        clear = f' <a href="/?provider={escape(slug)}">Clear</a>' if search else ""
        rows = f'<tr><td colspan="5" class="empty">{nobody}{clear}</td></tr>'
    more = ""
    if audience["of"] > len(audience["shown"]):
        shown = len(audience["shown"])
        more = f'<p class="note">The newest {shown} of {audience["of"]}.</p>'
    return (
        f'<div class="card"><div class="card-head"><h3>{escape(audience["name"])}</h3>'
        f'<span class="sub">{opt_in} · <code>{escape(audience["id"])}</code></span>'
        f'<span class="sub end">{counts or "empty"}</span></div>'
        f'<p class="note">Fields: {fields}</p>'
        '<div class="scroll" tabindex="0" role="region"'
        f' aria-label="Members of {escape(audience["name"])}">'
        '<table><thead><tr><th scope="col">Address</th><th scope="col">Status</th>'
        '<th scope="col">Fields and tags</th><th scope="col">Changed</th>'
        f'<th scope="col">Actions</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"{more}</div>"
    )


def _member(slug: str, audience: str, row: Json, search: str) -> str:
    kind, word = _STATUS.get(row["status"], ("info", row["status"]))
    values = {"email": row["email"], "audience": audience, "q": search}
    actions = []
    if row["status"] == "pending":
        actions.append(_button(slug, "confirm", "Confirm", values, "primary"))
    if row["status"] in ("subscribed", "pending"):
        actions.append(_button(slug, "unsubscribe", "Unsubscribe", values))
        actions.append(_button(slug, "clean", "Bounce", values))
    if row["status"] != "archived":
        actions.append(_button(slug, "delete", "Delete", values))
    actions.append(_button(slug, "erase", "Delete for good", values, "danger"))
    given = " ".join(
        f"<code>{escape(tag)}={escape(str(value))}</code>"
        for tag, value in row["fields"].items()
        if value != ""
    )
    tags = " ".join(f'<span class="tag">{escape(tag)}</span>' for tag in row["tags"])
    by = f" by {escape(row['left_by'])}" if row["left_by"] else ""
    return (
        f'<tr><th scope="row">{escape(row["email"])}</th>'
        f'<td><span class="badge {kind}">{escape(word)}{by}</span></td>'
        f"<td>{given} {tags}</td><td>{_time(row['changed_at'])}</td>"
        f'<td><div class="actions">{"".join(actions)}</div></td></tr>'
    )


def _time(text: str) -> str:
    shown = text[:19].replace("T", " ")
    return f'<time datetime="{escape(text)}">{escape(shown)}</time>' if text else ""


def _select(
    name: str, label: str, choices: tuple[tuple[str, str], ...], now: str
) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == now else ""}>'
        f"{escape(text)}</option>"
        for value, text in choices
    )
    return (
        f'<div class="field"><label for="f-{name}">{escape(label)}</label>'
        f'<select class="input" id="f-{name}" name="{name}">{options}</select></div>'
    )


def _input(name: str, label: str, value: object, hint: str = "") -> str:
    shown = "" if value in (None, 0) else str(value)
    return (
        f'<div class="field"><label for="f-{name}">{escape(label)}</label>'
        f'<input class="input" id="f-{name}" name="{name}" value="{escape(shown)}"'
        f' placeholder="{escape(hint)}" autocomplete="off"></div>'
    )


def _dial(slug: str, faults: Faults) -> str:
    active = faults != RESTING
    badge = (
        '<span class="badge bad">Faults on</span>'
        if active
        else '<span class="badge ok">At rest</span>'
    )
    connection = next((n for n, _ in _CONNECTIONS if n and getattr(faults, n)), "")
    status = "" if faults.status is None else str(faults.status)
    errors = _ERRORS
    if status and status not in dict(_ERRORS):
        errors = (*_ERRORS, (status, status))
    checked = " checked" if faults.fail_share else ""
    boxes = [
        _select("credentials", "Credentials", _CREDENTIALS, faults.credentials),
        _select("status", "Every call answers", errors, status),
        _input("retry_after", "Retry-After, seconds", faults.retry_after),
        _input("latency_ms", "Slow: wait, milliseconds", faults.latency_ms),
        _select("connection", "Connection", _CONNECTIONS, connection),
        *(
            _input(name, label, " ".join(getattr(faults, name)), "a@x.org b@x.org")
            for name, label in _ADDRESSES
        ),
        _input("only", "Only on these calls", faults.only, "POST /lists/*"),
        _input("times", "For so many calls", faults.times, "until reset"),
    ]
    return (
        '<section class="card" aria-labelledby="dial"><div class="card-head">'
        f'<h2 id="dial">Fault dial</h2>{badge}</div>'
        f'<form method="post" action="/_page/{escape(slug)}/faults">'
        f'<div class="grid">{"".join(boxes)}</div>'
        '<label class="check"><input type="checkbox" name="fail_share" value="1"'
        f"{checked}> Refuse every second contact of a batch</label>"
        '<div class="foot"><button class="btn primary">Set faults</button> '
        f'<button class="btn" formaction="/_page/{escape(slug)}/rest">Reset faults'
        "</button></div></form></section>"
    )


def _requests(requests: list[Json]) -> str:
    rows = "".join(
        f"<tr><td>{_time(row['at'])}</td><td><code>{escape(row['method'])}</code></td>"
        f"<td><details><summary><code>{escape(row['path'])}</code></summary>"
        f"<h3>Request body</h3><pre>{escape(row['body'] or 'none')}</pre>"
        f"<h3>Answer</h3><pre>{escape(row['response'] or 'none')}</pre></details></td>"
        f'<td>{_outcome(row)}</td><td class="num">{row["ms"]} ms</td></tr>'
        for row in requests
    )
    if not rows:
        rows = '<tr><td colspan="5" class="empty">No request has arrived yet.</td></tr>'
    return (
        '<section class="card" aria-labelledby="requests"><div class="card-head">'
        '<h2 id="requests">Recent requests</h2></div><div class="scroll" tabindex="0"'
        ' role="region" aria-label="Table of requests"><table><thead><tr>'
        '<th scope="col">When</th><th scope="col">Method</th><th scope="col">Path</th>'
        '<th scope="col">Answer</th><th scope="col">Took</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _outcome(row: Json) -> str:
    if row["wire"] != "send":
        words = {"drop": "dropped", "truncate": "cut in half", "hold": "no answer"}
        return f'<span class="badge bad">{words[row["wire"]]}</span>'
    kind = "ok" if row["status"] < 400 else "bad" if row["status"] >= 500 else "warn"
    return f'<span class="badge {kind}">{row["status"]}</span>'
