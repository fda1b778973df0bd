"""The page for people, its forms, and the two files it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from integrations.sandbox import markup
from integrations.sandbox.base import Simulator
from integrations.sandbox.faults import RESTING, ControlError
from integrations.sandbox.markup import ICON, STYLE
from integrations.sandbox.messages import Json, Request, Response

Simulators = Mapping[str, Simulator]

_FILES = {
    STYLE: ("style.css", "text/css; charset=utf-8"),
    ICON: ("icon.svg", "image/svg+xml"),
}
_SECURITY = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
SHOWN_MEMBERS = 100
SHOWN_REQUESTS = 40


def answer(simulators: Simulators, request: Request) -> Response:
    """The page, one of its files, or what one of its forms does."""
    path = request.path
    if path in _FILES and request.method in ("GET", "HEAD"):
        name, kind = _FILES[path]
        body = Path(__file__).with_name(name).read_bytes()
        return Response(body=body, content_type=kind, headers=_SECURITY)
    if path == "/" and request.method in ("GET", "HEAD"):
        return _show(simulators, request)
    parts = path.strip("/").split("/")
    if len(parts) == 3 and parts[0] == "_page" and parts[1] in simulators:
        action = _ACTIONS.get(parts[2])
        if action is not None and request.method == "POST":
            return _act(simulators[parts[1]], action, request)
    found = markup.document("Not found", markup.not_found(), STYLE, ICON)
    return _html(found, 404)


def _html(text: str, status: int = 200) -> Response:
    return Response(
        status=status,
        body=text.encode(),
        content_type="text/html; charset=utf-8",
        headers=_SECURITY,
    )


def _show(simulators: Simulators, request: Request) -> Response:
    query = request.query
    slug = query.get("provider", "")
    simulator = simulators.get(slug) or next(iter(simulators.values()))
    search = query.get("q", "").strip().lower()
    rows = [
        row
        for row in simulator.members()
        if not search or search in row["email"].lower()
    ]
    audiences = []
    for audience in simulator.audiences():
        mine = [row for row in rows if row["audience_id"] == audience["id"]]
        mine.sort(key=lambda row: row["changed_at"], reverse=True)
        audiences.append({**audience, "shown": mine[:SHOWN_MEMBERS], "of": len(mine)})
    body = markup.page(
        simulators=[(item.slug, item.label) for item in simulators.values()],
        slug=simulator.slug,
        base_url=f"{request.base_url}/{simulator.slug}",
        faults=simulator.dial.read(),
        audiences=audiences,
        requests=list(simulator.requests)[-SHOWN_REQUESTS:][::-1],
        search=query.get("q", ""),
        notice=query.get("notice", ""),
        problem=query.get("problem", ""),
    )
    return _html(markup.document(f"{simulator.label} sandbox", body, STYLE, ICON))


Form = dict[str, str]


def _act(
    simulator: Simulator, action: Callable[[Simulator, Form], str], request: Request
) -> Response:
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    target = {"provider": simulator.slug}
    try:
        target["notice"] = action(simulator, form)
    except ControlError as error:
        target["problem"] = error.detail
    if form.get("q"):
        target["q"] = form["q"]
    location = f"/?{urlencode(target)}"
    return Response(status=303, headers=[("Location", location), *_SECURITY])


def _confirm(simulator: Simulator, form: Form) -> str:
    simulator.confirm(form.get("email", ""), form.get("audience", ""))
    return f"{form['email']} confirmed the opt-in."


def _unsubscribe(simulator: Simulator, form: Form) -> str:
    simulator.unsubscribe(form.get("email", ""), "person", form.get("audience", ""))
    return f"{form['email']} unsubscribed."


def _delete(simulator: Simulator, form: Form) -> str:
    simulator.delete(form.get("email", ""), False, form.get("audience", ""))
    return f"{form['email']} is archived."


def _erase(simulator: Simulator, form: Form) -> str:
    simulator.delete(form.get("email", ""), True, form.get("audience", ""))
    return f"{form['email']} is deleted for good and cannot be imported again."


def _clean(simulator: Simulator, form: Form) -> str:
    simulator.clean(form.get("email", ""), form.get("audience", ""))
    return f"Mail to {form['email']} bounced."


def _set_faults(simulator: Simulator, form: Form) -> str:
    document: Json = {"credentials": form.get("credentials", "ok")}
    for name in ("status", "retry_after", "latency_ms", "times"):
        text = form.get(name, "").strip()
        if text and not (text.isascii() and text.isdigit()):
            raise ControlError(name, f"{name} is a whole number.")
        if text:
            document[name] = int(text)
    connection = form.get("connection", "")
    if connection:
        document[connection] = True
    if form.get("fail_share"):
        document["fail_share"] = 0.5
    for name in ("compliance", "forgotten", "throttled", "fake"):
        document[name] = form.get(name, "").replace(",", " ").split()
    document["only"] = form.get("only", "")
    simulator.dial.set(RESTING.changed(document))
    return "The fault dial is set."


def _rest(simulator: Simulator, form: Form) -> str:
    simulator.clear_faults()
    return "No faults any more."


def _reset(simulator: Simulator, form: Form) -> str:
    simulator.reset()
    return "Everything is back to the seed."


_ACTIONS: dict[str, Callable[[Simulator, Form], str]] = {
    "confirm": _confirm,
    "unsubscribe": _unsubscribe,
    "delete": _delete,
    "erase": _erase,
    "clean": _clean,
    "faults": _set_faults,
    "rest": _rest,
    "reset": _reset,
}
