"""Wires the actors of roaming to one another."""

from __future__ import annotations

import msgspec

from elstrada.roles.hub.book import Book
from elstrada.roles.hub.bridge import Bridge
from elstrada.roles.hub.carrier import Carrier
from elstrada.roles.hub.copies import Copies
from elstrada.roles.hub.copy_parcels import CopyParcels
from elstrada.roles.hub.forwarder import Forwarder
from elstrada.roles.hub.known import Known
from elstrada.roles.hub.relays import Relays
from elstrada.roles.hub.switch import Switch
from elstrada.roles.roaming.authorizer import Authorizer
from elstrada.roles.roaming.callbacks import Callbacks
from elstrada.roles.roaming.cashier import Cashier
from elstrada.roles.roaming.commander import Commander
from elstrada.roles.roaming.courier import Courier
from elstrada.roles.roaming.keeper import Keeper
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.lists import Lists
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.office import Office
from elstrada.roles.roaming.parcels import Parcels
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.puller import Puller
from elstrada.roles.roaming.pulse import Pulses, Watch
from elstrada.roles.roaming.registrar import Registrar
from elstrada.roles.roaming.roamer import Roamer
from elstrada.roles.roaming.steersman import Steersman
from elstrada.roles.roaming.stock import Stock
from elstrada.roles.roaming.tally import RoamingTally
from elstrada.roles.roaming.terminals import Terminals
from elstrada.spine.post import Post


class Roaming(msgspec.Struct, frozen=True, kw_only=True):
    """All actors of one node.

    ``roamer.handle`` is to be run as the follower ``roamer.FOLLOWER`` and ``cashier.handle`` as
    ``cashier.FOLLOWER``; ``courier.run``, ``callbacks.run`` and ``keeper.run`` as tasks of one node at a time;
    ``office.handle`` behind the HTTP server.
    """

    office: Office
    registrar: Registrar
    roamer: Roamer
    courier: Courier
    callbacks: Callbacks
    keeper: Keeper
    authorizer: Authorizer
    commander: Commander
    steersman: Steersman
    puller: Puller
    watch: Watch
    """To be run as a task of one node at a time."""
    peers: Peers
    cashier: Cashier
    terminals: Terminals
    means: Means
    tally: RoamingTally
    switch: Switch


def wire(means: Means, post: Post) -> Roaming:
    """Make the actors of a node."""
    peers, stock = Peers(means), Stock(means)
    line = Line(means, peers)
    registrar, puller = Registrar(means, peers, line), Puller(means, peers, line)
    pulses, terminals = Pulses(means), Terminals(means, line)
    callbacks, commander = Callbacks(means, peers, line, post), Commander(means, line, post)
    steersman = Steersman(means, line, post)
    book, relays = Book(means.spine, peers, means.public_url), Relays(means)
    forwarder, copies = (
        Forwarder(means, book, Carrier(means, peers), relays, Bridge(means, Known(means.spine))),
        Copies(means, book),
    )
    switch = Switch(means, peers, book, forwarder, relays, copies)
    copy_parcels = CopyParcels(means.spine, line, means.findings)
    roamer = Roamer(means, peers, stock, copies)
    lists = Lists(means, peers)
    parcels = Parcels(means, peers, stock, line, puller, post, terminals, copy_parcels, roamer, lists)
    return Roaming(
        office=Office(means, peers, stock, registrar, callbacks, commander, steersman, pulses, switch),
        registrar=registrar,
        roamer=roamer,
        courier=Courier(means, peers, parcels, lists),
        callbacks=callbacks,
        keeper=Keeper(means, stock, post),
        authorizer=Authorizer(means, peers, stock, line),
        commander=commander,
        steersman=steersman,
        puller=puller,
        watch=Watch(means, peers, line, pulses),
        peers=peers,
        cashier=Cashier(means),
        terminals=terminals,
        means=means,
        tally=means.tally,
        switch=switch,
    )
