"""`elstrada firmware add` and `firmware sign`: an image into the desk, piece by piece, and its signature."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from elstrada.cli.configuration import config_of
from elstrada.cli.exits import Exit
from elstrada.cli.fetching import DeskRefused, done, give_up
from elstrada.cli.output import write_result
from elstrada.config import Config
from elstrada.roles.desk.firmware import Added
from elstrada.roles.desk.table import verb_named
from elstrada.roles.files.signing import MOST_CERTIFICATE, NotSigned, Scheme, sign

PIECE = 2 << 20
"""Bytes that are handed in at once."""
_MOST_PEM = 1 << 16
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("add")
@click.argument("file", type=_EXISTING)
@click.option("--vendor", required=True, help="As the station says in its BootNotification.")
@click.option("--model", required=True, help="Likewise.")
@click.option("--version", required=True, help="As the station shall say once it runs this.")
@click.option("--party", help="Our CPO; needed only if there are several.")
@click.option("--id", "firmware_id", help="What to call it; by default vendor-model-version.")
@click.option("--signature", type=_EXISTING, help="A file with the signature in Base64.")
@click.option("--certificate", type=_EXISTING, help="A PEM file with the certificate of whoever signed it.")
@click.option("--json", "json", is_flag=True, help="Write the result as JSON.")
@click.pass_context
def firmware_add(
    ctx: click.Context,
    file: Path,
    vendor: str,
    model: str,
    version: str,
    party: str | None,
    firmware_id: str | None,
    signature: Path | None,
    certificate: Path | None,
    json: bool,
) -> None:
    """Take in FILE, an image that stations may be told to fetch; a signature is checked first."""
    given: dict[str, object] = {
        "vendor": vendor,
        "model": model,
        "version": version,
        "party": party,
        "id": firmware_id,
        "file_name": file.name,
        "signature": signature and _short(signature).strip(),
        "certificate": certificate and _short(certificate),
    }
    verb = verb_named("firmware add")
    assert verb is not None, "it is in the table"
    try:
        with file.open("rb") as opened:
            added = _sent(config_of(ctx), opened, given)
    except DeskRefused as refused:
        give_up(ctx, refused.refusal, json)
    except OSError as problem:
        raise click.BadParameter(f"{file} cannot be read: {problem.strerror}") from None
    assert added.firmware is not None, "the last piece makes it whole"
    write_result(verb, added.firmware, json=json)


def _sent(config: Config, file: BinaryIO, given: dict[str, object]) -> Added:
    """Hand a file in, piece after piece."""
    offset, upload, piece = 0, None, file.read(PIECE)
    while True:
        following = file.read(PIECE)
        more = {"file": piece, "offset": offset, "upload": upload, "more": bool(following)}
        added = done(config, "firmware add", {**given, **more}, Added)
        if not following:
            return added
        offset, upload, piece = offset + len(piece), added.upload, following


@click.command("sign")
@click.argument("file", type=_EXISTING)
@click.option("--key", type=_EXISTING, required=True, help="The private key, in PEM.")
@click.option(
    "--scheme", type=click.Choice(list(Scheme), False), help="Of an RSA key: PSS, or PKCS1. By default PSS."
)
@click.pass_context
def firmware_sign(ctx: click.Context, file: Path, key: Path, scheme: str | None) -> None:
    """Write the signature of FILE in Base64. The key is read here, and goes nowhere."""
    try:
        signature, _ = sign(file, _short(key).encode(), Scheme(scheme) if scheme else None)
    except NotSigned as problem:
        click.echo(f"Error: {problem}", err=True)
        ctx.exit(Exit.CHECKS)
    click.echo(signature)


def _short(path: Path) -> str:
    """The text of a small file."""
    with path.open("rb") as file:
        content = file.read(_MOST_PEM + 1)
    if len(content) > _MOST_PEM:
        raise click.BadParameter(f"{path} is larger than anything expected; OCPP takes {MOST_CERTIFICATE}")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise click.BadParameter(f"{path} is neither PEM nor Base64") from None
