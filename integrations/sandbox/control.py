"""/_control/: what arrived, what goes wrong, and what people do. JSON throughout."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from integrations.sandbox.base import Simulator
from integrations.sandbox.faults import RESTING, ControlError
from integrations.sandbox.messages import Json, Request, Response, json_response

Simulators = Mapping[str, Simulator]

INDEX = {
    "GET /_control/": "this index",
    "POST /_control/reset": "every simulator back to its seed",
    "GET /_control/{slug}/requests?limit=": "requests that arrived, newest last",
    "DELETE /_control/{slug}/requests": "forget them",
    "GET /_control/{slug}/audiences": "audiences, their fields and counts",
    "POST /_control/{slug}/audiences": "add one: {name, double_optin}",
    "DELETE /_control/{slug}/audiences": "remove one: {audience}",
    "GET /_control/{slug}/members?email=&audience=": "members and their status",
    "GET /_control/{slug}/faults": "the fault dial",
    "PUT /_control/{slug}/faults": "set the whole dial",
    "PATCH /_control/{slug}/faults": "change some of it",
    "DELETE /_control/{slug}/faults": "turn it to rest",
    "POST /_control/{slug}/confirm": "follow the opt-in link: {email, audience?}",
    "POST /_control/{slug}/unsubscribe": "{email, by: person, admin or complaint}",
    "POST /_control/{slug}/delete": "{email, permanent, audience?}",
    "POST /_control/{slug}/clean": "a hard bounce: {email, audience?}",
    "POST /_control/{slug}/fields": "{audience, tag, name, type, required, options}",
    "POST /_control/{slug}/tokens": "end OAuth tokens: {action: expire|revoke}",
    "GET /_control/{slug}/webhooks": "webhook calls made, newest last",
    "POST /_control/{slug}/reset": "back to the seed",
}


class Input:
    """The JSON object of a call; every reader raises ControlError."""

    def __init__(self, request: Request, allowed: tuple[str, ...]) -> None:
        try:
            document = json.loads(request.body or b"{}")
        except ValueError:
            raise ControlError("", "The body is not JSON.") from None
        if not isinstance(document, dict):
            raise ControlError("", "The body is a JSON object.")
        for name in document:
            if allowed and name not in allowed:
                raise ControlError(name, f"There is no field called {name!r} here.")
        self.document: Json = document

    def text(self, name: str, default: str | None = None) -> str:
        value = self.document.get(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise ControlError(name, f"{name} is a text.")
        return value.strip()

    def flag(self, name: str, default: bool) -> bool:
        value = self.document.get(name, default)
        if not isinstance(value, bool):
            raise ControlError(name, f"{name} is true or false.")
        return value


def answer(simulators: Simulators, request: Request) -> Response:
    """Answer one control call."""
    try:
        status, document = _answer(simulators, request)
    except ControlError as error:
        document = {"error": {"field": error.field, "detail": error.detail}}
        return json_response(document, error.status)
    return json_response(document, status)


def _answer(simulators: Simulators, request: Request) -> tuple[int, object]:
    parts = [part for part in request.path.split("/") if part][1:]
    if not parts:
        if request.method not in ("GET", "HEAD"):
            raise ControlError("method", "Only GET works here.", 405)
        return 200, {"simulators": list(simulators), "calls": INDEX}
    if parts == ["reset"]:
        if request.method != "POST":
            raise ControlError("method", "Only POST works here.", 405)
        for simulator in simulators.values():
            simulator.reset()
        return 200, {"reset": list(simulators)}
    if parts[0] not in simulators:
        raise ControlError("slug", f"There is no simulator {parts[0]!r}.", 404)
    if len(parts) != 2 or not any(name == parts[1] for _, name in _CALLS):
        raise ControlError("path", "There is no such call; see /_control/.", 404)
    method = "GET" if request.method == "HEAD" else request.method
    call = _CALLS.get((method, parts[1]))
    if call is None:
        allowed = sorted(m for m, name in _CALLS if name == parts[1])
        raise ControlError("method", f"Only {', '.join(allowed)} work here.", 405)
    return 200, call(simulators[parts[0]], request)


def _requests(simulator: Simulator, request: Request) -> object:
    limit = request.query.get("limit", "0")
    if not re.fullmatch(r"[0-9]{1,6}", limit):
        raise ControlError("limit", "limit is a whole number.")
    rows = list(simulator.requests)
    return {"requests": rows[-int(limit) :] if int(limit) else rows}


def _forget_requests(simulator: Simulator, request: Request) -> object:
    simulator.requests.clear()
    return {"requests": []}


def _audiences(simulator: Simulator, request: Request) -> object:
    return {"audiences": simulator.audiences()}


def _add_audience(simulator: Simulator, request: Request) -> object:
    given = Input(request, ("name", "double_optin"))
    return simulator.add_audience(given.text("name"), given.flag("double_optin", False))


def _remove_audience(simulator: Simulator, request: Request) -> object:
    name = request.query.get("audience", "")
    name = name or Input(request, ("audience",)).text("audience")
    simulator.remove_audience(name)
    return {"removed": name}


def _members(simulator: Simulator, request: Request) -> object:
    query = request.query
    rows = simulator.members(query.get("email", ""), query.get("audience", ""))
    return {"members": rows, "total": len(rows)}


def _faults(simulator: Simulator, request: Request) -> object:
    return simulator.dial.read().document()


def _set_faults(simulator: Simulator, request: Request) -> object:
    document = Input(request, ()).document
    start = simulator.dial.read() if request.method == "PATCH" else RESTING
    simulator.dial.set(start.changed(document))
    return simulator.dial.read().document()


def _clear_faults(simulator: Simulator, request: Request) -> object:
    simulator.clear_faults()
    return simulator.dial.read().document()


def _confirm(simulator: Simulator, request: Request) -> object:
    given = Input(request, ("email", "audience"))
    rows = simulator.confirm(given.text("email"), given.text("audience", ""))
    return {"members": rows}


def _unsubscribe(simulator: Simulator, request: Request) -> object:
    given = Input(request, ("email", "by", "audience"))
    rows = simulator.unsubscribe(
        given.text("email"), given.text("by", "person"), given.text("audience", "")
    )
    return {"members": rows}


def _delete(simulator: Simulator, request: Request) -> object:
    given = Input(request, ("email", "permanent", "audience"))
    rows = simulator.delete(
        given.text("email"), given.flag("permanent", False), given.text("audience", "")
    )
    return {"members": rows}


def _clean(simulator: Simulator, request: Request) -> object:
    given = Input(request, ("email", "audience"))
    return {"members": simulator.clean(given.text("email"), given.text("audience", ""))}


def _add_field(simulator: Simulator, request: Request) -> object:
    given = Input(request, ("audience", "tag", "name", "type", "required", "options"))
    field: Json = {"tag": given.text("tag")}
    for name in ("name", "type"):
        if name in given.document:
            field[name] = given.text(name)
    if "required" in given.document:
        field["required"] = given.flag("required", False)
    options = given.document.get("options")
    if options is not None:
        if not isinstance(options, list) or not all(
            isinstance(option, str) for option in options
        ):
            raise ControlError("options", "options is a list of texts.")
        field["options"] = options
    return simulator.add_field(given.text("audience"), field)


def _tokens(simulator: Simulator, request: Request) -> object:
    action = Input(request, ("action",)).text("action")
    if action not in ("expire", "revoke"):
        raise ControlError("action", "action is expire or revoke.")
    if simulator.oauth is None:
        raise ControlError("slug", f"{simulator.label} has no OAuth here.")
    with simulator.lock:
        if action == "revoke":
            simulator.oauth.revoke_all()
        else:
            simulator.oauth.expire_all()
    return {"tokens": action}


def _webhooks(simulator: Simulator, request: Request) -> object:
    return {"deliveries": simulator.deliveries()}


def _reset(simulator: Simulator, request: Request) -> object:
    simulator.reset()
    return {"reset": [simulator.slug]}


_CALLS: dict[tuple[str, str], Callable[[Simulator, Request], object]] = {
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _forget_requests,
    ("GET", "audiences"): _audiences,
    ("POST", "audiences"): _add_audience,
    ("DELETE", "audiences"): _remove_audience,
    ("GET", "members"): _members,
    ("GET", "faults"): _faults,
    ("PUT", "faults"): _set_faults,
    ("PATCH", "faults"): _set_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "confirm"): _confirm,
    ("POST", "unsubscribe"): _unsubscribe,
    ("POST", "delete"): _delete,
    ("POST", "clean"): _clean,
    ("POST", "fields"): _add_field,
    ("POST", "tokens"): _tokens,
    ("GET", "webhooks"): _webhooks,
    ("POST", "reset"): _reset,
}
