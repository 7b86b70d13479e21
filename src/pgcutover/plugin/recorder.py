"""Records findings and facts of the engine as the evidence of a check."""

from collections.abc import Callable
from typing import Any

import pytest

from pgcutover.plugin.check_items import FACTS, FINDINGS


class Recorder:
    """Wraps an engine and records the findings and facts of each Diff that it returns."""

    def __init__(self, engine: object, item: pytest.Item) -> None:
        self._engine, self._item = engine, item

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the engine's method, which records its Diff."""
        method = getattr(self._engine, name)

        def recorded(*arguments: Any, **named: Any) -> Any:
            diff = method(*arguments, **named)
            if hasattr(diff, "findings"):
                self._item.stash.setdefault(FINDINGS, []).extend(diff.findings())
                self._item.stash.setdefault(FACTS, {}).update(getattr(diff, "facts", {}))
            return diff

        return recorded
