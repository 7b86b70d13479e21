"""Runs a command of pgcutover that ends by SIGKILL in a step, after the step's work was done.

`python -m pgcutover.rehearsal.killed_command STEP COMMAND OPTIONS`. The journal then has the step's
beginning and not its completion, which is the hardest place to go on from.
"""

import os
import signal
import sys
from dataclasses import replace
from typing import NoReturn

from pgcutover.cli import main as run_command
from pgcutover.cutover.resolver import State, Step
from pgcutover.cutover.steps import STEPS
from pgcutover.cutover.world import World


def kill_in(step: Step) -> None:
    """Make this process kill itself in a step."""
    act = STEPS[step].act

    def act_and_die(world: World, state: State) -> NoReturn:
        act(world, state)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    STEPS[step] = replace(STEPS[step], act=act_and_die)


def main() -> None:
    """Run the command."""
    step, *arguments = sys.argv[1:]
    kill_in(Step(step))
    raise SystemExit(run_command(arguments))


if __name__ == "__main__":
    main()
