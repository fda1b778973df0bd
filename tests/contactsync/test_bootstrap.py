"""scripts/bootstrap.py on a small checkout with a package index of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import bootstrap

SCRIPT = Path(bootstrap.__file__)
MANAGE = "import os, sys; print('managed', sys.argv[1:], os.getcwd(), sys.prefix)"


def make_wheel(folder: Path, name: str) -> str:
    """Write a wheel with one empty module; return its line for a lock file."""
    dist = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{dist}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{dist}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{dist}/RECORD,,"]
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        record.append(f"{path},sha256={digest.decode().rstrip('=')},{len(text)}")
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{dist}/RECORD", "\n".join(record) + "\n")
    digest_hex = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}==1.0 --hash=sha256:{digest_hex}\n"


class Checkout:
    """A bare clone in a path with a space, and how to start the script in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "bare clone"
        (self.root / "scripts").mkdir(parents=True)
        shutil.copy(SCRIPT, self.root / "scripts")
        (self.root / "manage.py").write_text(MANAGE)
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.product = make_wheel(self.wheels, "product")
        self.tool = make_wheel(self.wheels, "tool")
        self.write_locks(self.product, self.tool)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def write_locks(self, product: str, tool: str) -> None:
        (self.root / "requirements.lock").write_text(product)
        (self.root / "requirements-dev.lock").write_text(product + tool)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As from a bare machine: no HOME, no uv but a fake one, our own index."""
        return subprocess.run(
            [sys.executable, str(self.root / "scripts" / "bootstrap.py"), *words],
            env={
                "PATH": f"{self.bin}:/usr/bin:/bin",
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.wheels),
                "PIP_CONFIG_FILE": os.devnull,
            },
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def can_import(self, module: str) -> bool:
        command = [str(self.venv / "bin" / "python"), "-c", f"import {module}"]
        return not subprocess.run(command, capture_output=True, check=False).returncode


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def fake_venv(checkout: Checkout) -> Iterator[Checkout]:
    """A checkout whose `.venv` is real, but made in an instant and without pip."""
    command = [sys.executable, "-m", "venv", "--without-pip", str(checkout.venv)]
    subprocess.run(command, check=True)
    wanted = bootstrap.lock_hashes(checkout.root, "dev")
    stamp = {"prefix": str(checkout.venv), "locks": wanted}
    (checkout.venv / bootstrap.STAMP).write_text(json.dumps(stamp))
    yield checkout


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.slow
def test_from_a_bare_clone_to_a_running_product(checkout: Checkout) -> None:
    first = checkout.call("run", "--", "--port", "9")
    assert first.returncode == 0, first.stderr
    assert "making .venv" in first.stderr
    expected = f"['up', '--demo', '--port', '9'] {checkout.root} {checkout.venv}"
    assert expected in first.stdout
    assert checkout.can_import("product")
    assert not checkout.can_import("tool"), "the product needs no development tool"

    again = checkout.call("run")
    assert (again.returncode, again.stderr) == (0, ""), "nothing left to do"

    dev = checkout.call("dev")
    assert dev.returncode == 0, dev.stderr
    assert "making .venv" not in dev.stderr
    assert checkout.can_import("tool")


@pytest.mark.slow
def test_a_wrong_hash_is_refused_and_a_right_one_then_installs(
    checkout: Checkout,
) -> None:
    executable(
        checkout.bin / "uv",
        '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "uv fails" >&2\nexit 1\n',
    )
    checkout.write_locks(f"product==1.0 --hash=sha256:{'0' * 64}\n", checkout.tool)
    refused = checkout.call("run")
    assert refused.returncode == 2
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert "could not be installed" in refused.stderr
    assert not (checkout.venv / bootstrap.STAMP).exists()
    assert "managed" not in refused.stdout

    checkout.write_locks(checkout.product, checkout.tool)
    done = checkout.call("run")
    assert done.returncode == 0, done.stderr
    assert "trying again with pip" in done.stderr
    assert "making .venv" not in done.stderr, "the environment itself was sound"
    assert checkout.can_import("product")


def test_a_stamped_environment_is_used_at_once(fake_venv: Checkout) -> None:
    done = fake_venv.call("run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "['up', '--demo']" in done.stdout


def test_what_makes_an_environment_unsound(fake_venv: Checkout) -> None:
    venv = fake_venv.venv
    assert bootstrap.venv_is_sound(venv)
    marker = venv / bootstrap.INSTALLING
    marker.write_text("")
    assert not bootstrap.venv_is_sound(venv), "an installation was cut short"
    marker.unlink()

    moved = venv.with_name("moved")
    venv.rename(moved)
    assert not bootstrap.venv_is_sound(moved), "its scripts name the old path"
    assert not bootstrap.venv_is_sound(venv), "there is none"
    (moved / bootstrap.STAMP).unlink()
    assert not bootstrap.venv_is_sound(moved), "the same, seen without our stamp"
    moved.rename(venv)
    assert bootstrap.venv_is_sound(venv)

    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/no/such/python")
    assert not bootstrap.venv_is_sound(venv), "its Python was taken away"


@pytest.mark.slow
def test_an_unsound_environment_is_made_again(fake_venv: Checkout) -> None:
    (fake_venv.venv / bootstrap.INSTALLING).write_text("")
    done = fake_venv.call("run")
    assert done.returncode == 0, done.stderr
    assert "making it again" in done.stderr
    assert not (fake_venv.venv / bootstrap.INSTALLING).exists()
    assert fake_venv.can_import("product")


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout) -> None:
    checkout.venv.mkdir()
    precious = checkout.venv / "thesis.txt"
    precious.write_text("years of work")
    refused = checkout.call("dev")
    assert refused.returncode == 2
    assert "move it away" in refused.stderr
    assert precious.read_text() == "years of work"


def test_an_old_python_is_named_with_the_way_out(tmp_path: Path) -> None:
    facts = json.dumps({"version": [3, 9, 2], "base": "/old", "prefix": "/"})
    old = executable(tmp_path / "python3.9", f"#!/bin/sh\necho '{facts}'\n")
    broken = executable(tmp_path / "shim", "#!/bin/sh\nexit 127\n")
    with pytest.raises(bootstrap.Stop) as stop:
        bootstrap.find_python([str(old), str(broken), "no-such-python"])
    assert f"{old} is 3.9.2" in str(stop.value)
    assert "Python 3.11 or newer is needed" in str(stop.value)
    assert "make run PYTHON=" in str(stop.value)
    with pytest.raises(bootstrap.Stop, match="no python3 was found"):
        bootstrap.find_python(["no-such-python"])


def test_the_first_python_that_is_new_enough_wins(tmp_path: Path) -> None:
    facts = json.dumps({"version": [3, 9, 2], "base": "/old", "prefix": "/"})
    old = executable(tmp_path / "python3.9", f"#!/bin/sh\necho '{facts}'\n")
    found = bootstrap.find_python([str(old), sys.executable])
    assert Path(found).samefile(sys.executable), "and outside of any environment"
    assert bootstrap.probe(found)["prefix"] == sys.base_prefix  # type: ignore[index]


def test_pip_settings_of_files_commands_and_variables() -> None:
    listing = (
        ":env:.cert='/env.pem'\n"
        "global.cert='/file.pem'\n"
        "global.index-url='https://one.example/simple'\n"
        "install.index-url='https://two.example/simple'\n"
        "download.index-url='https://three.example/simple'\n"
        "global.extra-index-url='\\nhttps://a.example\\nhttps://b.example'\n"
        "nonsense\n"
    )
    assert bootstrap.pip_settings(listing) == {
        "cert": "/env.pem",
        "index-url": "https://two.example/simple",
        "extra-index-url": "\nhttps://a.example\nhttps://b.example",
    }


def test_pip_settings_in_the_words_of_uv() -> None:
    assert bootstrap.uv_environment({}) == {}
    assert bootstrap.uv_environment(
        {
            "index-url": "https://one.example/simple",
            "extra-index-url": "\nhttps://a.example\nhttps://b.example",
            "find-links": "/wheels https://c.example/w",
            "trusted-host": "a.example b.example",
            "cert": "/ca.pem",
            "client-cert": "/me.pem",
            "proxy": "http://proxy.example:3128",
            "default-timeout": "180",
        }
    ) == {
        "UV_DEFAULT_INDEX": "https://one.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,https://c.example/w",
        "UV_INSECURE_HOST": "a.example b.example",
        "SSL_CERT_FILE": "/ca.pem",
        "SSL_CLIENT_CERT": "/me.pem",
        "ALL_PROXY": "http://proxy.example:3128",
        "UV_HTTP_TIMEOUT": "180",
    }


def test_usage_on_nothing_or_nonsense(checkout: Checkout) -> None:
    for words in ([], ["jump"]):
        asked = checkout.call(*words)
        assert asked.returncode == 2
        assert "scripts/bootstrap.py run" in asked.stdout
    assert not checkout.venv.exists()
