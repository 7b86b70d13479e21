"""Test the Allure report: real Allure, one file, no analytics, no network access."""

import base64
import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from pgcutover.embedded.npm import node
from pgcutover.errors import PgCutoverError
from pgcutover.reports import allure
from pgcutover.verdict_json.document import validate

PAGE = '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{}</body></html>'
GTAG = (
    '<script async src="https://www.googletagmanager.com/gtag/js?id=G-X"></script>\n'
    "    <script>\n  window.dataLayer = [];\n function gtag(){}\n gtag('js', 1);\n</script>"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory, fail_once):
    out = tmp_path_factory.mktemp("allure") / "new" / "allure.html"
    progress: list[str] = []
    assert allure.allure_report(validate(fail_once), out, progress.append, ["s3cret-value"]) == out
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def fail_once(documents):
    document = documents["fail"]()
    document["results"][0]["message"] = "token s3cret-value"
    document["results"][1]["object"] = "public.</script><script>alert(1)</script>"
    return document


def data_of(page: str) -> dict[str, object]:
    """Return the JSON files in the page."""
    found = re.findall(r'd\("([^"]+)","([A-Za-z0-9+/=]*)"\)', page)
    return {n: json.loads(base64.b64decode(c)) for n, c in found if n.endswith(".json")}


def test_report_is_complete(page):
    data = data_of(page)
    assert data["widgets/statistic.json"] == {"total": 104, "passed": 97, "failed": 7}
    results = [v for k, v in data.items() if k.startswith("data/test-results/")]
    users = next(r for r in results if r["name"] == "DATA-ROWS[auth.users]")
    assert users["status"] == "failed"
    assert "14 of 1,000 rows differ" in users["error"]["message"]
    assert "<title> kgc: REHEARSAL, FAIL </title>" in page


def test_report_has_no_analytics_and_loads_nothing(page):
    scripts = [
        base64.b64decode(c).decode() for c in re.findall(r"javascript;base64,([\w+/=]+)", page)
    ]
    assert scripts
    for text in (page, *scripts):
        assert not re.search(r"googletagmanager|google-analytics|gtag\(|window\.dataLayer", text)
    assert not re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?!data:)[^"]*"', page)


def test_report_is_under_a_policy_that_forbids_requests(page):
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)[1]
    assert page.index("Content-Security-Policy") < page.index("<script")
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?:|\*|'self'", policy)


def test_report_holds_no_secret(page):
    assert "s3cret-value" not in page
    assert "s3cret-value" not in json.dumps(data_of(page))


def test_names_cannot_close_a_script_element(page):
    assert "<script>alert(1)" not in page


def test_the_report_contains_no_path_of_the_machine(page):
    everything = page + json.dumps(data_of(page))
    for place in (Path.home(), allure.HERE, tempfile.gettempdir()):
        assert f"{place}/" not in everything


def test_generator_cannot_connect():
    offline = (allure.HERE / "offline.mjs").as_uri()
    code = "fetch('http://127.0.0.1:8099/').catch(e => console.log(String(e.cause ?? e)))"
    done = subprocess.run(
        [node()[0], "--import", offline, "-e", code], capture_output=True, text=True, check=False
    )
    assert "tried to open a network connection" in done.stdout + done.stderr


def test_missing_results_are_reported_in_one_sentence(tmp_path):
    with pytest.raises(PgCutoverError, match=r"expected \*-result\.json files in .* found none"):
        allure.allure_single_file(tmp_path, tmp_path / "out.html", print)
    assert not (tmp_path / "out.html").exists()


def test_a_failing_node_keeps_the_old_report(tmp_path, monkeypatch):
    (tmp_path / "a-result.json").write_text("{}")
    out = tmp_path / "out.html"
    out.write_text("old")
    work = tmp_path / "here"
    work.mkdir()
    for name in ("npm", "offline.mjs"):
        (work / name).symlink_to(allure.HERE / name)
    (work / "allurerc.mjs").write_text('throw new Error("boom");')
    monkeypatch.setattr(allure, "HERE", work)
    with pytest.raises(PgCutoverError, match=r"allure ended with 1; the verdict stands .*boom"):
        allure.allure_single_file(tmp_path, out, print)
    assert out.read_text() == "old"


def test_allure_that_never_ends_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(allure, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(PgCutoverError, match=r"not ready after 0\.2 s"):
        allure._run([node()[0], "-e", "setInterval(() => 0, 1000)"], tmp_path)


def test_analytics_are_removed():
    assert allure.without_network(PAGE.format(GTAG + "<p>kept</p>")).endswith(
        "</head><body><p>kept</p></body></html>"
    )


@pytest.mark.parametrize(
    "body",
    [
        '<script async src="https://stats.example.com/x.js"></script>',
        '<img src="//example.com/pixel.gif">',
        '<link rel="stylesheet" href="styles.css">',
        "<script>gtag('config', 'G-X')</script>",
        '<script src="data:text/javascript;base64,{}"></script>'.format(
            base64.b64encode(b"load('https://www.googletagmanager.com/')").decode()
        ),
    ],
)
def test_page_of_an_unknown_allure_is_refused(body):
    with pytest.raises(PgCutoverError, match="expected a page that loads nothing"):
        allure.without_network(PAGE.format(body))


def test_lock_file_pins_every_package_and_names_no_registry():
    text = (allure.HERE / "npm" / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert packages["node_modules/allure"]["version"] == "3.18.0"
    assert all("integrity" in p for name, p in packages.items() if name)
    assert "resolved" not in text
    assert "://" not in re.sub(r'"url": "[^"]*"', "", text)
