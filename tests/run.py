"""Every check of the project, lane by lane, with one summary at the end.

    python -m tests.run [--lanes unit,pg] [-- words for pytest]

The last line is always `N passed, N failed, N skipped`; the exit code is 0 only when
nothing failed. Each lane's JUnit file is left in build/tests/.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests import services

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "build" / "tests"
DEFAULT_LANES = ("lint", "unit", "pg", "faults", "live", "browser")
TWO_AT_ONCE = ("-n", "2")
NO_DJANGO = ("adapters", "sandbox")  # plain Python, the same on every data base
CHROMIUM_NAMES = (
    *("chromium", "chromium-browser"),
    *("google-chrome", "google-chrome-stable"),
)


@dataclass(slots=True, kw_only=True)
class Result:
    """What a lane counted; `note` says what the numbers cannot."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    seconds: float = 0.0


Env = Mapping[str, str | None]  # variables to set, or with None to take away


# Modules are compiled once, and outside the source tree, as `make` has it: a worker of
# pytest-xdist spends most of its start on rewriting asserts, a product on compiling.
BYTECODE: Env = {
    "PYTHONDONTWRITEBYTECODE": None,
    "PYTHONPYCACHEPREFIX": str(ROOT / ".tools" / "pycache"),
}
# SQLite and no broker process, whatever this shell points at.
EMBEDDED: Env = {"DATABASE_URL": None, "BROKER_URL": None, "CACHE_URL": None}


def call(command: Sequence[str], env: Env = MappingProxyType({})) -> int:
    """Run to the end, output to the terminal; return the exit code."""
    whole = {**os.environ, **BYTECODE, **env}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={name: value for name, value in whole.items() if value is not None},
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


# --- pytest lanes ----------------------------------------------------------------
def pytest_lane(name: str, markers: str, words: Sequence[str], env: Env) -> Result:
    """Run pytest on the tests that match `markers`, and count from its report."""
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-m", markers, f"--junitxml={report}"]
    code = call([*command, *words], env)
    result = count(report)
    if code and not result.failed:
        result.failed = 1
        result.note = f"pytest ended with exit code {code}"
    elif not result.passed and not result.failed:
        result.failed = 1
        result.note = "no test ran"
    return result


def count(report: Path) -> Result:
    """Numbers from a JUnit file; all zero when there is none or it is cut short."""
    result = Result()
    try:
        cases = list(ET.parse(report).getroot().iter("testcase"))
    except (OSError, ET.ParseError):
        return result
    for case in cases:
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            result.failed += 1
        elif "skipped" in outcomes:
            result.skipped += 1
        else:
            result.passed += 1
    return result


def only_in(folder: str, words: Sequence[str]) -> list[str]:
    """With the folder that has all of a lane's tests, unless the words name a place."""
    if any((ROOT / word.partition("::")[0]).exists() for word in words):
        return list(words)
    return [f"tests/{folder}", *words]


def unit(words: Sequence[str]) -> Result:
    markers = "not pg and not redis and not browser and not live and not faults"
    return pytest_lane("unit", markers, [*TWO_AT_ONCE, *words], EMBEDDED)


def fast(words: Sequence[str]) -> Result:
    kinds = ("pg", "redis", "browser", "live", "faults", "slow")
    markers = " and ".join(f"not {kind}" for kind in kinds)
    return pytest_lane("fast", markers, [*TWO_AT_ONCE, *words], EMBEDDED)


def pg(words: Sequence[str]) -> Result:
    pure = [f"--ignore=tests/integrations/{name}" for name in NO_DJANGO]
    try:
        with services.postgres() as database, services.redis_server() as broker:
            print(f"{database.version()} and {broker.version()}", flush=True)
            env = {"DATABASE_URL": database.url, "BROKER_URL": broker.url}
            return pytest_lane(
                "pg",
                "not browser and not live and not faults",
                [*TWO_AT_ONCE, "--meets-database", *pure, *words],
                env,
            )
    except services.ServiceError as error:
        print(error)
        return Result(failed=1, note="no server: see above")


def faults(words: Sequence[str]) -> Result:
    """They bring their own servers and processes."""
    seed = os.environ.get("FAULTS_SEED") or str(secrets.randbelow(10**6))
    print(f"seed {seed} (FAULTS_SEED={seed} repeats it)", flush=True)
    groups = [*TWO_AT_ONCE, "--dist", "loadgroup"]
    env = {**EMBEDDED, "FAULTS_SEED": seed}
    return pytest_lane("faults", "faults", [*groups, *only_in("faults", words)], env)


def browser(words: Sequence[str]) -> Result:
    chromium = find_chromium()
    if chromium is None:
        print(
            "No Chromium here. Install it (Debian or Ubuntu: apt-get install "
            "chromium) or name one: make test CHROMIUM=/path/to/chromium"
        )
        if os.environ.get("CI", "").lower() in ("1", "true"):
            return Result(failed=1, note="no Chromium, and this is CI")
        return Result(skipped=1, note="no Chromium: the whole lane was skipped")
    print(f"Chromium: {chromium}", flush=True)
    env = {**EMBEDDED, "CHROMIUM": chromium, "TESTS_ON_FILE": "1"}
    words = [*TWO_AT_ONCE, *only_in("browser", words)]
    return pytest_lane("browser", "browser", words, env)


def live(words: Sequence[str]) -> Result:
    return pytest_lane("live", "live", only_in("live", words), EMBEDDED)


def find_chromium() -> str | None:
    """CHROMIUM, one on the PATH, or, as root on Debian, one installed now."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    print("Installing Chromium with apt-get ...", flush=True)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=500"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    package = ["install", "-y", "--no-install-recommends", "chromium"]
    if call([*apt, *package], quiet) and not call([*apt, "update"], quiet):
        call([*apt, *package], quiet)
    return shutil.which("chromium")


# --- the lint lane ---------------------------------------------------------------
def strict_packages() -> list[str]:
    """The packages and modules that pyproject.toml holds to mypy's strict mode."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    words: list[str] = []
    for override in settings.get("overrides", []):
        if override.get("strict"):
            names = override["module"]
            for name in [names] if isinstance(names, str) else names:
                kind = "-p" if name.endswith(".*") else "-m"
                words += [kind, name.removesuffix(".*")]
    return words


def locks_without_addresses() -> int:
    """1 when a lock file names a package index: it must work from any."""
    bad = [
        lock.name
        for lock in sorted(ROOT.glob("requirements*.lock"))
        if "://" in lock.read_text()
    ]
    for name in bad:
        print(f"{name} holds an address (://)")
    return 1 if bad else 0


def lint(words: Sequence[str]) -> Result:
    python = sys.executable
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", **EMBEDDED}
    migrations = [python, "manage.py", "makemigrations", "--check", "--dry-run"]
    mypy = [python, "-m", "mypy", "--follow-imports=silent"]
    lint_imports = str(Path(python).with_name("lint-imports"))
    checks: dict[str, Callable[[], int]] = {
        "ruff check": lambda: call([python, "-m", "ruff", "check", "."]),
        "ruff format": lambda: call([python, "-m", "ruff", "format", "--check", "."]),
        "import-linter": lambda: call([lint_imports]),
        "mypy": lambda: call([*mypy, *strict_packages()]),
        "migrations match the models": lambda: call(migrations, settings),
        "lock files name no index": locks_without_addresses,
    }
    result = Result()
    for title, check in checks.items():
        print(f"-- {title}", flush=True)
        if check():
            result.failed += 1
            result.note += f"{', ' if result.note else ''}{title}"
        else:
            result.passed += 1
    return result


# --- all of it -------------------------------------------------------------------
LANES: dict[str, tuple[str, Callable[[Sequence[str]], Result]]] = {
    "lint": ("style, layers, types, migrations, locks", lint),
    "unit": ("unit, conformance and contract tests on SQLite", unit),
    "fast": ("the unit lane without its slow tests", fast),
    "pg": ("the same, and races and crashes, on PostgreSQL and Redis", pg),
    "faults": ("5,000 signups while everything breaks; fairness; restarts", faults),
    "browser": ("pages in Chromium", browser),
    "live": ("third-party servers, started here", live),
}


def summary(results: dict[str, Result]) -> str:
    """The table, and below it the one line that counts."""
    lines = [f"{'lane':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}"]
    for name, one in results.items():
        numbers = f"{one.passed:>8}{one.failed:>8}{one.skipped:>9}{one.seconds:>9.1f}"
        lines.append(f"{name:<10}{numbers}  {one.note}".rstrip())
    every = results.values()
    passed, failed, skipped = (
        sum(getattr(one, field) for one in every)
        for field in ("passed", "failed", "skipped")
    )
    return "\n".join(
        [*lines, "", f"{passed} passed, {failed} failed, {skipped} skipped"]
    )


def main(arguments: Sequence[str]) -> int:
    own, words = list(arguments), []
    if "--" in own:
        cut = own.index("--")
        own, words = own[:cut], own[cut + 1 :]
    parser = argparse.ArgumentParser(prog="python -m tests.run")
    parser.add_argument(
        "--lanes",
        default=",".join(DEFAULT_LANES),
        help=f"comma-separated, of {', '.join(LANES)}",
    )
    chosen = parser.parse_args(own).lanes.split(",")
    for name in chosen:
        if name not in LANES:
            parser.error(f"there is no lane {name!r}; there are {', '.join(LANES)}")
    REPORTS.mkdir(parents=True, exist_ok=True)
    results: dict[str, Result] = {}
    with contextlib.suppress(KeyboardInterrupt):
        for name in chosen:
            title, lane = LANES[name]
            print(f"\n=== {name}: {title}", flush=True)
            started = time.monotonic()
            results[name] = Result(failed=1, note="interrupted")
            results[name] = lane(words)
            results[name].seconds = time.monotonic() - started
    print(f"\n{summary(results)}", flush=True)
    return 1 if any(one.failed for one in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
