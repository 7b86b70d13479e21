"""`python -m pgcutover.cutover.hooks.http_call`: one POST, read as JSON from stdin.

A process of its own, because only a process can be killed when a server sends a byte a minute. The
address is not an argument, where every user of the machine could read it.
"""

import json
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Return 0 for a status of 2xx, 1 for another, 2 without an answer; the reason is on stderr."""
    call = json.load(sys.stdin)
    request = urllib.request.Request(  # noqa: S310 - the configuration admits http and https only
        call["url"],
        data=json.dumps(call["body"]).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310 - as above
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        reason = getattr(error, "reason", error)
        print(f"no answer: {type(reason).__name__}", file=sys.stderr)
        return 2
    if 200 <= status < 300:
        return 0
    print(f"status {status}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
