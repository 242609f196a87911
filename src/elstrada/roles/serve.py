"""``elstrada serve``: a node with real hands, from start to goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys

import uvloop

from elstrada import __version__
from elstrada.config import Config
from elstrada.model.node import Part
from elstrada.net.certificates import TlsUnusable
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.redaction import redacted
from elstrada.roles import drain, logs, open_files
from elstrada.roles.desk.lookups import own_parties
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.engines import Engine, Engines
from elstrada.roles.ground import Ground
from elstrada.roles.house import House
from elstrada.roles.keys import keys_for
from elstrada.roles.nameplate import name_of_node
from elstrada.roles.traces import traces_to
from elstrada.spine.face import SpineDown
from elstrada.spine.lock import DatabaseInUse
from elstrada.spine.postgres_migrate import DatabaseUnready

log = logging.getLogger(__name__)

EXIT_OK, EXIT_ERROR, EXIT_CONFIG = 0, 1, 3


def serve(config: Config) -> int:
    """Run until told to stop; returns the exit code."""
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        node = name_of_node(config.node, config.data_dir)
        logs.set_up(
            level=config.log.level, form=config.log.format, node=node, roles=",".join(sorted(config.parts))
        )
        return uvloop.run(_serve(config, node, open_files.take_all()))
    except TlsUnusable as unusable:
        for problem in unusable.problems:
            _say(f"elstrada: stations.tls: {problem}")
        return EXIT_CONFIG
    except (DatabaseInUse, DatabaseUnready, SpineDown, ValueError, OSError) as problem:
        _say(f"elstrada: {redacted(str(problem))}")
        return EXIT_ERROR


async def _serve(config: Config, node: str, files: int) -> int:
    clock, chance = SystemClock(), SystemChance()
    endpoint = config.otel.endpoint
    traces = traces_to(endpoint.get_secret_value() if endpoint else None, node)
    engines = Engines(config, clock, chance, node)
    await engines.start()
    try:
        keys = await keys_for(engines.spine, config.keys_path)
        await settle_parties(engines.spine, [section.party() for section in config.parties])
        parties = await own_parties(engines.spine)
        if not parties:
            _say(
                "elstrada: there is no party to act for: add [[parties]] to elstrada.toml, or use `elstrada party put`"
            )
            return EXIT_CONFIG
        if Part.GATEWAY in config.parts:
            await open_files.warn_if_few(engines.spine, files)
        ground = Ground(
            spine=engines.spine,
            post=engines.post,
            keys=keys,
            clock=clock,
            wall=clock,
            chance=chance,
            node=node,
            transport=engines.amiss,
            tallies=engines.tallies,
            metrics=engines.gather,
            traces=traces,
        )
        return await _live(House(config, parties, ground), engines.spine, config)
    finally:
        await engines.close()
        await asyncio.to_thread(traces.close)


async def _live(house: House, spine: Engine, config: Config) -> int:
    """From open doors to closed ones."""
    stop = told_to_stop()
    await house.open()
    settle()
    print(*house.addresses, sep="\n", flush=True)  # noqa: T201  To the person who started it.
    log.info("Elstrada %s serves %s", __version__, ", ".join(sorted(config.parts)))
    await _until_stopped(stop, house, spine)
    failure = spine.failure or house.failure
    if failure:
        log.error("%s", failure)
    try:
        async with asyncio.timeout(drain.bound_s(house.node, config.limits)):
            await house.close()
    except TimeoutError:
        log.error("the node could not end in time; what was not finished is left to the next life")
        failure = failure or "not in time"
    return EXIT_ERROR if failure else EXIT_OK


async def _until_stopped(stop: asyncio.Event, house: House, spine: Engine) -> None:
    """Wait for a signal, a word of the operator's, or a store that has failed for good (F7)."""
    while not (stop.is_set() or house.told_to_leave.is_set()) and spine.failure is None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await stop.wait()


def settle() -> None:
    """What lives as long as the process is left out of garbage collection, and the rest is looked at less often.

    Every message makes a few dozen short-lived objects; the default would walk all stations' states
    each 700 of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # The writer's thread gets its turn after 0.5 ms of a busy event loop instead of 5.
    sys.setswitchinterval(0.0005)


def told_to_stop() -> asyncio.Event:
    """Is set by Ctrl-C, a supervisor's SIGTERM, or the terminal being closed. A second signal ends the process.

    At once, that is, as a kill would: what was acknowledged is durable, and nothing else counts.
    """
    stop = asyncio.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # Under nohup, the terminal may go.
        numbers.append(signal.SIGHUP)
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, _told, stop, number)
    return stop


def _told(stop: asyncio.Event, number: signal.Signals) -> None:
    # A supervisor may send SIGHUP along with SIGTERM; that is one wish, not two.
    if stop.is_set() and number != signal.SIGHUP:
        os._exit(128 + number)
    stop.set()


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201  To the person who started it.
