"""The configuration of an installation: what it is, where each value comes from, what is wrong with it.

Precedence: command line, environment (``ELSTRADA_HTTP__PORT``), files named by the environment
(``ELSTRADA_DESK__SECRET_FILE``, for mounted secrets), ``elstrada.toml``, defaults. No setting is needed.

A variable whose whole name is a setting's holds its value, even if it ends in ``_FILE`` as
``ELSTRADA_KEYS_FILE`` does; ``ELSTRADA_CONFIG`` names the TOML file, and is no setting.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import msgspec
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from elstrada.model.node import Part
from elstrada.model.waits import Waits
from elstrada.settings import (
    ArchiveSection,
    DatabaseSection,
    DeskSection,
    FilesSection,
    HealthSection,
    HttpSection,
    LimitsSection,
    LogSection,
    MeteringSection,
    NatsSection,
    NodeId,
    OcpiSection,
    OtelSection,
    OutboundSection,
    Parts,
    PartySection,
    Section,
    StationsSection,
    WebPaymentsSection,
    WireLogSection,
)

PREFIX = "ELSTRADA_"
FILE_NAME = "elstrada.toml"
FILE_VARIABLE = f"{PREFIX}CONFIG"
"""Names another one."""
MAX_FILE_BYTES = 1 << 20


def default_data_dir() -> Path:
    """``$XDG_DATA_HOME/elstrada``, by default ``~/.local/share/elstrada``."""
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".local" / "share") / "elstrada"


class Config(BaseSettings):
    """All settings. Make one with ``load``."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(default_factory=default_data_dir)
    """Where everything is kept."""
    roles: Parts = tuple(Part)
    """What this node does."""
    node: NodeId | None = None
    """What this node is called among the others; unset: a name made once and kept in data_dir."""
    keys_file: Path | None = None
    """The installation's secrets, the same for every node; unset: keys.json in data_dir."""
    parties: tuple[PartySection, ...] = ()
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")
    """How peers reach us; unset: the http listener's address."""
    database: DatabaseSection = DatabaseSection()
    archive: ArchiveSection = ArchiveSection()
    nats: NatsSection = NatsSection()
    stations: StationsSection = StationsSection()
    http: HttpSection = HttpSection()
    files: FilesSection = FilesSection()
    health: HealthSection = HealthSection()
    ocpi: OcpiSection = OcpiSection()
    web_payments: WebPaymentsSection = WebPaymentsSection()
    outbound: OutboundSection = OutboundSection()
    limits: LimitsSection = LimitsSection()
    metering: MeteringSection = MeteringSection()
    log: LogSection = LogSection()
    wire_log: WireLogSection = WireLogSection()
    otel: OtelSection = OtelSection()
    desk: DeskSection = DeskSection()

    @property
    def parts(self) -> frozenset[Part]:
        """What this node does."""
        return frozenset(self.roles)

    @property
    def waits(self) -> Waits:
        """How long we wait for others."""
        limits = self.limits
        return Waits(
            authorize_s=limits.authorize_s,
            command_s=limits.command_s,
            peer_s=limits.peer_s,
            silence_s=limits.silence_s,
        )

    @property
    def sqlite_file(self) -> Path:
        """The embedded store, where no database is named."""
        return self.data_dir / "elstrada.db"

    @property
    def wire_log_dir(self) -> Path:
        """Where the frames of the stations are, a file per node."""
        return self.wire_log.dir or self.data_dir / "wire"

    @property
    def files_dir(self) -> Path:
        """Where firmware and stations' logs are."""
        return self.files.dir or self.data_dir / "files"

    @property
    def has_file_door(self) -> bool:
        """Do stations fetch and leave files at this node?"""
        return self.files.port is not None and Part.PAGES in self.parts

    @property
    def keys_path(self) -> Path:
        """Where the installation's secrets are."""
        return self.keys_file or self.data_dir / "keys.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """``load`` reads the sources one by one, to know where each value came from."""
        return (init_settings,)


class ConfigInvalid(Exception):
    """The configuration cannot be used; each problem is one sentence."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Origin(msgspec.Struct, frozen=True):
    """One setting, the text of its value with secrets hidden, and where it came from."""

    key: str
    value: object
    origin: str


class Loaded(msgspec.Struct, frozen=True):
    """A valid configuration and the origin of each of its settings."""

    config: Config
    settings: tuple[Origin, ...]


_Tree = dict[str, object]


def load(overrides: Mapping[str, str] | None = None, file: Path | None = None) -> Loaded:
    """Read the configuration.

    Args:
        overrides: settings of the command line, by dotted name: ``{"http.port": "8080"}``.
        file: the TOML file; by default what ``ELSTRADA_CONFIG`` names, else ``elstrada.toml`` in the
            working directory, if there is one.
    Raises:
        ConfigInvalid: a setting is unknown or its value is not as expected.
    """
    problems: list[str] = []
    direct, from_files = _environment(problems)
    named = {f"{PREFIX}{name.replace('.', '__')}": text for name, text in (overrides or {}).items()}
    for known_as, names in (("the command line", named), ("the environment", direct | from_files)):
        problems += _unknown_sections(names, known_as)
    file = file or _named_file()
    where = file or Path(FILE_NAME)
    sources: list[tuple[str, _Tree]] = [
        ("the command line", _tree(named, problems)),
        ("the environment", _tree(direct, problems)),
        ("a secret file", _tree(from_files, problems)),
        (str(where), _toml(where, problems, needed=file is not None)),
    ]
    merged: _Tree = {}
    for _, tree in reversed(sources):
        merged = _merge(merged, tree)
    config = _validated(merged, sources, problems)
    return Loaded(config, tuple(_origins(config, sources)))


def _validated(merged: _Tree, sources: list[tuple[str, _Tree]], problems: list[str]) -> Config:
    try:
        config = Config.model_validate(merged)
    except ValidationError as found:
        problems = problems + [
            _sentence(tuple(error["loc"]), error["type"], error["msg"], sources)
            for error in found.errors(include_url=False, include_input=False)
        ]
        raise ConfigInvalid(problems) from None
    problems = problems or list(_contradictions(config))
    if problems:
        raise ConfigInvalid(problems)
    return config


def _contradictions(config: Config) -> Iterator[str]:
    """Settings that are right by themselves and wrong together."""
    yield from _doors_that_lead_nowhere(config)
    database, nats = config.database.url, config.nats.url
    if nats is not None and database is None:
        yield (
            "nats.url is set and database.url is not: nodes that reach one another by NATS remember in one"
            " PostgreSQL; set database.url, or leave nats.url out"
        )
    if database is None:
        return  # One process on SQLite: what it does not do, nobody does.
    if nats is None and config.parts != frozenset(Part):
        yield (
            f"roles in this node are {', '.join(config.roles)}, so others do the rest, and they reach one"
            " another by NATS: set nats.url"
        )
    if config.public_url is None and Part.PAGES in config.parts and Part.ROAMER not in config.parts:
        yield (
            "public_url is not set, and roles has pages without roamer: the desk tells partners where to"
            " call, which is at another node; set public_url"
        )


def _doors_that_lead_nowhere(config: Config) -> Iterator[str]:
    stations, tls = config.stations, config.stations.tls
    if len(tls.certificate) != len(tls.key):
        yield (
            f"stations.tls.certificate names {len(tls.certificate)} files and stations.tls.key"
            f" {len(tls.key)}: each certificate has its key, in the same order"
        )
    if tls.client_ca and not tls.certificate:
        yield "stations.tls.client_ca is set and stations.tls.certificate is not, so there is no TLS"
    if tls.without_secrecy and not tls.certificate:
        yield "stations.tls.without_secrecy is set and stations.tls.certificate is not, so there is no TLS"
    if tls.organization is not None and not tls.client_ca:
        yield (
            "stations.tls.organization is set and stations.tls.client_ca is not, so no station shows a"
            " certificate"
        )
    if config.files.tls and not tls.certificate:
        yield "files.tls is set and stations.tls.certificate is not, so there is no certificate to show"
    yield from _authorities_that_cannot_be_asked(stations)
    plug = stations.plug_and_charge
    if plug.pool is not None and plug.pool_folder is not None:
        yield "stations.plug_and_charge has a pool and a pool_folder: one of them has the contracts, so name one"
    if plug.pool_headers and plug.pool is None:
        yield "stations.plug_and_charge.pool_headers are set and pool is not, so nobody is sent them"
    knocks = stations.knocks
    if knocks.waiting_per_address > knocks.waiting:
        yield "stations.knocks.waiting_per_address is more than stations.knocks.waiting, of which it is a part"
    signing = stations.message_signing
    if (signing.key is None) != (signing.certificate is None):
        yield "stations.message_signing has one of key and certificate: name both, or none"
    if not stations.plain and not tls.certificate:
        yield ("stations.plain is false and stations.tls.certificate is not set, so no station could connect")
    if stations.template is not None and stations.onboarding != "hold":
        yield "stations.template is set and stations.onboarding is not hold, so no station is ever set to it"
    if stations.tls_in_front and not stations.plain:
        yield "stations.tls_in_front is set and stations.plain is false, so the proxy could not connect"


def _authorities_that_cannot_be_asked(stations: StationsSection) -> Iterator[str]:
    named = {"stations.authority": stations.authority, "stations.v2g_authority": stations.v2g_authority}
    for name, authority in named.items():
        if authority.folder is not None and authority.est is not None:
            yield f"{name} has a folder and an EST server: one of them signs, so name one"
        if bool(authority.est_user) != bool(authority.est_password.get_secret_value()):
            yield f"{name}.est_user and est_password belong together: set both, or neither"
        if authority.est_user and authority.est_token.get_secret_value():
            yield f"{name} has a user and a token for its EST server: it is shown one of them, so set one"
    own, v2g, client_ca = stations.authority, stations.v2g_authority, stations.tls.client_ca
    if own.named and not client_ca:
        yield (
            "stations.authority is set and stations.tls.client_ca is not, so what it signs would open no door"
        )
    if v2g.combined and not (v2g.named and client_ca):
        yield (
            "stations.v2g_authority.combined is set: it needs an authority beside it, and its root in"
            " stations.tls.client_ca"
        )


# --- sources ----------------------------------------------------------------------------------------


def _environment(problems: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Our environment variables: those that hold a value, and those that name a file with it."""
    direct: dict[str, str] = {}
    from_files: dict[str, str] = {}
    settings = {f"{PREFIX}{key.replace('.', '__')}".upper() for key in known_keys()}
    for name, text in os.environ.items():
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper == FILE_VARIABLE:
            continue
        if upper in settings or not upper.endswith("_FILE"):
            direct[upper] = text
            continue
        try:
            from_files[upper.removesuffix("_FILE")] = _short_text(Path(text)).rstrip("\r\n")
        except (OSError, ValueError) as problem:
            problems.append(f"{name} names the file {text!r}, which cannot be read: {problem}")
    return direct, from_files


def _named_file() -> Path | None:
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else None


def _short_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it has more than {MAX_FILE_BYTES} bytes")
    return content.decode()


def _tree(names: Mapping[str, str], problems: list[str]) -> _Tree:
    """Settings by environment name as nested tables; lists and tables are JSON."""
    source = EnvSettingsSource(Config, env_prefix=PREFIX, env_nested_delimiter="__", case_sensitive=False)
    source.env_vars = {name.lower(): text for name, text in names.items()}
    try:
        return source()
    except ValueError as problem:  # pydantic-settings wraps what JSON says.
        cause = f"{problem.__cause__}" if problem.__cause__ else "it is not JSON"
        problems.append(f"{problem}: a list or a table is written as JSON; {cause}")
        return {}


def _toml(path: Path, problems: list[str], *, needed: bool) -> _Tree:
    if not needed and not path.exists():
        return {}
    try:
        return tomllib.loads(_short_text(path))
    except (OSError, ValueError) as problem:
        problems.append(f"{path} cannot be read as TOML: {problem}")
        return {}


def _merge(below: _Tree, above: _Tree) -> _Tree:
    """Both trees; where both have a leaf, that of ``above``."""
    merged = dict(below)
    for name, value in above.items():
        under = below.get(name)
        both_trees = isinstance(value, dict) and isinstance(under, dict)
        merged[name] = _merge(cast(_Tree, under), cast(_Tree, value)) if both_trees else value
    return merged


# --- what is wrong ----------------------------------------------------------------------------------


def _unknown_sections(names: Mapping[str, str], known_as: str) -> Iterator[str]:
    """Names whose first part is no setting: pydantic-settings passes over these in silence."""
    for name in names:
        first, *rest = name.removeprefix(PREFIX).lower().split("__")
        if first not in Config.model_fields:
            yield f"{'.'.join((first, *rest))} in {known_as} is no setting{_suggestion((first, *rest))}"


def _sentence(where: tuple[int | str, ...], kind: str, message: str, sources: list[tuple[str, _Tree]]) -> str:
    names = tuple(str(part) for part in where)
    key = ".".join(names)
    origin = next((name for name, tree in sources if _holds(tree, where)), "the defaults")
    if kind == "extra_forbidden":
        return f"{key} in {origin} is no setting{_suggestion(names)}"
    message = message.removeprefix("Value error, ")
    return f"{key} in {origin}: {message[:1].lower()}{message[1:]}"


def _suggestion(names: tuple[str, ...]) -> str:
    """``; did you mean http.port?`` or a list of what there is."""
    asked = ".".join(part for part in names if not part.isdigit())
    known = [*known_keys(), *(f"parties.{name}" for name in PartySection.model_fields)]
    close = difflib.get_close_matches(asked, known, n=1, cutoff=0.5)
    if not close:
        last = {key.rsplit(".", 1)[-1]: key for key in known}
        close = [last[name] for name in difflib.get_close_matches(names[-1], last, n=1)]
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(known)}"


def known_keys() -> list[str]:
    """The dotted name of every setting, but those within a list."""
    return list(_keys(Config.model_fields))


def _keys(fields: Mapping[str, FieldInfo], above: str = "") -> Iterator[str]:
    for name, field in fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _keys(kind.model_fields, f"{above}{name}.")
        else:
            yield above + name


def _holds(tree: object, where: tuple[int | str, ...]) -> bool:
    """Is there something at ``where`` (or, for a missing field, around it)?"""
    at: object = tree
    for part in where[:-1]:
        at = _step(at, part)
    return _step(at, where[-1]) is not None or (len(where) > 1 and at is not None)


def _step(at: object, part: int | str) -> object:
    if isinstance(at, dict):
        return cast(_Tree, at).get(str(part))
    if isinstance(at, list) and isinstance(part, int) and part < len(cast(list[object], at)):
        return cast(list[object], at)[part]
    return None


# --- where from -------------------------------------------------------------------------------------


def _origins(config: Config, sources: list[tuple[str, _Tree]]) -> Iterator[Origin]:
    shown = cast(_Tree, config.model_dump(mode="json"))
    for key in known_keys():
        path = tuple(key.split("."))
        origin = next((name for name, tree in sources if _at(tree, path) is not None), "default")
        yield Origin(key, _at(shown, path), origin)


def _at(tree: object, path: tuple[str, ...]) -> object:
    for part in path:
        tree = _step(tree, part)
    return tree
