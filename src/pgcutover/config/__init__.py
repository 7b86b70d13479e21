"""migration.toml: its keys, its defaults, and the errors of a wrong file."""

from pgcutover.config.budgets import Budgets
from pgcutover.config.cutover.after import After
from pgcutover.config.cutover.freeze import FreezeSettings
from pgcutover.config.cutover.ledger import Ledger
from pgcutover.config.cutover.outbox import Outbox
from pgcutover.config.cutover.switch import Cutover, EnvFile, Hook, Hooks, Secret
from pgcutover.config.differences import DeclaredDifference
from pgcutover.config.load import json_schema, load_rules, load_settings, read_json
from pgcutover.config.mover import DmsSettings, Mover
from pgcutover.config.settings import Report, Schema, Settings, Source, Target
from pgcutover.config.tables import Exclusion, TableSettings, Tolerance

__all__ = [
    "After",
    "Budgets",
    "Cutover",
    "DeclaredDifference",
    "DmsSettings",
    "EnvFile",
    "Exclusion",
    "FreezeSettings",
    "Hook",
    "Hooks",
    "Ledger",
    "Mover",
    "Outbox",
    "Report",
    "Schema",
    "Secret",
    "Settings",
    "Source",
    "TableSettings",
    "Target",
    "Tolerance",
    "json_schema",
    "load_rules",
    "load_settings",
    "read_json",
]
