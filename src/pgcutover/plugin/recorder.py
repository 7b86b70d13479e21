"""Keeps what the engine answered as the evidence of the check that asked."""

from collections.abc import Callable
from typing import Any

import pytest

from pgcutover.plugin.check_items import FACTS, FINDINGS


class Recorder:
    """Stands before an engine; the findings and facts of each answer go to the item."""

    def __init__(self, engine: object, item: pytest.Item) -> None:
        self._engine, self._item = engine, item

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The engine's method, with its answer recorded."""
        method = getattr(self._engine, name)

        def recorded(*arguments: Any, **named: Any) -> Any:
            diff = method(*arguments, **named)
            if hasattr(diff, "findings"):
                self._item.stash.setdefault(FINDINGS, []).extend(diff.findings())
                self._item.stash.setdefault(FACTS, {}).update(getattr(diff, "facts", {}))
            return diff

        return recorded
