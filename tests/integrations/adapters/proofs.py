"""The test classes of all adapters, found wherever this folder has them."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def test_classes(base: type[T]) -> list[type[T]]:
    """Every subclass of `base` that a test module here defines, by name."""
    found = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.stem in ("test_registry", "test_table"):
            continue
        module = importlib.import_module(f"{__package__}.{path.stem}")
        found |= {
            value
            for value in vars(module).values()
            if inspect.isclass(value) and issubclass(value, base) and value is not base
        }
    return sorted(found, key=lambda case: case.__name__)


test_classes.__test__ = False  # type: ignore[attr-defined]
