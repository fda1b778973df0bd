"""The test runner: what it counts, and that it cannot hide a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contactsync.tenancy.models import Account
from tests import run
from tests.conftest import meets_database
from tests.run import Result

REPORT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure/></testcase>
<testcase name="c"><error/></testcase><testcase name="d"><skipped/></testcase>
<testcase name="e"><failure/><error/></testcase><testcase name="f"/>
</testsuite></testsuites>"""


def test_counting_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert run.count(report) == Result(passed=2, failed=3, skipped=1)
    report.write_text(REPORT[:60])
    assert run.count(report) == Result()
    assert run.count(tmp_path / "none.xml") == Result()


def test_the_last_line_is_the_sum_of_all_lanes() -> None:
    text = run.summary(
        {
            "unit": Result(passed=10, failed=1, skipped=2, seconds=3.21),
            "pg": Result(passed=5, note="fine"),
        }
    )
    assert text.splitlines()[-1] == "15 passed, 1 failed, 2 skipped"
    assert "unit            10       1        2      3.2" in text
    assert text.splitlines()[2].endswith("fine")


@pytest.fixture
def lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project in which `pytest_lane` runs for real."""
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "REPORTS", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = never: none\n")
    return tmp_path


def test_a_lane_counts_what_pytest_saw(lane: Path) -> None:
    (lane / "test_it.py").write_text(
        "import os, pytest\n"
        "def test_env(): assert os.environ['GIVEN'] == 'x'\n"
        "def test_gone(): assert 'HOME' not in os.environ\n"
        "def test_bad(): assert 0\n"
        "@pytest.mark.skip\ndef test_skipped(): pass\n"
    )
    result = run.pytest_lane("it", "not never", [], {"GIVEN": "x", "HOME": None})
    assert (result.passed, result.failed, result.skipped) == (2, 1, 1)


def test_a_lane_without_tests_failed(lane: Path) -> None:
    result = run.pytest_lane("it", "never", [], {})
    assert (result.passed, result.failed) == (0, 1)
    assert result.note


def test_a_lane_of_skipped_tests_alone_failed(lane: Path) -> None:
    (lane / "test_it.py").write_text(
        "import pytest\n@pytest.mark.skip\ndef test_skipped(): pass\n"
    )
    result = run.pytest_lane("it", "not never", [], {})
    assert (result.failed, result.note) == (1, "no test ran")


def test_a_pytest_that_dies_failed(lane: Path) -> None:
    (lane / "test_it.py").write_text(
        "import os\ndef test_good(): pass\ndef test_end(): os._exit(0x2A)\n"
    )
    result = run.pytest_lane("it", "not never", [], {})
    assert (result.failed, result.note) == (1, "pytest ended with exit code 42")


def test_no_chromium_skips_the_lane_and_in_ci_fails_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHROMIUM", "/no/such/chromium")
    monkeypatch.delenv("CI", raising=False)
    assert run.browser([]) == Result(
        skipped=1, note="no Chromium: the whole lane was skipped"
    )
    monkeypatch.setenv("CI", "true")
    assert run.browser([]) == Result(failed=1, note="no Chromium, and this is CI")


def test_chromium_is_the_named_one_then_one_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert run.find_chromium() == str(program)
    monkeypatch.setenv("CHROMIUM", sys.executable)
    assert run.find_chromium() == sys.executable


def test_a_lock_with_an_address_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "ROOT", tmp_path)
    (tmp_path / "requirements.lock").write_text("a==1 --hash=sha256:00\n")
    assert run.locks_without_addresses() == 0
    (tmp_path / "requirements-dev.lock").write_text("b @ https://example.test/b.whl\n")
    assert run.locks_without_addresses() == 1
    assert "requirements-dev.lock holds an address" in capsys.readouterr().out


def test_the_strict_packages_are_those_of_the_configuration() -> None:
    words = run.strict_packages()
    assert words[words.index("hygiene") - 1] == "-p"
    assert words[words.index("integrations.outbox") - 1] == "-m"


def test_an_unknown_lane_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.run", "--lanes", "unit,moon"],
        cwd=run.ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no lane 'moon'" in done.stderr


def test_one_failed_lane_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lanes = {
        "good": ("a", lambda words: Result(passed=len(words))),
        "bad": ("b", lambda words: Result(failed=1)),
    }
    monkeypatch.setattr(run, "LANES", lanes)
    assert run.main(["--lanes", "good", "--", "-k", "x"]) == 0
    assert capsys.readouterr().out.endswith("\n2 passed, 0 failed, 0 skipped\n")
    assert run.main(["--lanes", "good,bad"]) == 1
    assert capsys.readouterr().out.endswith("\n0 passed, 1 failed, 0 skipped\n")


def test_a_lane_looks_in_its_folder_unless_it_is_told_where() -> None:
    assert run.only_in("live", ["-k", "mail"]) == ["tests/live", "-k", "mail"]
    for place in ("tests/live/test_ghost.py", "tests/live/test_ghost.py::test_x"):
        assert run.only_in("live", ["-x", place]) == ["-x", place]


def test_who_may_not_ask_the_data_base_does_not_meet_it(
    request: pytest.FixtureRequest,
) -> None:
    assert not meets_database(request.node)


def test_a_fixture_that_asks_the_data_base_is_enough(
    acme: Account, request: pytest.FixtureRequest
) -> None:
    assert meets_database(request.node)
