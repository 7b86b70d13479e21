"""The hooks of a mover by native subscriptions; the step and the side come by the environment."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cutover.subscriptions import Subscriptions

from pgcutover.cutover.resolver import Side


def main():
    dsns = {side: os.environ[f"PGCUTOVER_{side.name}_DSN"] for side in Side}
    mover = Subscriptions(dsns, os.environ["PGCUTOVER_MIGRATION"])
    side = Side(os.environ["PGCUTOVER_SIDE"])
    steps = {
        "prepare_mover": mover.prepare,
        "fence_mover": mover.fence,
        "unfence_mover": mover.unfence,
        "start_mover": lambda side: mover.replace_stream(side, os.environ["PGCUTOVER_SLOT"]),
        "finish_mover": mover.drop_all,
    }
    steps[os.environ["PGCUTOVER_STEP"]](side)


if __name__ == "__main__":
    main()
