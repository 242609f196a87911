"""Fail unless every text of the pages has a translation in every language; ``--update`` adds the new ones.

A wrong file pattern would extract nothing and look like success, so there must also be a least number.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parent.parent / "src" / "elstrada" / "web"
LEAST = 70
_PLACEHOLDER = re.compile(r"%\(\w+\)s")


def extracted() -> Catalog:
    """Every text of the templates."""
    catalogue = Catalog(project="Elstrada", charset="utf-8")
    options = {"**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
    found = extract_from_dir(WEB / "templates", [("**.html", "jinja2")], options)
    for file, line, text, _, context in found:
        catalogue.add(text, locations=[(f"templates/{file}", line)], context=context)
    return catalogue


def catalogues() -> Iterable[tuple[Path, Catalog]]:
    """Every translation."""
    for path in sorted(WEB.glob("locale/*/LC_MESSAGES/elstrada.po")):
        with path.open("rb") as file:
            yield path, read_po(file, locale=path.parts[-3])


def defects(template: Catalog, translation: Catalog) -> Iterable[str]:
    """What is wrong with a translation."""
    for message in template:
        if message.id:
            yield from _defects_of(message, translation.get(message.id))
    known = {str(message.id) for message in template}
    yield from (f"no longer used: {message.id!r}" for message in translation if str(message.id) not in known)


def _defects_of(message: Message, translated: Message | None) -> Iterable[str]:
    if translated is None or not all(_texts(translated.string)):
        yield f"not translated: {message.id!r}"
    elif translated.fuzzy:
        yield f"fuzzy: {message.id!r}"
    else:
        meant = set(_PLACEHOLDER.findall(_texts(message.id)[-1]))
        yield from (
            f"other placeholders than {message.id!r}: {text!r}"
            for text in _texts(translated.string)[-1:]
            if set(_PLACEHOLDER.findall(text)) != meant
        )


def _texts(text: str | Iterable[str] | None) -> list[str]:
    return [text or ""] if text is None or isinstance(text, str) else list(text)


def update(template: Catalog) -> None:
    """Add new texts, empty, and drop those no longer used."""
    for path, catalogue in catalogues():
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        catalogue.last_translator = catalogue.language_team = "The Elstrada developers"
        catalogue.msgid_bugs_address = ""
        with path.open("wb") as file:
            write_po(file, catalogue, omit_header=False, sort_output=True, include_lineno=False, width=110)


def main() -> int:
    template = extracted()
    if "--update" in sys.argv:
        update(template)
    found = [
        f"{path.relative_to(WEB)}: {defect}"
        for path, catalogue in catalogues()
        for defect in defects(template, catalogue)
    ]
    if len(template) < LEAST:
        found.append(f"only {len(template)} texts were found in the templates, expected at least {LEAST}")
    print("\n".join(found) or f"{len(template)} texts, all translated")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
