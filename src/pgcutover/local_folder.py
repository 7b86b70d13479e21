"""`.pgcutover/` beside migration.toml: what stays on this machine and never enters a repository."""

from pathlib import Path

NAME = ".pgcutover"


def make_local_folder(parent: Path) -> Path:
    """Return the folder, made if need be, readable by its owner only and ignored by git."""
    folder = parent / NAME
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "ascii")
    return folder
