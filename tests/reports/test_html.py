"""Test the sign-off page: one file without scripts that states only facts of the document."""

import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pgcutover.errors import PgCutoverError
from pgcutover.reports import html
from pgcutover.verdict_json.document import validate
from pgcutover.verdict_json.file import write_verdict

DASH = "\N{EN DASH}"
VOID = {"meta", "br", "col", "use", "path", "circle", "wbr"}


class Page(HTMLParser):
    """Parses the elements in order, their ids and links, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "wbr":
            self.text.append("\0")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if not self._open or self._open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def words(self) -> str:
        """Return the text with single spaces between pieces; breakable names stay in one piece."""
        return " ".join(" ".join(self.text).replace(" \0 ", "").split())


def page_of(document) -> Page:
    return Page(html.render(validate(document)))


@pytest.fixture(params=["pass", "fail", "unknown"])
def any_page(request, make_document):
    return page_of(make_document(request.param))


def test_the_page_loads_no_resource(any_page):
    for tag, attrs in any_page.elements:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        for name, value in attrs.items():
            assert not name.startswith("on")
            if name in {"href", "src", "xlink:href"}:
                assert value.startswith("#")


def test_style_fetches_nothing(make_document):
    style = re.search(r"<style>(.*?)</style>", html.render(validate(make_document("pass"))), re.S)
    assert not re.search(r"url\(|@import|@font-face|https?:", style[1])


def test_policy_forbids_scripts_and_requests(any_page):
    policies = [
        m["content"]
        for m in any_page.all("meta")
        if m.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies
    assert policies[0].startswith("default-src 'none'")
    assert "script-src" not in policies[0]


def test_every_link_leads_somewhere_and_ids_are_unique(any_page):
    ids = Counter(attrs["id"] for _, attrs in any_page.elements if attrs.get("id"))
    assert max(ids.values()) == 1
    assert {a["href"][1:] for a in any_page.all("a")} <= set(ids)
    assert {u["href"][1:] for u in any_page.all("use")} <= set(ids)


def test_table_heads_have_a_scope(any_page):
    assert any_page.all("th")
    assert all(th.get("scope") in {"col", "row"} for th in any_page.all("th"))


def test_has_language_title_and_one_heading(any_page):
    assert any_page.all("html") == [{"lang": "en"}]
    assert len(any_page.all("h1")) == 1
    assert len(any_page.all("main")) == 1


@pytest.mark.parametrize("kind", ["pass", "fail", "unknown"])
def test_the_verdict_is_shown_by_sign_and_word(make_document, kind):
    text = html.render(validate(make_document(kind)))
    banner = re.search(r'<section id="verdict".*?</section>', text, re.S)[0]
    assert f"#sign-{kind}" in banner
    assert f"<h2>{kind.upper()}</h2>" in banner
    chips = re.findall(
        r'class="chip (\w+)"[^>]*><svg[^>]*><use href="#sign-(\w+)"/></svg>(\w+)', text
    )
    assert chips
    assert all(css == sign == word.lower() for css, sign, word in chips)


def _poison(value, poison):
    """Replace every text of the document, except those with fixed values."""
    if isinstance(value, dict):
        fixed = {"verdict", "stage"}
        return {
            k: v if k in fixed and isinstance(v, str) else _poison(v, poison)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [_poison(item, poison) for item in value]
    return poison if isinstance(value, str) else value


@pytest.mark.parametrize(
    "poison",
    [
        "<script>alert(1)</script>",
        "</style><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'; } * { display: none } /*",
        "{{ 7 * 7 }}{% include 'x' %}",
        "-->]]><!--",
    ],
)
@pytest.mark.parametrize("kind", ["fail", "unknown"])
def test_text_of_the_document_is_inert(make_document, poison, kind):
    poisoned = page_of(_poison(make_document(kind), poison))
    tags = {tag for tag, _ in poisoned.elements}
    assert not tags & {"script", "img"}
    assert poison.strip() in "".join(poisoned.text)


def test_script_in_an_object_name_is_inert(make_document, make_result, make_finding):
    name = "public.<script>alert('x')</script>"
    bad = make_result(
        "DATA-ROWS", name, "FAIL", findings=[make_finding(name, "k", "m", **{name: [{name: 1}]})]
    )
    document = make_document("fail", results=[bad])
    document["tables"].append({"source": name, "target": name, "rows_source": 1, "rows_target": 2})
    text = html.render(validate(document))
    assert "<script" not in text
    assert "public.<script>alert('x')</script>" in "".join(Page(text).text)


def test_name_cannot_leave_the_style_sheet(make_document):
    document = make_document("pass")
    document["migration"]["name"] = 'a"; } body { display: none } @import url(//x)</style>'
    style = re.search(r"<style>(.*?)</style>", html.render(validate(document)), re.S)[1]
    assert "a__ _ body _ display: none _ _import url___x" in style


def test_invisible_characters_are_spelled_out(make_document):
    document = make_document("fail", reasons=["safe\u202eLIAF\u0007 x\ud800y"])
    words = page_of(document).words
    assert r"safe\u202eLIAF\u0007 x\ud800y" in words


def test_lone_surrogate_does_not_stop_the_report(make_document, tmp_path):
    path = html.write_html(validate(make_document("fail", reasons=["\ud800"])), tmp_path / "r.html")
    assert r"\ud800" in path.read_text("utf-8")


def test_warnings_are_on_the_page_and_do_not_fail(make_document):
    facts = {"warnings": ["comment on <b>table</b> app.t is missing on the target"]}
    document = make_document("pass")
    assert 'id="warnings"' not in html.render(validate(document))
    document["results"][0]["facts"] = facts
    page = html.render(validate(document))
    assert "1 difference that does not change the verdict" in page
    assert "comment on &lt;b&gt;table&lt;/b&gt; app.t is missing" in page
    assert "PASS" in page


def test_rehearsal_is_flagged_and_opens_nothing(make_document):
    document = make_document("pass")
    document["migration"]["rehearsal"] = True
    words = page_of(document).words
    assert f"REHEARSAL {DASH} not a production verdict" in words
    assert "may open" not in words
    assert "opens no cutover" in words


def test_sabotage_is_named_even_where_nothing_is_called_a_rehearsal(make_document):
    document = make_document("pass")
    document["migration"]["sabotage"] = "drop-index"
    words = page_of(document).words
    assert "Sabotaged on purpose after the load: drop-index" in words
    assert "may open" not in words


def test_production_run_is_not_called_a_rehearsal(make_document):
    words = page_of(make_document("pass")).words
    assert "REHEARSAL" not in words
    assert "The cutover may open until 2026-07-01 06:14:07 UTC" in words


@pytest.mark.parametrize("kind", ["fail", "unknown"])
def test_only_pass_opens(make_document, kind):
    words = page_of(make_document(kind)).words
    assert "must not open" in words
    assert "may open" not in words


@pytest.mark.parametrize(
    ("kind", "shown", "words"),
    [
        ("fail", "FAIL", "says PASS, but holds 7 results with FAIL"),
        ("unknown", "UNKNOWN", "says PASS, but lacks 5 results"),
    ],
)
def test_a_pass_without_matching_results_is_not_shown(make_document, kind, shown, words):
    document = make_document(kind, verdict="PASS")
    document["migration"] |= {"rehearsal": False, "sabotage": None}
    page = page_of(document)
    assert words in page.words
    assert page.words.startswith(f"{shown} {DASH}")
    assert "may open" not in page.words


@pytest.mark.parametrize(
    "change",
    [
        {"results": []},
        {"coverage": {"expected": 0, "reported": 0, "holes": [], "unexpected": []}},
        {"coverage": {"expected": 105, "reported": 104, "holes": [], "unexpected": []}},
    ],
)
def test_nothing_reported_is_never_pass(make_document, change):
    page = page_of(make_document("pass", **change))
    assert page.words.startswith(f"UNKNOWN {DASH}")
    assert "may open" not in page.words


def test_cells_link_to_their_finding(make_document):
    text = html.render(validate(make_document("fail")))
    row = re.search(r'<tr>\s*<th scope="row"><code>auth\.<wbr>users</code>.*?</tr>', text, re.S)[0]
    target = re.search(r'class="chip fail" href="#([^"]+)"', row)[1]
    article = re.search(rf'<article id="{target}".*?</article>', text, re.S)[0]
    assert "auth.users" in article
    assert "null to empty" in article
    assert "4f1a9c02be77d310" in article


def test_a_missing_result_is_unknown_and_links_to_coverage(make_document):
    text = html.render(validate(make_document("unknown")))
    row = re.search(r'<tr>\s*<th scope="row"><code>auth\.<wbr>users</code>.*?</tr>', text, re.S)[0]
    assert 'class="chip unknown" href="#coverage"' in row


def test_the_page_names_exclusions_and_the_servers(make_document):
    words = page_of(make_document("pass")).words
    for text in (
        "public.chat_memory embedding computed again by the application",
        "health.idx_health_metrics_date index: added dashboard queries",
        "15.18 17.10",
        "7526401129384756012 7526401188120047731",
        "0/5A3C1F8 0/61B0D40",
        "TLSv1.3",
        "pre-load/01_schemas.sql schemas auth, health, audit 21 ms",
        "Fails when any value of any compared column differs",
        "manifest.json " + "9b1c" * 16,
        "5d1f7b7c" * 8,
        "pgcutover 0.1.0",
        "104 of 104 expected results were reported",
    ):
        assert text in words


def test_place_to_sign(make_document):
    words = page_of(make_document("pass")).words
    for who in ("Responsible for the migration", "Approved by"):
        assert f"{who} Name Role Date Signature" in words


@pytest.mark.parametrize("kind", ["pass", "fail"])
def test_paper_is_bound_to_its_verdict_file(make_document, tmp_path, kind):
    document = make_document(kind, reasons=["größer \ud800"])
    data = write_verdict(validate(document), tmp_path / "verdict.json").read_bytes()
    assert f"SHA-256 {hashlib.sha256(data).hexdigest()}" in page_of(document).words


def test_row_counts_that_differ_are_both_shown(make_document):
    words = page_of(make_document("fail")).words
    assert "3,100 source 2,700 target" in words


def test_an_empty_document_makes_a_page(make_document):
    empty = {
        key: []
        for key in (
            "checks",
            "results",
            "tables",
            "not_proven",
            "declared_differences",
            "provisioning",
            "timings",
        )
    }
    coverage = {"expected": 0, "reported": 0, "holes": [], "unexpected": []}
    nobody = dict.fromkeys(make_document("pass")["source"])
    page = page_of(
        make_document(
            "unknown", **empty, coverage=coverage, source=nobody, target=nobody, evidence={}
        )
    )
    assert "No result is about a table" in page.words
    assert "not known not known" in page.words


def test_thousand_tables_stay_usable_with_exact_counts(make_document):
    text = html.render(validate(make_document("big")))
    page = Page(text)
    assert len(text) < 600_000
    assert "250 results do not pass, with 5,000 findings in all" in page.words
    assert "Shown in full: 240 of 5,000 findings, 60 of 250 results" in page.words
    assert "Tables that pass 750 of 1,000" in page.words
    for n in (0, 249, 250, 999):
        assert f"public.table_{n:04d}" in page.words.replace("table_ ", "table_").replace(
            "public. ", "public."
        )


def test_wrong_document_leaves_no_page(make_document, tmp_path):
    document = make_document("pass")
    del document["results"]
    with pytest.raises(PgCutoverError, match="results is missing"):
        html.write_html(validate(document), tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _schemes() -> list[dict[str, str]]:
    css = (Path(html.TEMPLATES) / "signoff.css").read_text("utf-8")
    found = re.findall(r":root \{(.*?)\}", css, re.S)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in found]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "paper"),
        ("quiet", "paper"),
        ("link", "paper"),
        ("pass", "pass-ground"),
        ("fail", "fail-ground"),
        ("unknown", "unknown-ground"),
        ("fail", "paper"),
        ("ink", "fail-ground"),
        ("ink", "unknown-ground"),
        ("ink", "pass-ground"),
        ("link", "fail-ground"),
        ("link", "unknown-ground"),
        ("ribbon", "ribbon-ground"),
    ],
)
def test_contrast_is_enough_to_read(scheme, text, ground):
    colours = _schemes()[scheme]
    lighter, darker = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
