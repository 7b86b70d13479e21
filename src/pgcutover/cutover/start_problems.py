"""All that would refuse a cutover or rollback, found before its first step changes anything.

A command tells them all at once; `cutover --dry-run` tells them without beginning.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields

from pgcutover.config import Hooks
from pgcutover.cutover.resolver import State
from pgcutover.cutover.world import World
from pgcutover.error_texts.public_errors import public_error


def find_start_problems(world: World, state: State) -> list[str]:
    """Return why no step may begin: rights, slots, the mover, pointers and hooks."""
    parts: Sequence[Callable[[], Iterable[str]]] = (
        lambda: world.mover.problems(state.writer),
        lambda: world.slots.problems(state.standby, world.slot(state.standby)),
        world.freezes[state.writer].lacking_rights,
        world.freezes[state.standby].lacking_rights,
        lambda: _pointer_problems(world, state),
        lambda: _hook_problems(world),
    )
    found = [problem for part in parts for problem in _decide(part)]
    return list(dict.fromkeys(found))


def _decide(part: Callable[[], Iterable[str]]) -> list[str]:
    """Return the problems of a part; one that cannot be examined is a problem itself."""
    try:
        return list(part())
    except Exception as error:
        return [str(public_error(error))]


def _pointer_problems(world: World, state: State) -> Iterator[str]:
    for pointer in world.pointers:
        if (side := pointer.side()) is not state.pointer:
            yield (
                f"{pointer.name}: expected clients to be sent to the {state.pointer}, found the "
                f"{side}"
            )
        pointer.client_dsn()  # it can be read, and holds a DSN


def _hook_problems(world: World) -> Iterator[str]:
    for each in fields(Hooks):
        if problem := world.hooks.problem(each.name, world.hook(each.name)):
            yield problem
