"""What is counted counts a session once, however often its CDR was credited and reissued."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from desk_book import StepClock, done
from test_desk_credits import dearer, with_a_cdr
from test_desk_retries import CPO, had, run

from elstrada.model.facts import CdrDelivered
from elstrada.model.ids import cdr_stream
from elstrada.roles.desk.face import Desk
from elstrada.roles.meterer import Meterer
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Row, Work

# with_a_cdr: 10 kWh at 4 SEK before taxes, and 5 once the tariff is dearer; 25 % VAT.


async def credited_and_reissued(desk: Desk) -> str:
    """The id of the CDR in the place of s1."""
    await had(desk, "cdr credit", cdr="s1", reason="wrong tariff")
    await dearer(desk)
    line: Any = await done(desk, "cdr reissue", cdr="s1", mended_tariff=True)
    return line.cdr_id


def test_an_invoice_of_a_credited_and_reissued_session_comes_to_what_it_took(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)
        anew = await credited_and_reissued(desk)
        clock.step(days=1)
        for id, cdrs, expected in (
            ("I1", ["s1", "s1-C"], (0, 0, 0)),
            ("I2", ["s1", "s1-C", anew], (10, 50, Decimal("62.5"))),
        ):
            record: Any = await done(
                desk, "reconciliation issue", party="SE*ELS", to="SE*RET", invoice=id, cdr=cdrs
            )
            (found,) = record.sums
            assert (found.cdrs, found.total_energy, found.before_taxes, found.after_taxes) == (
                len(cdrs),
                *expected,
            )
            await had(desk, "reconciliation withdraw", party="SE*ELS", record=record.record_id)

    run(steps)


def test_a_cdr_that_was_taken_back_says_so_even_if_it_goes_out_only_then(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)
        anew = await credited_and_reissued(desk)
        sent = Append(cdr_stream(CPO, CPO, "s1"), 3, (CdrDelivered("retailer"),))
        await desk.spine.commit(Work((sent,)))
        lines: Any = await done(desk, "cdr list")
        told = {line.cdr_id: (line.state, line.credited_by, line.replaced_by) for line in lines}
        assert told == {
            "s1": ("DELIVERED", "s1-C", anew),
            "s1-C": ("ISSUED", None, None),
            anew: ("ISSUED", None, None),
        }

    run(steps)


def test_quarter_hours_are_those_of_the_session_whatever_becomes_of_its_cdr(
    desk: Desk, clock: StepClock
) -> None:
    """Decision 0026: they are made of what stations tell, so a credit takes nothing and a reissue adds nothing."""

    async def steps() -> None:
        await with_a_cdr(desk, clock)
        before = await metered(desk)
        assert sum(int(str(row["energy_wh"])) for row in before) == 10_000
        await had(desk, "cdr credit", cdr="s1", reason="why")
        assert await metered(desk) == before
        await dearer(desk)
        anew: Any = await done(desk, "cdr reissue", cdr="s1", mended_tariff=True)
        assert await metered(desk) == before
        await had(desk, "cdr credit", cdr=anew.cdr_id, reason="again")
        assert await metered(desk) == before
        month: Any = await done(desk, "meter report", party="SE*ELS", per="month")
        (line,) = month.lines
        assert (line.figures.energy_wh, line.cdrs_missing) == (10_000, 0)

    run(steps)


async def metered(desk: Desk) -> list[Row]:
    """The rows when the meterer has read the log from its beginning once more."""
    facts = await desk.spine.read(0)
    work = await Meterer(desk.spine).handle(facts)
    await desk.spine.commit(Work(work.appends, work.writes))
    return await desk.spine.find(t.session_quarter, order=("quarter",))
