"""The settings of an installation, group by group: names, types, defaults and what they mean."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal, cast
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    PlainSerializer,
    SecretStr,
    field_validator,
)
from pydantic_settings import NoDecode

from elstrada.model.ids import PartyId
from elstrada.model.node import Part
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.redaction import redacted

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[int, Field(ge=1, le=3600)]
_DATABASE_SCHEMES = ("postgresql://", "postgres://")
_NATS_SCHEMES = ("nats://", "tls://")
_TRACE_SCHEMES = ("http://", "https://")


class Section(BaseModel):
    """A group of settings. A name it does not know is an error, not a surprise later."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


# --- values with a form of their own ----------------------------------------------------------------


def _begins_with(*schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        for one in url.get_secret_value().split(","):
            if not one.strip().startswith(schemes):
                raise ValueError(f"expected an address that begins with {' or '.join(schemes)}")
        return url

    return AfterValidator(check)


def _shown_url(url: SecretStr) -> str:
    return redacted(url.get_secret_value())


_Shown = PlainSerializer(_shown_url, return_type=str, when_used="unless-none")
DatabaseUrl = Annotated[SecretStr, _begins_with(*_DATABASE_SCHEMES), _Shown]
NatsUrl = Annotated[SecretStr, _begins_with(*_NATS_SCHEMES), _Shown]
TraceUrl = Annotated[SecretStr, _begins_with(*_TRACE_SCHEMES), _Shown]


def _parts(value: object) -> object:
    """``gateway,pages`` or a list, each name one that exists."""
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise ValueError("expected role names, like gateway,pages")
    for name in cast("list[object]", names):
        if name not in list(Part):
            raise ValueError(f"{str(name)[:40]!r} is no role{_likely(str(name))}")
    return tuple(dict.fromkeys(cast("list[str]", names)))


def _likely(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), list(Part), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(Part)}"


Parts = Annotated[tuple[Part, ...], NoDecode, BeforeValidator(_parts), Field(min_length=1)]


def _several(value: object) -> object:
    """``a.pem,b.pem`` or a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Files = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_several)]


def node_id(text: str) -> str:
    """The text, if it can be the id of a node.

    Raises:
        ValueError: it cannot.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text) is None:
        raise ValueError("expected 1 to 63 letters, digits or ._- with a letter or digit first")
    return text


NodeId = Annotated[str, AfterValidator(node_id)]


# --- groups -----------------------------------------------------------------------------------------


class PartySection(Section):
    """A party this installation acts for; ``[[parties]]`` in the file."""

    id: str
    """Like SE*ELS."""
    roles: tuple[Role, ...] = Field(min_length=1)
    name: str = Field(min_length=1, max_length=100)
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    website: str | None = None

    @field_validator("id")
    @classmethod
    def _is_party_id(cls, text: str) -> str:
        return str(PartyId.parse(text))

    def party(self) -> Party:
        """The party itself."""
        business = BusinessDetails(self.name, website=self.website)
        return Party(PartyId.parse(self.id), self.roles, business, self.currency)


class DatabaseSection(Section):
    """The memory. Unset: SQLite in ``data_dir``, for one node."""

    url: DatabaseUrl | None = None
    """postgresql://user:password@host/name, the same for every node."""


class ArchiveSection(Section):
    """Months of the log that `elstrada db archive` took out of PostgreSQL. Needs ``elstrada[archive]``."""

    dir: Path | None = None
    """The folder with them, which every node must be able to read."""


class NatsSection(Section):
    """How nodes reach one another. Only with PostgreSQL."""

    url: NatsUrl | None = None
    """nats://user:password@host:4222, or tls://; several with commas."""
    credentials: Path | None = None
    """A file with a user's JWT and seed, as ``nsc`` writes it."""
    prefix: str = Field(default="elstrada", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    """Of all subjects; installations that share a NATS have different ones."""


class StationsTlsSection(Section):
    """The stations' door with TLS, which is there if it has a certificate. Changed files are taken up."""

    port: Port = 9443
    certificate: Files = ()
    """PEM with its chain, our own first. Two, RSA and ECDSA, serve stations of either kind."""
    key: Files = ()
    """PEM, one for each certificate, in the same order."""
    client_ca: Files = ()
    """Authorities of the stations' own certificates (profile 3); none: stations are not asked for one."""
    organization: str | None = Field(default=None, min_length=1, max_length=64)
    """The O that a station's certificate must bear; unset: any."""


class StationsSection(Section):
    """Where charging stations connect."""

    host: str = "127.0.0.1"
    plain: bool = True
    """Stations may come without TLS as well, which is security profile 1."""
    port: Port = 9000
    """Of the plain door; 0 takes any free one."""
    tls_in_front: bool = False
    """Only a proxy of ours, which stations reach by TLS, can reach the plain door: it counts as profile 2."""
    tls: StationsTlsSection = StationsTlsSection()


class HttpSection(Section):
    """Where OCPI, the API and the pages are served."""

    host: str = "127.0.0.1"
    port: Port = 8000
    zone: str = "UTC"
    """Time zone in which pages show times, such as Europe/Stockholm."""

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name!r} is no time zone; expected an IANA name such as Europe/Stockholm")
        return name


class HealthSection(Section):
    """Where /livez, /readyz, /metrics and /version are served, without login: keep it inside."""

    host: str = "127.0.0.1"
    port: Port = 8001


class OutboundSection(Section):
    """Whom this installation may send requests to (T16). Public addresses by https always."""

    networks: tuple[IPvAnyNetwork, ...] = ()
    """Private networks that are allowed as well, such as 10.20.0.0/16."""
    http: bool = False
    """Plain http is allowed."""


class LimitsSection(Section):
    """How long we wait, and how fast we go."""

    authorize_s: Seconds = 8
    """For an eMSP's answer while a driver stands at the station."""
    command_s: Annotated[int, Field(ge=1, le=300)] = 30
    """For a station's answer to a command; peers are told to wait 5 s more."""
    peer_s: Seconds = 10
    """For any other HTTP response of a peer; three times as long for pages of lists and in the handshake."""
    stop_s: Seconds = 10
    """For work in hand when the server stops."""
    lame_duck_s: Annotated[float, Field(ge=0, le=600)] = 2.0
    """Between being unready and sending stations away, where other nodes can take them."""
    drain_per_second: Annotated[int, Field(ge=1, le=10_000)] = 300
    """Stations told to leave when the server stops."""
    stuck_s: Seconds = 30
    """A process whose event loop stands still for so long ends itself (F17)."""


class LogSection(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class WireLogSection(Section):
    """Every frame of every station, redacted, for diagnosis; a file of its own, which may be lost."""

    on: bool = True
    dir: Path | None = None
    """The folder with one file per node; unset: ``wire`` in ``data_dir``."""
    days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Older frames are removed."""
    megabytes: Annotated[int, Field(ge=16, le=1_000_000)] = 1024
    """The oldest frames are removed from a larger file."""


class OtelSection(Section):
    """Traces by OpenTelemetry; needs ``elstrada[otel]``."""

    endpoint: TraceUrl | None = None
    """Of a collector's OTLP over HTTP, such as http://localhost:4318; unset: no traces."""


class DeskSection(Section):
    """The operator's desk over HTTP. Both unset: the command line finds the server by its data_dir."""

    url: str | None = None
    """Of the server that the command line talks to."""
    secret: SecretStr | None = Field(default=None, min_length=32)
    """What the desk's callers must show; made anew at every start when unset."""
