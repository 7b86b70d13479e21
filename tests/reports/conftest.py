"""Verdict documents as the plugin writes them: a clean run, a failed one and an unknown one."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]

# a document without its results, the kind of object of each check, and some differences
SAMPLE = json.loads((Path(__file__).parent / "sample.json").read_text("utf-8"))
TABLES = [table["target"] for table in SAMPLE["document"]["tables"]]
RECENT = ["public.feature_usage", "health.health_metrics", "public.chat_memory"]


def result(check_id: str, name: str, verdict: str = "PASS", **more: Any) -> Document:
    checks = {check["id"]: check["stage"] for check in SAMPLE["document"]["checks"]}
    plain = {
        "check_id": check_id,
        "object": name,
        "stage": checks.get(check_id, "load"),
        "verdict": verdict,
        "message": "",
        "findings": [],
        "duration_seconds": 0.18,
        "worker": "gw0",
    }
    return plain | more


def finding(name: str, kind: str, message: str, **evidence: Any) -> Document:
    return {"object": name, "kind": kind, "message": message, "evidence": evidence}


def _results_of(check_id: str, kind: str) -> list[Document]:
    if kind == "index":
        return [
            result(check_id, f"{table}_{end}", table=table)
            for table in TABLES
            for end in ("pkey", "created_at_idx")
        ]
    objects = {
        "": ["*"],
        "table": TABLES,
        "recent_table": RECENT,
        "foreign_key": [f"{t}.fk_user_id" for t in TABLES if t != "auth.users"],
    }
    return [result(check_id, name) for name in objects[kind]]


def pass_document(**more: Any) -> Document:
    """Seventeen tables and seven checks that pass."""
    document: Document = copy.deepcopy(SAMPLE["document"])
    results = [r for check_id, kind in SAMPLE["kinds"].items() for r in _results_of(check_id, kind)]
    results[-1]["message"] = "task kgc-full-migration: 17 tables loaded, lag 0.4 s, 0 suspended"
    document["results"] = results
    document["coverage"] = {
        "expected": len(results),
        "reported": len(results),
        "holes": [],
        "unexpected": [],
    }
    return document | more


def _spoil(document: Document, check_id: str, name: str, verdict: str, **more: Any) -> None:
    found = next(
        r for r in document["results"] if r["check_id"] == check_id and r["object"] == name
    )
    found.update(verdict=verdict, **more)


def fail_document(**more: Any) -> Document:
    """A rehearsal with five injected row faults and one missing index."""
    document = pass_document(verdict="FAIL", reasons=["7 of 104 answers differ"])
    document["migration"] |= {"rehearsal": True, "sabotage": "null-to-empty"}
    document["run"]["expires_at"] = None
    for found in copy.deepcopy(SAMPLE["diseases"]):
        name, message = found["object"], f"{found['object']}: {found['message']}"
        _spoil(document, "DATA-ROWS", name, "FAIL", message=message, findings=[found])
    name = "health.health_metrics_created_at_idx"
    found = finding(
        name,
        "missing_index",
        "expected on the target as on the source, found nothing",
        method="btree",
    )
    _spoil(
        document, "SCHEMA-INDEX", name, "FAIL", message=f"index {name} is missing", findings=[found]
    )
    name = "public.user_favorites"
    found = finding(name, "row_count", "3,100 rows on the source, 2,700 on the target")
    _spoil(document, "DATA-COUNT", name, "FAIL", message="400 rows are missing", findings=[found])
    document["tables"][-3]["rows_target"] = 2_700
    return document | more


def unknown_document(**more: Any) -> Document:
    """An unreadable table and a crashed worker; no known difference."""
    document = pass_document(
        verdict="UNKNOWN",
        reasons=[
            "2 of 99 answers could not be decided",
            "5 expected answers never came, the first is DATA-ROWS[public.recommendations]",
        ],
    )
    document["run"]["expires_at"] = None
    for check_id in ("DATA-COUNT", "DATA-ROWS"):
        _spoil(
            document,
            check_id,
            "public.emergency_events",
            "UNKNOWN",
            message="InsufficientPrivilege (SQLSTATE 42501): kgc_check may not read the source's "
            "public.emergency_events; grant select on it and run again",
        )
    lost = {"recommendations", "user_content_preferences", "user_favorites", "user_roles", "users"}
    gone = [
        r
        for r in document["results"]
        if r["check_id"] == "DATA-ROWS" and r["object"].partition(".")[2] in lost
    ]
    document["results"] = [r for r in document["results"] if r not in gone]
    document["coverage"]["reported"] -= len(gone)
    document["coverage"]["holes"] = [
        {"check_id": r["check_id"], "object": r["object"]} for r in gone
    ]
    document["tables"][5] |= {"rows_source": None, "rows_target": None}
    return document | more


def big_document(tables: int = 1_000, findings: int = 5_000) -> Document:
    """A thousand tables; a quarter of them differ, with five thousand findings in total."""
    bad, names = tables // 4, [f"public.table_{n:04d}" for n in range(tables)]
    document = pass_document(verdict="FAIL", reasons=[f"{bad} of {2 * tables} answers differ"])
    document["tables"] = [
        {"source": n, "target": n, "rows_source": 1_234_567, "rows_target": 1_234_567}
        for n in names
    ]
    results = [result("DATA-COUNT", n) for n in names]
    for position, name in enumerate(names):
        one = result("DATA-ROWS", name)
        if position < bad:
            some = [
                finding(name, "scattered_keys", "a row differs", key=f"{k:016x}")
                for k in range(findings // bad)
            ]
            one.update(verdict="FAIL", message=f"{len(some)} rows differ", findings=some)
        results.append(one)
    document["results"] = results
    document["coverage"] |= {"expected": len(results), "reported": len(results)}
    return document


@pytest.fixture(scope="session")
def documents() -> dict[str, Callable[..., Document]]:
    return {
        "pass": pass_document,
        "fail": fail_document,
        "unknown": unknown_document,
        "big": big_document,
    }


@pytest.fixture
def make_document(documents) -> Callable[..., Document]:
    """Return a builder: `make_document("fail", verdict="PASS")`."""
    return lambda name, **more: documents[name](**more)


@pytest.fixture
def make_result() -> Callable[..., Document]:
    return result


@pytest.fixture
def make_finding() -> Callable[..., Document]:
    return finding
