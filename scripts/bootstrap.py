"""Make `.venv` from the lock files, then start the product or get ready for tests.

    python3 scripts/bootstrap.py run [-- options of `manage.py up`]
    python3 scripts/bootstrap.py dev

Standard library only, and written so that a Python too old for the product can
still read it and say so. Safe to repeat: a stamp inside `.venv` holds the hashes of
the installed lock files, so a second call returns at once. Exit code 2 means that
a person has to do something first; the message says what.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows, refused in main()
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMP = "contactsync.json"
INSTALLING = "contactsync.installing"
MINIMUM = (3, 11)
CANDIDATES = ("python3", "python3.13", "python3.12", "python3.11", "python3.14")
LOCKS = {
    "run": ["requirements.lock"],
    "dev": ["requirements.lock", "requirements-dev.lock"],
}
PROBE = (
    "import json, sys; print(json.dumps({"
    "'version': list(sys.version_info[:3]),"
    "'base': getattr(sys, '_base_executable', None) or sys.executable,"
    "'prefix': sys.prefix}))"
)


class Stop(Exception):
    """A person has to do something first; the message says what."""


def say(text: str) -> None:
    print(f"contactsync: {text}", file=sys.stderr, flush=True)


def probe(python: str) -> dict[str, Any] | None:
    """What the interpreter says of itself, or None when it does not run.

    Returns {"version": [major, minor, micro], "base": path of the interpreter
    outside any virtual environment, "prefix": path}.
    """
    try:
        answer = subprocess.run(
            [python, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=True,
        )
        facts: dict[str, Any] = json.loads(answer.stdout.decode())
        return facts
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def find_python(candidates: list[str]) -> str:
    """The first candidate that is new enough, as a path outside any venv.

    Raises Stop naming every interpreter that was found and is too old.
    """
    too_old = []
    for name in candidates:
        found = shutil.which(name)
        facts = probe(found) if found else None
        if facts and tuple(facts["version"][:2]) >= MINIMUM:
            return str(facts["base"])
        if facts:
            version = ".".join(str(part) for part in facts["version"])
            too_old.append(f"{found} is {version}")
    need = "{}.{}".format(*MINIMUM)
    seen = "; ".join(too_old) if too_old else "no python3 was found on the PATH"
    raise Stop(
        f"Python {need} or newer is needed, but {seen}.\n"
        f"  Install one (Debian or Ubuntu: apt-get install python{need} "
        f"python{need}-venv; macOS: brew install python) and repeat,\n"
        "  or name it: make run PYTHON=/path/to/python3.12"
    )


def venv_python(venv: Path) -> str:
    return str(venv / "bin" / "python")


def venv_is_sound(venv: Path) -> bool:
    """False for a venv that is half-made, moved, broken or of an old Python."""
    if (venv / INSTALLING).exists() or not (venv / "pyvenv.cfg").exists():
        return False
    facts = probe(venv_python(venv))
    if not facts or tuple(facts["version"][:2]) < MINIMUM:
        return False
    stamp = read_stamp(venv)
    if stamp:
        return stamp.get("prefix") == str(venv)
    try:  # not stamped by us: the path its own scripts were written for
        return str(venv) in (venv / "bin" / "activate").read_text()
    except OSError:
        return False


def read_stamp(venv: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((venv / STAMP).read_text())
        return stamp
    except (OSError, ValueError):
        return {}


def lock_hashes(root: Path, mode: str) -> dict[str, str]:
    return {
        name: hashlib.sha256((root / name).read_bytes()).hexdigest()
        for name in LOCKS[mode]
    }


def make_venv(python: str, venv: Path) -> None:
    """Create the venv, replacing an unusable one.

    Raises Stop when `.venv` is something else, belongs to someone else, or this
    Python came without the venv module.
    """
    if venv.is_symlink() or (venv.exists() and not venv.is_dir()):
        raise Stop(f"{venv} is not a folder made by this script; move it away first.")
    if venv.exists():
        looks_ours = (venv / "pyvenv.cfg").exists() or (venv / "bin").exists()
        if not looks_ours and any(venv.iterdir()):
            raise Stop(f"{venv} is not a virtual environment; move it away first.")
        say("the old .venv is unfinished, moved or broken; making it again")
        shutil.rmtree(str(venv))
    say(f"making .venv with {python}")
    made = subprocess.run(
        [python, "-m", "venv", str(venv)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if made.returncode:
        shutil.rmtree(str(venv), ignore_errors=True)
        raise Stop(
            f"{python} could not make a virtual environment:\n"
            f"{made.stdout.decode(errors='replace').strip()}\n"
            "  Debian and Ubuntu keep that part apart: apt-get install python3-venv"
        )


def pip_settings(listing: str) -> dict[str, str]:
    """Parse `pip config list` into {option: value}, as `pip install` sees it.

    Files first, then the section for `install`, then PIP_* variables.
    """
    layers: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in layers:
            with contextlib.suppress(ValueError, SyntaxError):
                layers[section][option] = str(ast.literal_eval(value))
    return {**layers["global"], **layers["install"], **layers[":env:"]}


def uv_environment(settings: dict[str, str]) -> dict[str, str]:
    """The user's pip settings in uv's words: uv does not read pip's configuration."""
    env = {}
    timeout = settings.get("timeout") or settings.get("default-timeout")
    if "index-url" in settings:
        env["UV_DEFAULT_INDEX"] = settings["index-url"]
    if "extra-index-url" in settings:
        env["UV_INDEX"] = " ".join(settings["extra-index-url"].split())
        # What pip does: the best match of all indexes. The lock's hashes guard it.
        env["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "find-links" in settings:
        env["UV_FIND_LINKS"] = ",".join(settings["find-links"].split())
    if "trusted-host" in settings:
        env["UV_INSECURE_HOST"] = " ".join(settings["trusted-host"].split())
    if "cert" in settings:
        env["SSL_CERT_FILE"] = settings["cert"]
    if "client-cert" in settings:
        env["SSL_CLIENT_CERT"] = settings["client-cert"]
    if "proxy" in settings:
        env["ALL_PROXY"] = settings["proxy"]
    if timeout and timeout.replace(".", "", 1).isdigit():
        env["UV_HTTP_TIMEOUT"] = str(int(float(timeout)))
    return env


def truthy(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "yes", "on", "y", "t")


def find_uv(python: str, tools: Path, env: dict[str, str]) -> str | None:
    """uv from the PATH, else from the registry into our own tools folder, else None."""
    own = tools / "uv" / "bin" / "uv"
    for uv in (shutil.which("uv"), str(own)):
        if uv and quiet([uv, "--version"], env):
            return uv
    shutil.rmtree(str(tools / "uv"), ignore_errors=True)
    pip = [python, "-m", "pip", "install", "-q", "--only-binary=:all:"]
    quiet([*pip, "--target", str(tools / "uv"), "uv"], env)
    return str(own) if quiet([str(own), "--version"], env) else None


def quiet(command: list[str], env: dict[str, str]) -> bool:
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def install(python: str, lock: Path, tools: Path) -> None:
    """Install one lock file with every hash checked: uv if it can be had, else pip.

    Raises Stop when neither manages.
    """
    # PIP_USER: a `user = true` in somebody's pip.conf is an error inside a venv.
    env = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    listing = subprocess.run(
        [python, "-m", "pip", "config", "list"],
        env=os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    settings = pip_settings(listing.stdout.decode(errors="replace"))
    uv = find_uv(python, tools, env)
    if uv:
        uv_env = {**uv_environment(settings), **env}
        if not home_is_usable():
            uv_env.setdefault("UV_CACHE_DIR", str(tools / "cache"))
        command = [uv, "pip", "install", "--quiet", "--python", python]
        if truthy(settings.get("no-index")):
            command.append("--no-index")
        if run([*command, "--require-hashes", "-r", str(lock)], uv_env):
            return
        say("uv could not install the packages; trying again with pip")
    pip = [python, "-m", "pip", "install", "--quiet", "--require-hashes"]
    if not run([*pip, "-r", str(lock)], env):
        raise Stop(
            f"the packages of {lock.name} could not be installed (see above).\n"
            "  Your pip configuration is honoured (index-url, cert, proxy ...): "
            "check it with `pip config list`."
        )


def home_is_usable() -> bool:
    home = os.environ.get("HOME", "")
    return bool(home) and os.access(home, os.W_OK)


def run(command: list[str], env: dict[str, str]) -> bool:
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def ensure(
    mode: str, root: Path, venv: Path, tools: Path, candidates: list[str]
) -> str:
    """Bring the venv up to the lock files of `mode`; return its Python's path."""
    wanted = lock_hashes(root, mode)
    sound = venv_is_sound(venv)
    have = read_stamp(venv).get("locks", {}) if sound else {}
    if all(have.get(name) == digest for name, digest in wanted.items()):
        return venv_python(venv)
    if not sound:
        make_venv(find_python(candidates), venv)
    lock = LOCKS[mode][-1]  # the last one holds the ones before it
    say(f"installing {lock} (every package checked against its hash)")
    marker = venv / INSTALLING
    marker.write_text("the stamp replaces this file\n")
    try:
        install(venv_python(venv), root / lock, tools)
    except Stop:
        marker.unlink()  # both installers fetch everything before they change a file
        raise
    stamp = venv / STAMP
    stamp.write_text(json.dumps({"prefix": str(venv), "locks": wanted}, indent=1))
    marker.unlink()
    return venv_python(venv)


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """One bootstrap at a time per checkout: a second one waits for the first."""
    handle = os.open(str(root), os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is running in this folder; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def main(arguments: list[str]) -> int:
    mode = arguments[0] if arguments else ""
    if mode not in LOCKS:
        print(__doc__)
        return 2
    try:
        if fcntl is None:
            raise Stop("this needs Linux or macOS (on Windows: WSL).")
        with alone(ROOT):
            named = os.environ.get("PYTHON")
            names = [named] if named else [sys.executable, *CANDIDATES]
            python = ensure(mode, ROOT, VENV, TOOLS, names)
    except Stop as stop:
        say(str(stop))
        return 2
    except PermissionError as error:
        say(
            f"no permission for {error.filename}. It was perhaps made by another "
            "user (root?): repeat as that user, or remove it as that user first."
        )
        return 2
    except KeyboardInterrupt:
        return 130
    if mode == "dev":
        return 0
    os.chdir(str(ROOT))
    options = [word for word in arguments[1:] if word != "--"]
    command = [python, "manage.py", "up", "--demo", *options]
    os.execv(python, command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
