"""What one database holds besides rows: an object a thing, its properties in PostgreSQL's words."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace

Value = str | int | bool | None | list[str]


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """One object; `name` is quoted as SQL wants it and unique within its kind.

    `table` is the relation it belongs to, quoted, or empty. `definition` is SQL that makes it, or
    empty where its table's or type's definition does. `facts` are the properties that are compared.
    """

    kind: str
    name: str
    table: str
    definition: str
    facts: Mapping[str, Value] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it the same object on both sides."""
        return (self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database's schema at one moment; `unread` says which kinds could not be read, and why.

    `kinds` are those that were read; it says nothing of others. `own_role` is the role that read
    it, quoted: it is the gate's, and no part of the application.
    """

    database: str
    server_version: int
    taken_at: str
    objects: tuple[SchemaObject, ...]
    unread: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    own_role: str = ""

    def only(self, kinds: Collection[str]) -> "Snapshot":
        """What it says of some kinds."""
        return replace(
            self,
            objects=tuple(o for o in self.objects if o.kind in kinds),
            unread={kind: why for kind, why in self.unread.items() if kind in kinds},
            kinds=tuple(kind for kind in self.kinds if kind in kinds),
        )

    def of_kind(self, kind: str) -> dict[str, SchemaObject]:
        """The objects of a kind by name."""
        return {o.name: o for o in self.objects if o.kind == kind}

    def to_json(self) -> str:
        """The snapshot as text, kept as evidence and comparable later."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Snapshot":
        """The snapshot that `to_json` wrote."""
        told = json.loads(text)
        objects = tuple(SchemaObject(**each) for each in told.pop("objects"))
        return cls(objects=objects, **{**told, "kinds": tuple(told["kinds"])})
