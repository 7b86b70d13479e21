"""The code examples of CONTRIBUTING.md."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
CHECK, FAULT, KINDS = re.findall(r"```python\n(.+?)```", _PAGE.read_text("utf-8"), re.DOTALL)
(TOML,) = re.findall(r"```toml\n(.+?)```", _PAGE.read_text("utf-8"), re.DOTALL)
FILE = Path("checks/readiness/test_no_table_became_unlogged.py")
KINDS_FILE = FILE.with_name("object_kinds.py")
