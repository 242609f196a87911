"""Wires the actors of roaming to one another."""

from __future__ import annotations

import msgspec

from elstrada.roles.roaming.authorizer import Authorizer
from elstrada.roles.roaming.callbacks import Callbacks
from elstrada.roles.roaming.cashier import Cashier
from elstrada.roles.roaming.commander import Commander
from elstrada.roles.roaming.courier import Courier
from elstrada.roles.roaming.keeper import Keeper
from elstrada.roles.roaming.line import Line
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


def wire(means: Means, post: Post) -> Roaming:
    """Make the actors of a node."""
    peers, stock = Peers(means), Stock(means)
    line = Line(means, peers)
    registrar, puller = Registrar(means, peers, line), Puller(means, line)
    pulses = Pulses(means)
    terminals = Terminals(means, line)
    roamer = Roamer(means, peers, stock)
    callbacks, commander = Callbacks(means, peers, line, post), Commander(means, line, post)
    steersman = Steersman(means, line, post)
    return Roaming(
        office=Office(means, peers, stock, registrar, callbacks, commander, steersman, pulses),
        registrar=registrar,
        roamer=roamer,
        courier=Courier(means, peers, Parcels(means, peers, stock, line, puller, post, terminals, roamer)),
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
    )
