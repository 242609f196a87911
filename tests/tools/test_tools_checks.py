"""The checks of the continuous build can fail."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

TOOLS = Path(__file__).parent.parent.parent / "tools"
sys.path.insert(0, str(TOOLS))

import check_translations  # noqa: E402
import check_vendored  # noqa: E402
import make_docs  # noqa: E402


@pytest.fixture
def static(tmp_path: Path) -> Path:
    return Path(shutil.copytree(check_vendored.STATIC, tmp_path / "static"))


def test_vendored_files_are_as_published(static: Path):
    assert list(check_vendored.defects(static)) == []


def test_one_changed_byte_of_a_vendored_file_is_a_defect(static: Path):
    file = static / "vendor" / "htmx.min.js"
    file.write_bytes(file.read_bytes() + b" ")
    (defect,) = check_vendored.defects(static)
    assert defect.startswith("vendor/htmx.min.js: sha256 is ")


def test_a_vendored_file_that_nobody_named_and_one_that_is_gone_are_defects(static: Path):
    (static / "vendor" / "hx-sse.min.js").rename(static / "vendor" / "other.js")
    assert list(check_vendored.defects(static)) == [
        "vendor/hx-sse.min.js: named in vendored.toml but absent",
        "vendor/other.js: not named in vendored.toml",
    ]


def catalogue(**texts: str) -> Catalog:
    made = Catalog(locale="sv")
    for text, translated in texts.items():
        made.add(text, translated)
    return made


def test_a_missing_an_empty_and_an_obsolete_translation_are_defects():
    template, translation = catalogue(one="", two=""), catalogue(two="", three="tre")
    assert list(check_translations.defects(template, translation)) == [
        "not translated: 'one'",
        "not translated: 'two'",
        "no longer used: 'three'",
    ]


def test_a_fuzzy_translation_and_a_lost_placeholder_are_defects():
    template, translation = Catalog(), Catalog(locale="sv")
    for text in ("doubtful", "%(number)s left"):
        template.add(text)
    translation.add("doubtful", "tveksam", flags=["fuzzy"])
    translation.add("%(number)s left", "några kvar")
    assert [defect.split(":")[0] for defect in check_translations.defects(template, translation)] == [
        "other placeholders than '%(number)s left'" if "%" in str(message.id) else "fuzzy"
        for message in template
        if message.id
    ]


def test_every_template_is_looked_into():
    found = {place for message in check_translations.extracted() for place, _ in message.locations}
    silent = {"templates/operator/peers.html"} - found
    assert silent == set()
    assert len(check_translations.extracted()) >= check_translations.LEAST


def test_the_list_of_facts_names_every_fact():
    page = make_docs.pages()["facts.md"]
    for name in ("StationConnected", "SessionSeen", "BillLineAdded"):
        assert f"\n## {name}\n" in page


def test_the_page_of_ocpp_names_every_message_of_every_version_and_keeps_what_is_written_by_hand():
    page = make_docs.pages()[make_docs.OCPP]
    head, _, made = page.partition(make_docs.MADE)
    assert "\n## Where 1.6 differs\n" in head
    for version in make_docs.VERSIONS.values():
        rows = set(made.partition(f"\n### {version.protocol.value}: ")[2].partition("\n### ")[0].splitlines())
        for action in version.inbound:
            assert any(row.startswith(f"| {action} | ") and "station call" not in row for row in rows), action
        for action in version.to_station:
            assert any(row.startswith(f"| {action} | ") and "station call" in row for row in rows), action
    assert make_docs._with_messages(page) == page
