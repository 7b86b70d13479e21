"""A database's schema as objects, each with its properties as PostgreSQL names them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace

Value = str | int | bool | None | list[str]


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """One object; `name` is quoted for SQL and unique within its kind.

    `table` is the relation it belongs to, quoted, or empty. `definition` is SQL that creates it, or
    empty where the definition of its table or type does. `facts` are the compared properties.
    """

    kind: str
    name: str
    table: str
    definition: str
    facts: Mapping[str, Value] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str]:
        """Return kind and name, which identify the object on both sides."""
        return (self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database's schema at one moment.

    `unread` has the reason for each kind that could not be read, `locked` the relations without
    whose objects a kind was read, by kind, each with the reason.
    `kinds` are the kinds that were queried. `own_role` is the role that read them, quoted: it is
    pgcutover's, not the application's.
    """

    database: str
    server_version: int
    taken_at: str
    objects: tuple[SchemaObject, ...]
    unread: Mapping[str, str] = field(default_factory=dict)
    locked: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    own_role: str = ""

    def only(self, kinds: Collection[str]) -> "Snapshot":
        """Return the objects of some kinds."""
        return replace(
            self,
            objects=tuple(o for o in self.objects if o.kind in kinds),
            unread={kind: why for kind, why in self.unread.items() if kind in kinds},
            locked={kind: held for kind, held in self.locked.items() if kind in kinds},
            kinds=tuple(kind for kind in self.kinds if kind in kinds),
        )

    def lock_causes(self) -> tuple[str, ...]:
        """Return why some relations were left out, each reason once."""
        return tuple(dict.fromkeys(why for held in self.locked.values() for why in held.values()))

    def of_kind(self, kind: str) -> dict[str, SchemaObject]:
        """Return the objects of a kind by name."""
        return {o.name: o for o in self.objects if o.kind == kind}

    def to_json(self) -> str:
        """Return the snapshot as text, one object a line."""
        # json's indentation and dataclasses.asdict take seconds for thousands of objects
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "objects"}
        head = json.dumps(plain, ensure_ascii=False, sort_keys=True)
        lines = ",\n".join(
            json.dumps(
                {
                    "kind": o.kind,
                    "name": o.name,
                    "table": o.table,
                    "definition": o.definition,
                    "facts": o.facts,
                },
                ensure_ascii=False,
            )
            for o in self.objects
        )
        return f'{head[:-1]}, "objects": [\n{lines}\n]}}'

    @classmethod
    def from_json(cls, text: str) -> "Snapshot":
        """Return the snapshot that `to_json` wrote."""
        content = json.loads(text)
        objects = tuple(SchemaObject(**each) for each in content.pop("objects"))
        return cls(objects=objects, **{**content, "kinds": tuple(content["kinds"])})
