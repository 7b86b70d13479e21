"""Registers the support of the tests; each file of tests/support owns its fixtures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from support.memory import use_memory  # noqa: E402 - after its folder is on the path

use_memory()

pytest_plugins = ["support.folders", "support.pooled", "support.servers"]
