"""`elstrada price`: what CDRs should cost, from their files alone; and whether worked prices come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO, get_type_hints

import click
import msgspec

from elstrada.cli.documents import Document, documents
from elstrada.cli.exits import Exit
from elstrada.cli.output import printable
from elstrada.cli.priced import Summary, differ, summary_in_text, told_as_json, told_in_text
from elstrada.cli.vectors import check_vectors
from elstrada.model.tariff import Tariff
from elstrada.ocpi.rateable import Misread, documents_in, tariffs_in
from elstrada.roles.rerating import POLICIES, Rated, Rerating, differences
from elstrada.tariffs.policy import Policy
from elstrada.tariffs.refusals import NotPriced, UnknownZone
from elstrada.tariffs.usage import zone_named


class _Refused(msgspec.Struct, frozen=True):
    """A document that has no price."""

    source: str
    line: int
    path: str
    """In the document; empty for the whole of it."""
    reason: str


class _Telling(msgspec.Struct, frozen=True):
    """How results are told."""

    json: bool
    tolerance: Decimal


def _zone(ctx: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    try:
        return None if name is None else zone_named(name).key
    except UnknownZone as problem:
        raise click.BadParameter(str(problem), ctx, parameter) from None


def _tolerance(ctx: click.Context, parameter: click.Parameter, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0):
        raise click.BadParameter(f"{text!r}: expected an amount like 0.01", ctx, parameter)
    return amount


def _policies(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> Mapping[str, Policy]:
    """Each version's policy with the values given."""
    kinds: dict[str, object] = get_type_hints(Policy, include_extras=True)
    values: dict[str, object] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in kinds:
            known = ", ".join(Policy.__struct_fields__)
            raise click.BadParameter(f"{text!r}: expected NAME=VALUE, with a name of {known}", ctx, parameter)
        try:
            values[name] = _value(value, kinds[name])
        except msgspec.DecodeError as problem:
            raise click.BadParameter(f"{text!r}: {problem}", ctx, parameter) from None
    return {version: msgspec.structs.replace(policy, **values) for version, policy in POLICIES.items()}


def _value(text: str, kind: object) -> object:
    """A setting's value: JSON, or plain text for a text, number or truth."""
    told: object = msgspec.json.decode(text) if text[:1] in "{[" and kind is not str else text
    return msgspec.convert(told, kind, strict=False)


@click.command()
@click.argument("files", nargs=-1, type=click.File("rb"), metavar="[CDR.json | -]...")
@click.option(
    "--tariff",
    type=click.File("rb"),
    metavar="T.json",
    help="Price by this tariff, or these, instead of the CDRs' own; a single one prices everything.",
)
@click.option(
    "--tz", "time_zone", callback=_zone, metavar="ZONE", help="Time zone of the places, like Europe/Rome."
)
@click.option(
    "--ocpi", "version", type=click.Choice(list(POLICIES)), help="Version; else found by the fields."
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    callback=_policies,
    metavar="NAME=VALUE",
    help="How what OCPI leaves open is read, such as usual_decimals=4; repeatable.",
)
@click.option("--expired", is_flag=True, help="The CDRs are of reservations that nobody used.")
@click.option(
    "--tolerance",
    default="0.01",
    callback=_tolerance,
    show_default=True,
    metavar="AMOUNT",
    help="Differences up to this are none.",
)
@click.option(
    "--vectors",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Check the worked prices in this folder instead.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def price(
    ctx: click.Context,
    files: tuple[BinaryIO, ...],
    tariff: BinaryIO | None,
    time_zone: str | None,
    version: str | None,
    policies: Mapping[str, Policy],
    expired: bool,
    tolerance: Decimal,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Say what CDRs should cost, and why, from their files alone: no installation is needed.

    A file holds one CDR, one a line, a list of them, or OCPI's envelope, of any length and any version;
    - is standard input. What cannot be priced is told on standard error, and the rest goes on.

    Exit code 6 if a CDR was not priced, or a worked price was not met.
    """
    if (folder is None) == (not files):
        raise click.UsageError("expected files of CDRs, or --vectors DIR", ctx)
    if folder is not None:
        ctx.exit(Exit.OK if check_vectors(folder, policies) else Exit.CHECKS)
    try:
        rerating = Rerating(
            tariffs=_tariffs(tariff, version),
            version=version,
            time_zone=time_zone,
            reservation_expired=expired,
            policies=policies,
        )
    except (Misread, NotPriced) as problem:
        click.echo(f"Error: {_name(tariff)}: {printable(str(problem))}", err=True)
        ctx.exit(Exit.CHECKS)
    summary = _price_all(files, rerating, _Telling(as_json, tolerance))
    ctx.exit(Exit.CHECKS if summary.refused else Exit.OK)


def _tariffs(file: BinaryIO | None, version: str | None) -> tuple[Tariff, ...]:
    if file is None:
        return ()
    found = tariffs_in(file.read(), version)
    if not found:
        raise Misread("", "there is no tariff in it")
    return found


def _price_all(files: tuple[BinaryIO, ...], rerating: Rerating, telling: _Telling) -> Summary:
    summary = Summary()
    for file in files:
        seen = False
        for found in _documents(file):
            seen = True
            _price_one(_name(file), found, rerating, telling, summary)
        if not seen:
            _refuse(_Refused(_name(file), 1, "", "there is no CDR in it"), telling, summary)
    if summary.priced + summary.refused > 1:
        if telling.json:
            click.echo(msgspec.json.encode(summary).decode(), err=True)
        else:
            click.echo(summary_in_text(summary, telling.tolerance))
    return summary


def _name(file: BinaryIO | None) -> str:
    return str(getattr(file, "name", "<stdin>"))


def _documents(file: BinaryIO) -> Iterator[Document]:
    try:
        yield from documents(file)
    except OSError as problem:
        yield Document(1, b"", f"cannot be read: {problem.strerror}")


def _price_one(source: str, found: Document, rerating: Rerating, telling: _Telling, summary: Summary) -> None:
    """Price what one document holds: a CDR, or a page of them."""
    if found.problem:
        _refuse(_Refused(source, found.line, "", found.problem), telling, summary)
        return
    for path, rated in _rated(found.body, rerating, lines=not telling.json):
        if isinstance(rated, Rated):
            _tell(source, found.line, rated, telling, summary)
        else:
            inner, reason = _why(rated)
            where = ".".join(part for part in (path, inner) if part)
            _refuse(_Refused(source, found.line, where, reason), telling, summary)


def _why(problem: Misread | NotPriced) -> tuple[str, str]:
    """Where in the document, and the reason."""
    if isinstance(problem, Misread):
        return problem.path, problem.reason
    return "", f"{problem}; say --tz" if isinstance(problem, UnknownZone) else str(problem)


def _rated(
    body: bytes, rerating: Rerating, *, lines: bool
) -> Iterator[tuple[str, Rated | Misread | NotPriced]]:
    for path, entry in documents_in(body):
        try:
            yield path, rerating.rate(entry, lines=lines)
        except (Misread, NotPriced) as problem:
            yield path, problem


def _tell(source: str, line: int, rated: Rated, telling: _Telling, summary: Summary) -> None:
    apart = tuple(differences(rated))
    summary.add(rated.cost, differs=differ(apart, telling.tolerance))
    if telling.json:
        click.echo(told_as_json(rated, apart, telling.tolerance, source=source, line=line))
    else:
        click.echo("\n".join((*told_in_text(rated, apart, telling.tolerance), "")))


def _refuse(refused: _Refused, telling: _Telling, summary: Summary) -> None:
    summary.refused += 1
    if telling.json:
        click.echo(msgspec.json.encode(refused).decode(), err=True)
        return
    where = f"{refused.source}:{refused.line}: {refused.path + ': ' if refused.path else ''}"
    click.echo(f"Error: {printable(where + refused.reason)}", err=True)
