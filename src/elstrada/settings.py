"""The settings of an installation, group by group: names, types, defaults and what they mean."""

from __future__ import annotations

import difflib
import re
from decimal import Decimal
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
from elstrada.model.party import HUB_ALONE, BusinessDetails, Party, Role, may_act_in
from elstrada.model.settling import SettleRules
from elstrada.model.unended import EndRules
from elstrada.model.vat import VatNumber
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


Hosts = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z0-9.:-]{1,253}$")], ...], NoDecode, BeforeValidator(_several)
]
"""Names or addresses, in small letters."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
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

    @field_validator("roles")
    @classmethod
    def _is_hub_alone(cls, roles: tuple[Role, ...]) -> tuple[Role, ...]:
        if not may_act_in(roles):
            raise ValueError(HUB_ALONE)
        return roles

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
    without_secrecy: bool = False
    """Speak the TLS_RSA suites too, which OCPP demands: who gets the server's key reads what was recorded before."""


class AuthoritySection(Section):
    """Who signs certificates that stations ask for (SignCertificate); by default nobody."""

    folder: Path | None = None
    """Of an authority made by ``elstrada ca make``: its key is then on this server."""
    days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long what the folder's authority signs lasts."""
    est: str | None = Field(
        default=None, pattern=r"^https?://[^\s?#@]+/\.well-known/(est|cpo)(/[^\s/?#]+)?/?$"
    )
    """Of an EST server (RFC 7030), up to and with ``/.well-known/est`` and its label; or ``/cpo`` of a V2G PKI."""
    est_user: str = ""
    est_password: SecretStr = SecretStr("")
    est_token: SecretStr = SecretStr("")
    """A bearer token, instead of user and password."""

    @property
    def named(self) -> bool:
        """Is there one?"""
        return self.folder is not None or self.est is not None


class V2gAuthoritySection(AuthoritySection):
    """Who signs the certificates that stations show to cars (V2GCertificate, V2G20Certificate); by default nobody."""

    combined: bool = False
    """It signs those for both uses as well (of no type): ``stations.tls.client_ca`` must hold its root then."""


class PlugAndChargeSection(Section):
    """Cars that charge by a contract's certificate (ISO 15118, OCPP C07 and M)."""

    authorities: Files = ()
    """PEM: V2G and mobility operators' roots to which a contract may lead, and authorities below them."""
    responders: Hosts = ()
    """The only hosts of OCSP responders and revocation lists, wherever they are; none: any at a public address."""
    unverified: Literal["refuse", "accept"] = "refuse"
    """What becomes of a contract of which nobody says for certain that it is not revoked."""
    pool: str | None = Field(default=None, pattern=r"^https?://[^\s?#@]+$")
    """Of a pool of contract certificates, up to ``/v1/ccp``: what cars ask for goes there."""
    pool_headers: dict[HeaderName, SecretStr] = {}
    """By which the pool knows us, such as authorization."""
    pool_folder: Path | None = None
    """Instead, for a laboratory: answers to cars in files named after the SHA-256 of what they ask."""


class KnocksSection(Section):
    """How much may be tried by whoever is not let in yet. An address is an IPv4 address, or a /64 of IPv6."""

    seconds: Annotated[float, Field(ge=1, le=60)] = 5.0
    """From the first byte to the end of the handshake; with TLS, for each of the two handshakes."""
    waiting: Annotated[int, Field(ge=10, le=100_000)] = 1_000
    """Connections in their handshake, in all; beyond it the oldest gives way."""
    waiting_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Likewise, of one address."""
    failures_per_address: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Refused at once, before an address must wait; a station that was let in from there passes all the same."""
    failures_per_address_a_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    """After that."""
    failures_per_station: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Refused at once for one identity from one address."""
    failures_per_station_a_minute: Annotated[int, Field(ge=1, le=10_000)] = 6
    """After that."""


class MessageSigningSection(Section):
    """By what our answers to signed messages of stations are signed (OCPP 2.x part 4 chapter 7); by default nothing."""

    key: Path | None = None
    """PEM, without a password: ECDSA on P-256, or RSA."""
    certificate: Path | None = None
    """PEM: by its hash (x5t#S256) stations find our key."""


class VatSection(Section):
    """VAT numbers that drivers enter at a terminal to have them on their receipt (OCPP 2.1 C18)."""

    service: str | None = Field(default=None, pattern=r"^https?://[^\s?#@]+$")
    """Of VIES, https://ec.europa.eu/taxation_customs/vies/rest-api, or one like it; unset: only the form is checked."""
    requester: str | None = None
    """Our own VAT number, with which the register gives each question a name that proves it."""
    unverified: Literal["refuse", "accept"] = "refuse"
    """What becomes of a number of the right form that could not be looked up."""

    @field_validator("requester")
    @classmethod
    def _is_number(cls, text: str | None) -> str | None:
        return None if text is None else str(VatNumber.parse(text))


class UnendedSection(Section):
    """When a session is closed whose end its station does not tell."""

    contradicted_minutes: Annotated[int, Field(ge=5, le=24 * 60)] = 60
    """Its connected station says otherwise: the connector is free again, or a later session began there."""
    silent_hours: Annotated[int, Field(ge=1, le=24 * 90)] = 72
    """Nothing is heard of it, and its connector does not say that it is in use."""
    grace_hours: Annotated[int, Field(ge=0, le=24 * 30)] = 24
    """For so long after that its own end can still come; then it gets its CDR."""

    @property
    def rules(self) -> EndRules:
        return EndRules(
            contradicted_s=60 * self.contradicted_minutes,
            silent_s=3600 * self.silent_hours,
            grace_s=3600 * self.grace_hours,
        )


class SettlingSection(Section):
    """What we ask by ourselves of a station that came back or booted waits until it has settled."""

    quiet_s: Annotated[float, Field(ge=0, le=300)] = 3
    """For so long it tells nothing but heartbeats."""
    most_s: Annotated[float, Field(ge=0, le=3600)] = 60
    """After so long it has settled, whatever it tells."""

    @property
    def rules(self) -> SettleRules:
        return SettleRules(quiet_s=self.quiet_s, most_s=self.most_s)


class StationsSection(Section):
    """Where charging stations connect."""

    host: str = "127.0.0.1"
    plain: bool = True
    """Stations may come without TLS as well, which is security profile 1."""
    port: Port = 9000
    """Of the plain door; 0 takes any free one."""
    tls_in_front: bool = False
    """Only a proxy of ours, which stations reach by TLS, can reach the plain door: it counts as profile 2."""
    data_transfer: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] = ()
    """Vendors whose extensions' words (DataTransfer) are kept and accepted, by vendorId; others are unknown."""
    compression: bool = True
    """Messages are compressed with stations that offer it (permessage-deflate), which OCPP 2.1 demands."""
    tls: StationsTlsSection = StationsTlsSection()
    knocks: KnocksSection = KnocksSection()
    authority: AuthoritySection = AuthoritySection()
    v2g_authority: V2gAuthoritySection = V2gAuthoritySection()
    plug_and_charge: PlugAndChargeSection = PlugAndChargeSection()
    message_signing: MessageSigningSection = MessageSigningSection()
    vat: VatSection = VatSection()
    certificate_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """So long before its end, a station's certificate is a finding."""
    onboarding: Literal["accept", "hold"] = "accept"
    """What becomes of a station of a make that does not work here yet; hold: until it was read and set up."""
    template: Path | None = None
    """What held stations are set to: a JSON file, as for `elstrada station configure`."""
    quirks: Path | None = None
    """Quirks of stations' software beside those that Elstrada knows: a TOML file, see docs/protocols/quirks.md."""
    unended: UnendedSection = UnendedSection()
    settling: SettlingSection = SettlingSection()


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


class FilesSection(Section):
    """Where stations fetch firmware and leave logs: a door of nodes with the role pages, if it has a port."""

    host: str = "127.0.0.1"
    port: Port | None = None
    """0 takes any free one; unset: there is no such door."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=300)
    """How stations reach it; unset: the listener's address."""
    tls: bool = False
    """With the certificates of stations.tls."""
    dir: Path | None = None
    """The folder with the files; unset: ``files`` in ``data_dir``."""
    shared: bool = False
    """The folder is one and the same for every node, such as a network volume."""
    upload_megabytes: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Of one log that a station leaves."""
    quota_megabytes: Annotated[int, Field(ge=16, le=10_000_000)] = 10_000
    """Of all files together."""
    hours: Annotated[int, Field(ge=1, le=24 * 90)] = 72
    """For so long an address is good, from when the station shall use it."""
    days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Older logs of stations are removed."""


class HealthSection(Section):
    """Where /livez, /readyz, /metrics and /version are served, without login: keep it inside."""

    host: str = "127.0.0.1"
    port: Port = 8001


class OcpiSection(Section):
    """How we speak with partners."""

    versions: Annotated[tuple[Literal["2.1.1", "2.2.1", "2.3.0"], ...], Field(min_length=1)] = (
        "2.2.1",
        "2.3.0",
    )
    """Offered to partners; with each the highest is used that both sides speak. 2.2.1 is known to nearly all;
    2.1.1 is for partners that speak nothing newer."""


class WebPaymentsSection(Section):
    """Drivers pay on the web, from a code on the station's display (OCPP 2.1 C25): ``/pay/`` of the http listener."""

    provider: Literal["none", "development"] = "none"
    """Who takes the money; development: nobody does, and the driver says himself that he paid."""
    amount: Annotated[Decimal, Field(ge=1, le=10_000, decimal_places=2)] = Decimal(50)
    """Reserved for a session at most, in the currency of its tariff, with taxes."""


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
    silence_s: Annotated[int, Field(ge=10, le=86_400)] = 300
    """For a sign of life of a party that is connected to us as its hub, before it is asked for one."""
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


class MeteringSection(Section):
    """What stations' meters told, by quarter-hours."""

    keep_days: Annotated[int, Field(ge=40, le=36_500)] = 1_100
    """Quarter-hours that are older are removed; three years and a month of them stay."""


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
