"""`python -m pgcutover.awslocal --port 0 --state-dir DIR`."""

import argparse
import os
import sys
from pathlib import Path

from pgcutover.errors import PgCutoverError


def main() -> int:
    """Serve until stopped; return 2, with one sentence on stderr, if that is impossible."""
    parser = argparse.ArgumentParser(
        prog="python -m pgcutover.awslocal", description="A local AWS endpoint with a working DMS."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--state-dir", type=Path, required=True, help="where tasks are remembered")
    options = parser.parse_args()
    try:
        from pgcutover.awslocal.http.server import serve

        serve(options.port, options.state_dir)
    except ImportError as error:
        print(f"{error}; install pgcutover[rehearsal]", file=sys.stderr)
        return 2
    except PgCutoverError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # nothing left to clean up: a hanging request must not keep the process alive
