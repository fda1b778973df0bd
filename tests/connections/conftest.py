"""The provider simulator that imports go to, as the tests of displays know it."""

from __future__ import annotations

from tests.displays.conftest import _running as _running
from tests.displays.conftest import sandbox as sandbox
