"""Run by tox -e base: test the wheel installed by pip without extras."""

import subprocess
import sys

CALLS = (
    (["--help"], 0, "usage: pgcutover"),
    (["schema", "--help"], 0, "usage: pgcutover schema"),
    (["pages", "checks"], 0, "# The checks"),
    (["servers"], 3, "run: pip install 'pgcutover[rehearsal]'"),
    (["rehearse"], 3, "run: pip install 'pgcutover[rehearsal]'"),
    (["gate"], 4, "no migration.toml in this folder"),
)


def main() -> None:
    for words, code, text in CALLS:
        done = subprocess.run([sys.executable, "-m", "pgcutover", *words], capture_output=True)
        output = (done.stdout + done.stderr).decode()
        if done.returncode != code or text not in output or "Traceback" in output:
            sys.exit(
                f"pgcutover {' '.join(words)}: expected exit code {code} and {text!r}, found exit "
                f"code {done.returncode} and:\n{output}"
            )
    print(f"{len(CALLS)} commands of the base installation end as expected")


if __name__ == "__main__":
    main()
