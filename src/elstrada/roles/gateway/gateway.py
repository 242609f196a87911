"""The front of the gateway: who is let in, which socket speaks for which station, and commands by post."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from elstrada.billing.credit import granted
from elstrada.charging.security import proven
from elstrada.charging.trust import Credential, Entry, claimed, may_enter
from elstrada.model import asks
from elstrada.model.answers import CommandDone, Presence
from elstrada.model.device import CommandName, CommandResult, Protocol
from elstrada.model.facts import StationFact
from elstrada.model.ids import PartyId, station_address
from elstrada.model.quirk import QuirkTable
from elstrada.model.security import ClientCertificate, NewPassword, SecuredBy, SecurityProfile
from elstrada.model.settling import SettleRules
from elstrada.model.token import NO_AUTHORIZATION
from elstrada.model.unended import EndRules
from elstrada.model.waits import Looks
from elstrada.net.face import Admitted, Chance, Clock, Knock, Refused, StationSocket
from elstrada.ocpp.connection import Answers
from elstrada.ocpp.versions import VERSIONS, negotiate
from elstrada.roles.contracts.contracts import Contracts, PlugAndCharge
from elstrada.roles.findings import Findings
from elstrada.roles.gateway import ends
from elstrada.roles.gateway.allowances import Allowances
from elstrada.roles.gateway.arrival import Arrival
from elstrada.roles.gateway.costs import Costs
from elstrada.roles.gateway.custody import Custody
from elstrada.roles.gateway.inquiring import Inquirer
from elstrada.roles.gateway.link import SERVICE_RESTART, Link
from elstrada.roles.gateway.locallists import LocalLists
from elstrada.roles.gateway.mirror import Mirror
from elstrada.roles.gateway.namesakes import Namesakes
from elstrada.roles.gateway.needs import Planner
from elstrada.roles.gateway.networks import NetworkWatch
from elstrada.roles.gateway.onboarding import Onboarder
from elstrada.roles.gateway.papers import REPLACED, Papers
from elstrada.roles.gateway.partners import Partners
from elstrada.roles.gateway.passwords import OLD_PASSWORD, UNSETTLED, Passwords
from elstrada.roles.gateway.reception import Onboarding, Reception
from elstrada.roles.gateway.restoring import Restorer
from elstrada.roles.gateway.rights import Rights
from elstrada.roles.gateway.roll import Roll
from elstrada.roles.gateway.seat import Authorizer, Seat
from elstrada.roles.gateway.securing import secure
from elstrada.roles.gateway.signatures import Checks, Seen
from elstrada.roles.gateway.signing import Signing
from elstrada.roles.gateway.station_tariffs import StationTariffs
from elstrada.roles.gateway.tally import GatewayTally
from elstrada.roles.gateway.tokens import Tokens
from elstrada.roles.gateway.treating import Treating
from elstrada.roles.keys import Keys
from elstrada.roles.message_keys import Signer
from elstrada.roles.quirks.table import load_quirks
from elstrada.roles.signing.face import Authority
from elstrada.roles.signing.signers import Signers, V2gAuthority
from elstrada.roles.vat.checking import VatChecking, VatChecks
from elstrada.roles.wirelog.line import SECURITY, Line
from elstrada.roles.wirelog.tap import Tap, WireLog
from elstrada.spine import tables as t
from elstrada.spine.archived.month import ArchiveAway
from elstrada.spine.ending import ended
from elstrada.spine.face import Spine, SpineDown, StreamMoved
from elstrada.spine.post import Letter, NobodyThere, Post, Release

log = logging.getLogger(__name__)

ERASE_S = 3600.0
DOWN_FOR = timedelta(seconds=5)
"""How long newcomers are sent away after the store failed."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Gateway:
    """Holds the stations' sockets (``net.face.Doorman``) and is the only writer of their streams."""

    def __init__(
        self,
        spine: Spine,
        keys: Keys,
        clock: Clock,
        chance: Chance,
        authorizer: Authorizer,
        findings: Findings,
        post: Post,
        parties: tuple[PartyId, ...],
        node_id: str = "node",
        wire_log: WireLog | None = None,
        organization: str | None = None,
        vendors: frozenset[str] = frozenset(),
        authority: Authority | None = None,
        v2g_authority: V2gAuthority | None = None,
        onboarding: Onboarding | None = None,
        quirks: QuirkTable | None = None,
        plug_and_charge: PlugAndCharge | None = None,
        end_rules: EndRules | None = None,
        signer: Signer | None = None,
        settle_rules: SettleRules | None = None,
        vat: VatChecking | None = None,
        looks: Looks | None = None,
    ) -> None:
        """
        Args:
            vat: checks VAT numbers that drivers enter; None: by their form alone, and accepts none.
            plug_and_charge: judges and fetches contracts' certificates; None: none is accepted.
            authority: signs the certificates with which stations come; None: nobody does.
            v2g_authority: signs those that they show to cars; None: nobody does.
            signer: signs what answers signed messages; None: nobody does.
            end_rules: how long a session's own end is waited for; None: as is usual.
            settle_rules: how long a station that came is asked nothing; None: as is usual.
            looks: how often it looks for work; None: as is usual.
            onboarding: what becomes of stations whose make is new; None: they are accepted.
            quirks: of stations' software; None: those that Elstrada comes with.
            organization: the O that stations' certificates must bear; None: any.
            node_id: of this node alone, and the same in its next life: after a start, what the log says
                it holds it holds no more.
            vendors: whose DataTransfer is kept and answered Accepted; others are unknown.
            wire_log: told of every frame and every refused handshake; None: nobody is.
        """
        self.clock, self.chance, self.findings = clock, chance, findings
        self.settle_rules = settle_rules or SettleRules()
        self.tokens = Tokens(spine, keys, clock)
        self.roll = Roll(spine, clock)
        self.costs = Costs(spine, clock, chance, findings)
        self.allowances = Allowances(spine, clock, chance, findings)
        self.partners = Partners(spine, clock)
        self.rights = Rights(spine, findings)
        self.mirror = Mirror(spine, clock)
        self._passwords = Passwords(spine, keys, clock)
        onboarding = onboarding or Onboarding()
        self.reception = Reception(spine, clock, self.roll, onboarding)
        self.treating = Treating(quirks or load_quirks(), spine, self.roll)
        self.planner = Planner(spine, self.mirror, clock, chance, findings, self.treating.table)
        self.inquirer = Inquirer(self)
        self.restorer = Restorer(self, spine)
        self.networks = NetworkWatch(self, spine)
        self.station_tariffs = StationTariffs(self, spine)
        self._namesakes = Namesakes(self, spine)
        self.ends = ends.Ends(self, spine, end_rules or EndRules())
        self.onboarder = Onboarder(self, spine, onboarding.template)
        self._spine, self._keys, self._authorizer, self._parties = spine, keys, authorizer, parties
        self.post, self.node_id, self._wire_log = post, node_id, wire_log
        self._organization, self.vendors = organization, vendors
        self._signer = signer
        self._signed: dict[str, Seen] = {}
        """Signed messages that came, by stream; bounded by the roll."""
        self.contracts = Contracts(clock, findings, plug_and_charge)
        self.vat = VatChecks(keys, clock, findings, vat or VatChecking())
        self.papers = Papers(spine, clock)
        self.signing = Signing(self, self.papers, Signers(authority, v2g_authority), organization)
        self._links: dict[str, Link] = {}
        """Those that speak for their stations, by stream."""
        self._arriving: dict[str, Arrival] = {}
        """Those that would like to."""
        self._custody = Custody(spine, clock, node_id, parties, self._links, self._arriving, self._new_seat)
        self._lists = LocalLists(
            spine,
            keys,
            clock,
            chance,
            self.roll,
            tuple(str(party) for party in parties),
            self._links,
            findings,
            self._command,
            self.spawn,
        )
        self._releases: dict[str, Release] = {}
        self._answers: dict[str, Answers] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self.tally = GatewayTally()
        self._down_until = _EPOCH
        self._looks = looks or Looks()
        self._leaving = False
        self._left = asyncio.Event()
        """Set whenever a station's socket is gone."""

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Learn the roll, note that nobody is connected here yet, and begin to keep time."""
        await self.roll.refresh()
        await self._custody.begin()
        looks = self._looks
        self._keepers = [
            asyncio.create_task(self._every(looks.roll_s, self.roll.keep)),
            asyncio.create_task(self._every(looks.ends_s, self._tick)),
            asyncio.create_task(self._every(looks.custody_s, self._custody.look)),
            asyncio.create_task(self._every(looks.lists_s, self._lists.look)),
            asyncio.create_task(self._every(looks.tariffs_s, self.station_tariffs.look)),
            asyncio.create_task(self._every(looks.sweep_s, self._custody.say_what_was_not_said)),
        ]

    async def sweep(self) -> None:
        """Let time pass for stations that are away, until cancelled: one gateway of an installation at a time."""
        await asyncio.gather(self._every(self._looks.sweep_s, self._sweep), self._every(ERASE_S, self._erase))

    async def drain(self, *, per_second: float, within_s: float) -> None:
        """Admit nobody more, and let the stations go, spread so that they do not all return at once (F22).

        Each is told once the call it has in hand is answered; its next calls are left to the next gateway.

        Args:
            within_s: how long to wait for calls in hand and goodbyes, once the last station was told.
        """
        self._leaving = True
        for arrival in list(self._arriving.values()):
            arrival.end()
        began = asyncio.get_running_loop().time()
        for number, link in enumerate(list(self._links.values())):
            ahead_s = began + number / per_second - asyncio.get_running_loop().time()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            link.leave(SERVICE_RESTART, "service restart")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._nobody_left()

    async def stop(self) -> None:
        """Close every socket once its call in hand is answered; admit nobody more."""
        self._leaving = True
        await ended(*self._keepers)
        await self.signing.stop()
        for _ in range(100):
            if not any(link.busy for link in self._links.values()):
                break
            await asyncio.sleep(0.02)
        for arrival in list(self._arriving.values()):
            arrival.end()
        for link in list(self._links.values()):
            link.close(SERVICE_RESTART, "service restart")
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _nobody_left(self) -> None:
        while self._links:
            self._left.clear()
            await self._left.wait()

    def sockets(self) -> Counter[str]:
        """Stations connected, by OCPP version."""
        return Counter(link.protocol for link in self._links.values())

    def profiles(self) -> Counter[int]:
        """Stations connected, by security profile."""
        return Counter(int(link.security_profile) for link in self._links.values())

    @property
    def ready(self) -> bool:
        """May stations come? A clock that was put back makes nothing last longer."""
        away_for = self._down_until - self.clock.now()
        return not (self._leaving or timedelta(0) < away_for <= DOWN_FOR)

    # --- the door ---------------------------------------------------------------------------------------

    def admit(self, knock: Knock) -> Admitted | Refused:
        """Decide on a knock by what is in memory (T1)."""
        if not self.ready:
            return Refused(503, {"retry-after": "10"})
        entry = claimed(
            knock.path,
            knock.headers.get("authorization"),
            knock.secured,
            now=knock.at,
            organization=self._organization,
        )
        if isinstance(entry, str):
            return self._refused(knock, entry)
        known = self.roll.credentials(entry.station_id, self._owner_in(knock.path))
        proof = may_enter(entry, known, self._keys.station_hash)
        offered = knock.headers.get("sec-websocket-protocol", "")
        if proof is None:
            if known:
                why = _unproven(entry)
                self._note_refused(knock, known[0], 401, why)
                return self._refused(knock, f"{why} for {entry.station_id}")
            self.roll.knocked_unknown(entry.station_id, knock.remote, offered, "not on the roll")
            return Refused(404)
        credential = proof.credential
        if entry.profile < credential.security.minimum:
            return self._too_low(knock, entry, credential)
        version = negotiate([name.strip() for name in offered.split(",")])
        record = self.roll.station(credential.owner, credential.station_id)
        assumes = None
        if version is None:
            assumes = record.assumes if record is not None else None
            assumes = assumes or self.treating.assumed(credential.owner, credential.station_id)
            self._note_offer(knock, credential, offered, assumes)
        return Admitted(
            credential.owner,
            credential.station_id,
            assumes.value if assumes else version and version.protocol.value,
            assumed=assumes is not None,
            ping_interval_s=None if record is None or record.pinged else 0,
            security_profile=entry.profile,
            new_password=proof.new_password,
            certificate=knock.secured.certificate if knock.secured is not None else None,
        )

    def opened(self, socket: StationSocket, admitted: Admitted) -> Link:
        """A station's socket is open: it speaks for the station once it is known that no other does (T2)."""
        assert admitted.protocol is not None, "the network closes a socket without a subprotocol"
        seat = self._new_seat(PartyId.parse(admitted.owner), admitted.station_id)
        record = self.roll.station(admitted.owner, admitted.station_id)
        connection_id = self.chance.uuid()
        link = Link(
            self,
            socket,
            VERSIONS[admitted.protocol],
            seat,
            connection_id=connection_id,
            lenient=record is None or record.lenient,
            checks=Checks(record, self._signed.setdefault(seat.stream, Seen()), self._signer),
            tap=self._tap(socket, admitted, connection_id),
            security_profile=admitted.security_profile,
            new_password=admitted.new_password,
            certificate=admitted.certificate,
        )
        self.tally.opened += 1
        arrival = self._arriving.get(link.stream)
        if arrival is not None:
            arrival.wait_behind(link)
        else:
            self._arriving[link.stream] = arrival = Arrival(self, link)
            self.spawn(self._arrive(link.stream, arrival))
        return link

    def left(self, link: Link) -> None:
        """A link's socket is gone."""
        self.signing.left(link)
        if self._links.get(link.stream) is link:
            self._retire(link)
            self.spawn(self._say_gone(link))

    def spine_is_down(self, down: SpineDown) -> None:
        """The store cannot commit: send newcomers away for a while (P8).

        History that is away is the trouble of its own station alone, and keeps out no other.
        """
        if isinstance(down, ArchiveAway):
            log.warning("part of the log is away: %s", down)
            self.findings.note("archive", "history away", str(down))
            return
        log.warning("the store is down: %s", down)
        self._custody.unsaid = True  # Who came or went just now, the log may have wrong.
        self._down_until = self.clock.now() + DOWN_FOR

    # --- for an arrival ---------------------------------------------------------------------------------

    def links(self) -> list[Link]:
        """Those that speak for their stations."""
        return list(self._links.values())

    def held(self, stream: str) -> Link | None:
        """The link that speaks for a station here."""
        return self._links.get(stream)

    def connect(self, link: Link) -> asks.Connect:
        """The ask by which a link becomes the only one that speaks for its station."""
        return asks.Connect(
            protocol=link.protocol,
            connection_id=link.connection_id,
            node=self.node_id,
            security_profile=link.security_profile,
        )

    async def settle(self, link: Link) -> None:
        """The log knows a link as its station's: let it speak."""
        before = self._links.get(link.stream)
        if before is not None:
            self._retire(before)
            before.close(SERVICE_RESTART, "a newer connection of this station took over")
        if link.ending:
            await self._say_gone(link)
            return
        seat = link.seat
        seat.teller, seat.connection_id = link.orders.tell, link.connection_id
        self._links[link.stream] = link
        address = station_address(self.node_id, seat.owner, seat.station_id, link.connection_id)
        self._releases[link.stream] = self.post.serve(address, partial(self._asked, link))
        link.begin(self._answers.pop(link.stream, None))
        known = self.roll.station(str(seat.owner), seat.station_id)
        if known is not None and proven(known.security, link.security_profile) is not None:
            self.spawn(self._prove(link))
        self.signing.nudge(link)
        self.restorer.came(link)
        if link.certificate is not None and link.certificate.fingerprint:
            self.spawn(self._shown(link, link.certificate))
        if link.new_password is not None:
            self.spawn(self._come_with(link, link.new_password))
        elif link.security_profile < SecurityProfile.CERTIFICATE and self.roll.offered(
            str(seat.owner), seat.station_id
        ):
            self.findings.note(link.source, OLD_PASSWORD, "it has not come with the one it was offered")

    def take_in(self, link: Link) -> None:
        """A station was told that it is held: do what it is held for."""
        self.spawn(self._take_in(link))

    async def alone(self, link: Link, work: Awaitable[object]) -> bool:
        """Do something for one station, whose trouble must not end the care for all others; False: it has some.

        Raises:
            SpineDown: the store is down, and that is the trouble of all.
        """
        try:
            await work
        except StreamMoved:
            link.lost()
        except ArchiveAway as away:
            self.spine_is_down(away)
        except SpineDown:
            raise
        except Exception:
            log.exception("%s cannot be looked after", link.stream)
        else:
            return True
        return False

    # --- from other parts -------------------------------------------------------------------------------

    async def say_gone_of(self, node_id: str) -> int:
        """Say of every station of a node that ended and does not come back that it is gone.

        Only of a node that is known to be dead: a living one loses these stations (F11).

        Returns:
            How many there were.
        Raises:
            SpineDown: not all could be said; call it again.
        """
        return await self._custody.say_gone_of(node_id)

    # --- by post ----------------------------------------------------------------------------------------

    async def _asked(self, link: Link, letter: Letter) -> Letter:
        """Someone asks for this very connection of a station: is it there, or a command (P5)."""
        match letter:
            case asks.AreYouThere():
                return Presence(await link.answers_a_ping())
            case asks.Command():
                return await self._command(link, letter)
            case _:
                raise TypeError(f"a station takes commands by post, not {type(letter).__name__}")

    async def _command(self, link: Link, command: asks.Command) -> Letter:
        """Have a command decided and done. Each has one result.

        Raises:
            NobodyThere: another connection speaks for the station now, and nothing was done here.
        """
        owner = str(link.seat.owner)
        if command.token is not None and command.token.type != NO_AUTHORIZATION:
            token = await self.tokens.presented(owner, command.token)
            if not token.type:
                token = msgspec.structs.replace(token, type=token.known.type if token.known else "RFID")
            if token.allowance is not None and granted(token.allowance) is None:
                token = msgspec.structs.replace(token, out_of_credit=True)
            command = msgspec.structs.replace(command, token=token)
        if command.name is CommandName.CHANGE_PASSWORD:
            return await self._change_password(link, command)
        return await self.decided(link, command)

    async def _change_password(self, link: Link, command: asks.Command) -> Letter:
        """Tell a station the password it is offered, and keep what becomes of that (T5)."""
        seat = link.seat
        told = await self._passwords.telling(seat.owner, seat.station_id)
        await self.roll.refresh()
        if told is not None:
            command = msgspec.structs.replace(command, secret=told.secret)
        done = await self.decided(link, command)
        assert isinstance(done, CommandDone), "a command is answered by how it ended"
        if told is not None:
            if not await self._passwords.told(seat.owner, seat.station_id, told, done.result):
                self.findings.note(link.source, UNSETTLED, f"{done.result}: both passwords are taken")
            await self.roll.refresh()
        return done

    async def decided(self, link: Link, command: asks.Command) -> Letter:
        """Have a command decided and done.

        Raises:
            NobodyThere: as ``_command``.
        """
        owner = str(link.seat.owner)
        try:
            answer = await link.seat.ask(command)
        except StreamMoved:
            link.lost()
            if await self._spine.get(t.command, owner=owner, command_id=command.command_id) is not None:
                raise
            raise NobodyThere(f"{link.stream} is served elsewhere") from None
        done = answer or CommandDone(CommandResult.REJECTED, "this command is under way already", unsent=True)
        assert isinstance(done, CommandDone), "a command is answered by how it ended"
        self.tally.command(command.name, done.result)
        return done

    # --- parts ------------------------------------------------------------------------------------------

    async def _prove(self, link: Link) -> None:
        """A station came with a higher security profile than ever before: it may not come with less again."""
        seat, profile = link.seat, link.security_profile
        try:
            await secure(
                self._spine,
                self.clock,
                seat.owner,
                seat.station_id,
                lambda security: proven(security, profile) or security,
                SecuredBy.STATION,
            )
            await self.roll.refresh()
        except SpineDown as down:
            self.spine_is_down(down)  # The next connection proves it again.

    async def _shown(self, link: Link, certificate: ClientCertificate) -> None:
        """A station came with a certificate of its own."""
        seat = link.seat
        try:
            newer = await self.papers.seen(seat.owner, seat.station_id, certificate)
        except SpineDown as down:
            self.spine_is_down(down)  # The next connection shows it again.
            return
        if newer is not None:
            # Honoured until it ends, for a station falls back when the new one does not serve (A02.FR.10).
            sample = f"serial {certificate.serial}, though it has come with {newer} since"
            self.findings.note(link.source, REPLACED, sample)

    async def _come_with(self, link: Link, new: NewPassword) -> None:
        """A station showed the password that it was offered: the one before is worth nothing any more (T5)."""
        try:
            await self._passwords.used(link.seat.owner, link.seat.station_id, new)
            await self.roll.refresh()
        except SpineDown as down:
            self.spine_is_down(down)  # The next connection shows it again.

    def _too_low(self, knock: Knock, entry: Entry, credential: Credential) -> Refused:
        """Whoever is there is the station, and must not come so (T4)."""
        minimum = credential.security.minimum
        sample = f"came with {entry.profile} from {knock.remote}; at least {minimum} is demanded"
        source = f"station:{credential.owner}/{credential.station_id}"
        self.findings.note(source, "security profile too low", sample)
        self._note_refused(knock, credential, 403, f"security profile {entry.profile}, {minimum} is demanded")
        return Refused(403)

    def _note_offer(self, knock: Knock, station: Credential, offered: str, assumes: Protocol | None) -> None:
        """No subprotocol that we know: it is sent away, unless its record says what it speaks (rule 6)."""
        source, sample = f"station:{station.owner}/{station.station_id}", offered or "none offered"
        if assumes is not None:
            self.findings.note(source, "subprotocol assumed", f"{assumes.value}; {sample}")
            return
        self.findings.note(source, "no common subprotocol", sample)
        self.spawn(self._look_whether_assumed(station))
        self._note_refused(knock, station, 101, f"no common subprotocol: {offered or 'none'} offered")

    async def _look_whether_assumed(self, station: Credential) -> None:
        """Its make may say what it speaks: then it is let in when it comes again, in a moment."""
        try:
            await self.treating.look(PartyId.parse(station.owner), station.station_id)
        except SpineDown as down:
            self.spine_is_down(down)

    def _refused(self, knock: Knock, why: str) -> Refused:
        shows = knock.secured is not None and knock.secured.certificate is not None
        code = "invalid station certificate" if shows else "refused at the door"
        self.findings.note(f"address:{knock.remote}", code, why)
        return Refused(401, {"www-authenticate": 'Basic realm="stations"'})

    def _note_refused(self, knock: Knock, station: Credential, status: int, why: str) -> None:
        if self._wire_log is not None:
            line = Line(owner=station.owner, station_id=station.station_id, remote=knock.remote)
            self._wire_log.refused(line, status, f"{why}, from {knock.remote}")

    def _tap(self, socket: StationSocket, admitted: Admitted, connection_id: str) -> Tap | None:
        if self._wire_log is None:
            return None
        line = Line(
            owner=admitted.owner,
            station_id=admitted.station_id,
            connection_id=connection_id,
            protocol=admitted.protocol or "",
            remote=socket.remote,
            security=SECURITY[admitted.security_profile],
        )
        return self._wire_log.tap(line)

    def _owner_in(self, path: str) -> str | None:
        """The owner, if the path names one before the identity."""
        segments = path.strip("/").split("/")
        names = {str(party) for party in self._parties}
        return next((segment for segment in segments[:-1] if segment in names), None)

    def _new_seat(self, owner: PartyId, station_id: str) -> Seat:
        seat = Seat(owner, station_id, self._spine, self.clock, self.chance, self._authorizer)
        seat.noted = partial(self._noted, seat)
        return seat

    def _noted(self, seat: Seat, facts: tuple[StationFact, ...]) -> None:
        """What a seat committed: say of it what an operator should look at."""
        ends.note(self.findings, f"station:{seat.owner}/{seat.station_id}", facts)
        self._namesakes.note(seat.owner, seat.station_id, facts)

    async def _arrive(self, stream: str, arrival: Arrival) -> None:
        try:
            await arrival.run()
        except Exception:
            log.exception("%s could not be let in", stream)
            arrival.give_up()
        finally:
            del self._arriving[stream]

    def _retire(self, link: Link) -> None:
        """It speaks for its station no more."""
        del self._links[link.stream]
        self._left.set()
        self._releases.pop(link.stream)()
        if link.answers:
            self._answers[link.stream] = link.answers

    async def _say_gone(self, link: Link) -> None:
        reason = (link.closed_for or "")[:200]
        try:
            with contextlib.suppress(StreamMoved):
                await link.seat.ask(asks.Disconnect(connection_id=link.connection_id, reason=reason))
        except SpineDown as down:
            self.spine_is_down(down)

    async def _take_in(self, link: Link) -> None:
        try:
            await self.onboarder.take_in(link)
        except SpineDown as down:
            self.spine_is_down(down)  # It is tried again when the station boots next.
        except Exception:
            log.exception("%s could not be taken in", link.source)

    async def _tick(self) -> None:
        """Let time pass for the stations that wait for something."""
        for link in [link for link in self._links.values() if link.seat.state.waits]:
            if await self.alone(link, link.seat.ask(self.ends.tick)):
                self.inquirer.look(link, self.clock.now())
        await self.ends.look()

    async def _sweep(self) -> None:
        """The same for stations that are away: their ended sessions, open commands and reservations that are over."""
        streams = await self.ends.waiting(self._parties) | await self.ends.away(self._parties)
        for owner, station_id in sorted(streams):
            seat = self._new_seat(PartyId.parse(owner), station_id)
            try:
                await seat.load()
                if seat.state.connection_id is None:  # Else whoever holds its socket does it.
                    await seat.ask(self.ends.tick)
            except StreamMoved:
                continue
            except ArchiveAway as away:
                self.spine_is_down(away)
            except SpineDown:
                raise
            except Exception:
                # One station's trouble must not end the care for all others.
                log.exception("%s cannot be looked after while it is away", seat.stream)

    async def _erase(self) -> None:
        await self.mirror.erase_old()

    async def _every(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await do()
            except SpineDown as down:
                self.spine_is_down(down)
            except Exception:
                log.exception("%s failed; it is tried again", do.__name__)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _unproven(entry: Entry) -> str:
    if entry.profile is SecurityProfile.CERTIFICATE:
        return "no owner in the path, of several,"
    return "wrong password"
