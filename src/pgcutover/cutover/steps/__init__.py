"""The steps of a cutover: for each one a guard, an action, a proof, its undo and its budget."""

from pgcutover.cutover.resolver import Step
from pgcutover.cutover.steps import approval, freeze, hooks, mover, opening, proof, secret, slot
from pgcutover.cutover.steps.model import StepSpec

STEPS: dict[Step, StepSpec] = {
    spec.step: spec
    for module in (approval, hooks, slot, freeze, mover, proof, secret, opening)
    for spec in module.STEPS
}
"""Every step by its name; a test holds that none is missing."""

__all__ = ["STEPS", "StepSpec"]
