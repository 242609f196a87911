"""Wires the actors of roaming to one another."""

from __future__ import annotations

import msgspec

from elstrada.roles.hub.book import Book, Reachable, registered
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
from elstrada.roles.roaming.commander import Commander
from elstrada.roles.roaming.courier import Courier
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.office import Office
from elstrada.roles.roaming.parcels import Parcels
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.puller import Puller
from elstrada.roles.roaming.registrar import Registrar
from elstrada.roles.roaming.roamer import Roamer
from elstrada.roles.roaming.stock import Stock
from elstrada.roles.roaming.tally import RoamingTally
from elstrada.spine.post import Post


class Roaming(msgspec.Struct, frozen=True, kw_only=True):
    """All actors of one node.

    ``roamer.handle`` is to be run as the follower ``roamer.FOLLOWER``; ``courier.run`` and
    ``callbacks.run`` as tasks of one node at a time; ``office.handle`` behind the HTTP server.
    """

    office: Office
    registrar: Registrar
    roamer: Roamer
    courier: Courier
    callbacks: Callbacks
    authorizer: Authorizer
    commander: Commander
    puller: Puller
    peers: Peers
    tally: RoamingTally
    switch: Switch


def wire(means: Means, post: Post, reachable: Reachable = registered) -> Roaming:
    """Make the actors of a node.

    Args:
        reachable: whether a platform behind a hub of ours is connected.
    """
    peers, stock = Peers(means), Stock(means)
    line = Line(means, peers)
    registrar, puller = Registrar(means, peers, line), Puller(means, peers, line)
    callbacks, commander = Callbacks(means, peers, line, post), Commander(means, line, post)
    book, relays = Book(peers, means.public_url, reachable), Relays(means)
    forwarder, copies = (
        Forwarder(means, book, Carrier(means, peers), relays, Bridge(means, Known(means.spine))),
        Copies(means, book),
    )
    switch = Switch(means, peers, book, forwarder, relays, copies)
    copy_parcels = CopyParcels(means.spine, line, means.findings)
    return Roaming(
        office=Office(means, peers, stock, registrar, callbacks, commander, switch),
        registrar=registrar,
        roamer=Roamer(means, peers, stock, copies),
        courier=Courier(means, peers, Parcels(peers, stock, line, puller, means.findings, copy_parcels)),
        callbacks=callbacks,
        authorizer=Authorizer(means, peers, stock, line),
        commander=commander,
        puller=puller,
        peers=peers,
        tally=means.tally,
        switch=switch,
    )
