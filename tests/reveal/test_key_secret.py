"""Test that the secret for key hashes is created safely, and refused if others can read it."""

import stat
import subprocess

import pytest

from pgcutover.errors import ConfigError
from pgcutover.key_hash.hashing import KeyHashes, KeySecret
from pgcutover.key_hash.secret import VARIABLE, find_secret

DIGEST = b"\x01" * 32


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A git repository with a migration.toml."""
    monkeypatch.delenv(VARIABLE, raising=False)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def find(folder, *, create=True):
    return find_secret(folder / "migration.toml", create=create)


def test_creates_a_private_file_that_git_ignores(folder):
    first = find(folder)
    path = folder / ".pgcutover" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    status = ["git", "-C", folder, "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(status, capture_output=True, check=True).stdout == b""
    assert find(folder, create=False) == first
    assert [p.name for p in sorted(path.parent.iterdir())] == [".gitignore", "secret"]


def test_prefers_the_environment_and_then_writes_no_file(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "s" * 32)
    assert find(folder).value == b"s" * 32
    assert not (folder / ".pgcutover").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_refuses_a_file_that_others_can_open(folder, mode):
    find(folder)
    (folder / ".pgcutover" / "secret").chmod(mode)
    with pytest.raises(ConfigError, match=f"expected mode 0600, found {mode:04o}"):
        find(folder)


def test_refuses_a_file_that_git_tracks(folder):
    find(folder)
    subprocess.run(["git", "-C", folder, "add", "-f", ".pgcutover/secret"], check=True)
    with pytest.raises(ConfigError, match="git tracks this file"):
        find(folder)


def test_refuses_a_symbolic_link(folder):
    find(folder)
    path = folder / ".pgcutover" / "secret"
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")
    with pytest.raises(ConfigError, match="symbolic links"):
        find(folder)


def test_refuses_a_secret_that_could_be_guessed(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "short")
    with pytest.raises(ConfigError, match="at least 32 characters, found 5") as refused:
        find(folder)
    assert "short" not in str(refused.value)


def test_a_missing_file_is_not_created_to_look_a_key_up(folder):
    with pytest.raises(ConfigError, match=f"restore the file, or set {VARIABLE}"):
        find(folder, create=False)


def test_a_folder_that_cannot_be_written_is_one_sentence(folder):
    (folder / ".pgcutover").write_text("a file is in the way")
    with pytest.raises(ConfigError, match=f"cannot create .*; set {VARIABLE}"):
        find(folder)


def test_hash_depends_on_secret_run_table_and_key():
    secrets = [KeySecret(bytes([n]) * 32, "a test") for n in (1, 2)]
    hashes = {
        KeyHashes.of_run(secret, run).of_table(table)(digest)
        for secret in secrets
        for run in ("run 1", "run 2")
        for table in ("app.a", "app.b")
        for digest in (DIGEST, b"\x02" * 32)
    }
    assert len(hashes) == 16
    assert all(len(h) == 16 for h in hashes)
    assert len({secret.id for secret in secrets}) == 2


def test_no_repr_shows_a_secret():
    secret = KeySecret(b"do not show this", "a test")
    assert "show" not in f"{secret!r} {KeyHashes.of_run(secret, 'run')!r}"
    assert "run_key=" not in repr(KeyHashes.of_run(secret, "run"))


def test_gate_refuses_an_unsafe_secret_before_it_starts(migration):
    find(migration.folder)
    (migration.folder / ".pgcutover" / "secret").chmod(0o644)
    outcome = migration.gate("-n", "0")
    assert (outcome.code, outcome.document) == (4, {})
    assert "expected mode 0600, found 0644" in outcome.text
