"""Register the fixtures of tests/support."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from support.memory import use_memory

use_memory()

pytest_plugins = [
    "support.distribution",
    "support.folders",
    "support.pooled",
    "support.servers",
    "support.moved",
]
