"""The judges are judged: an honest history passes, and each kind of lie is found.

One short story is recorded on a made-up host. Then it is retold with one thing changed (a line
lost, doubled, late, or saying something else), and the validator of just that promise must
object, with lines that prove it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import attrs
import pytest

import virtinformer as vi
from tests.guarantees.contract import VALIDATORS, check, violations
from tests.guarantees.history import (
    Asked,
    AtRest,
    Called,
    Closed,
    Ended,
    Fact,
    Given,
    Had,
    History,
    Left,
    Line,
    Logged,
    Looked,
    Opened,
    Returned,
    Told,
    Violation,
    Waiting,
    WasTrue,
)
from tests.guarantees.printed import printed
from tests.guarantees.recorder import Recorder
from virtinformer._core.messages import Connect, Gone, List, Observed
from virtinformer._core.vocabulary import LifecycleType
from virtinformer.testing import FakeHost, run

WEB, DB, NEW = UUID(int=1), UUID(int=2), UUID(int=3)
RESYNC: Final = 5.0


class Angry(Exception):
    """What one of the handlers raises."""


async def story(recorder: Recorder) -> None:
    """A little of everything: changes, a silent one, a deletion, a daemon that dies."""
    host = FakeHost(seed=1)
    host.define("web", uuid=WEB)
    host.define("db", uuid=DB)
    recorder.follow(host)

    async def do(seconds: float, uuid: UUID, operation: Callable[..., object], *args: Any) -> None:
        operation(*args)
        recorder.was_true(host, uuid, operation.__name__)
        await asyncio.sleep(seconds)

    async def be_angry(_: str) -> None:
        raise Angry

    async def think() -> None:
        await asyncio.sleep(0.7)

    async with recorder.informer(host.source(), random=lambda: 0.5) as informer:
        calm = recorder.handle("calm")
        recorder.handle("angry", be_angry)
        async with (
            recorder.events("log"),
            recorder.watch("fast"),
            recorder.watch("slow", pace=think),
        ):
            await do(1.0, WEB, host.start, WEB)
            await do(1.0, WEB, host.suspend, WEB)
            await do(0.5, WEB, host.set_metadata, WEB, "new")
            await recorder.want("refresh", WEB)
            await do(2 * RESYNC, DB, host.set_autostart, DB, True)
            await do(0.0, WEB, host.destroy, WEB)
            await do(1.0, WEB, host.undefine, WEB)
            await recorder.unhandle("calm", calm)
            host.disconnect()
            await do(1.0, NEW, lambda: host.define("new", uuid=NEW))
            recorder.look()
            host.restart()
            await informer.wait_for(NEW, lambda domain: domain.persistent)
            await recorder.want("sync")
            await asyncio.sleep(2 * RESYNC)
            recorder.rest(host.domains)
    recorder.left({"tasks": len(asyncio.all_tasks()) - 1, "connections": host.open_connections})


@cache
def told() -> History:
    recorder = Recorder(resync_period=RESYNC)
    run(story(recorder))
    return recorder.history


Edit = Callable[[Line], Iterable[Fact] | None]
"""What is told instead of a line; ``None``: the same."""


def retold(history: History, edit: Edit, late: Callable[[Line], float] | None = None) -> History:
    """The same story, with one thing changed. What refers to a line still does."""
    copy = History(**history.options)
    copy.knows_truth, copy.virtual = history.knows_truth, history.virtual
    numbers: dict[int, int] = {}
    for line in history.lines:
        facts = edit(line)
        for fact in [line.fact] if facts is None else facts:
            if isinstance(fact, Had):
                fact = attrs.evolve(fact, wanted=numbers[fact.wanted])
            copy.write(line.time + (late(line) if late else 0.0), line.who, fact)
        numbers[line.number] = len(copy.lines)
    return copy


def at(which: Line, *facts: Fact) -> Edit:
    """Have these facts in place of one line."""
    return lambda line: facts if line.number == which.number else None


def after(which: Line, *facts: Fact) -> Edit:
    """Have these facts follow one line, as if they happened to the same."""
    return at(which, which.fact, *facts)


def lines(kind: type[Any], who: str | None = None, **fields: object) -> list[Line]:
    """The lines of a kind, of somebody, whose facts (or their items) have these values."""

    def has(fact: Any) -> bool:
        item: object = getattr(fact, "item", getattr(fact, "input", fact))
        return all(getattr(item, name, None) == value for name, value in fields.items())

    return [line for line, fact in told().of(kind, who) if has(fact)]


def given(who: str, kind: type, index: int = 0) -> Line:
    return [line for line in lines(Given, who) if isinstance(line.fact.item, kind)][index]


def event(word: str) -> Line:
    return lines(Given, "log", type=word)[0]


def changed(line: Line, **fields: Any) -> Given:
    """The same delta or event, with other values."""
    return Given(attrs.evolve(line.fact.item, **fields))


def with_domain(line: Line, **fields: Any) -> Given:
    """The same delta or event, with a domain of other values."""
    return changed(line, domain=attrs.evolve(line.fact.item.domain, **fields))


def seen(line: Line, uuid: UUID, **fields: Any) -> Looked:
    """The same look at the store, which showed one domain differently."""
    domains = dict(line.fact.view)
    domains[uuid] = attrs.evolve(domains[uuid], **fields)
    return Looked(vi.Snapshot(domains, line.fact.view.resource_version), line.fact.health)


def looks(where: Callable[[Looked], bool] = lambda _: True) -> list[Line]:
    return [line for line, fact in told().of(Looked) if where(fact)]


def without(kind: type[Any], **fields: object) -> Edit:
    """Leave out some lines."""
    dropped = {line.number for line in lines(kind, None, **fields)}
    return lambda line: [] if line.number in dropped else None


def everywhere(change: Callable[[vi.Domain], vi.Domain]) -> Edit:
    """Have every domain, wherever it can be seen, in another form."""

    def edit(line: Line) -> Iterable[Fact] | None:
        match line.fact:
            case Given(item=vi.Added() | vi.Updated() | vi.Deleted() | vi.DomainEvent() as item):
                return [changed(line, domain=change(item.domain))]
            case Looked(view=view, health=health):
                return [Looked(_each(view, change), health)]
            case AtRest(truth=truth, view=view):
                return [AtRest(truth, _each(view, change))]
        return None

    return edit


def _each(view: vi.Snapshot, change: Callable[[vi.Domain], vi.Domain]) -> vi.Snapshot:
    domains = {uuid: change(domain) for uuid, domain in view.items()}
    return vi.Snapshot(domains, view.resource_version)


def swapped(one: Line, other: Line) -> Edit:
    facts = {one.number: other.fact, other.number: one.fact}
    return lambda line: [facts[line.number]] if line.number in facts else None


# ---------------------------------------------------------------------- the lies

LIES: Final[list[Any]] = []


def lie(promise: str) -> Callable[[Callable[[], Edit]], Callable[[], Edit]]:
    """Have a way of telling the story wrongly judged by the validator of a promise."""

    def add(function: Callable[[], Edit]) -> Callable[[], Edit]:
        name = f"{promise}-{function.__name__.strip('_')}"
        LIES.append(pytest.param(promise, function, id=name))
        return function

    return add


@lie("G1")
def _events_swap_their_versions() -> Edit:
    return swapped(event("Started"), event("Resumed"))


@lie("G1")
def _a_delta_is_given_a_second_time() -> Edit:
    last = given("slow", vi.Deleted)
    return after(last, last.fact)


@lie("G1")
def _two_states_have_one_version() -> Edit:
    return at(event("Stopped"), with_domain(event("Stopped"), autostart=True))


@lie("G1")
def _the_configuration_changes_and_the_generation_does_not() -> Edit:
    return everywhere(lambda domain: attrs.evolve(domain, generation=1))


@lie("G1")
def _a_read_shows_more_than_its_version() -> Edit:
    look = looks(lambda fact: WEB in fact.view and fact.view[WEB].active)[0]
    return at(look, Looked(vi.Snapshot(dict(look.fact.view), 1), look.fact.health))


@lie("G2")
def _the_store_goes_back() -> Edit:
    return after(looks()[-1], looks()[2].fact)


@lie("G2")
def _the_dead_are_raised() -> Edit:
    look = looks()[-1]
    web = given("fast", vi.Added).fact.item.domain
    view = vi.Snapshot({**look.fact.view, WEB: web}, look.fact.view.resource_version)
    return at(look, Looked(view, look.fact.health))


@lie("G2")
def _what_nobody_read_is_stored() -> Edit:
    return at(looks()[-1], seen(looks()[-1], DB, name="ghost", resource_version=999))


@lie("G2")
def _a_read_is_stored_that_an_event_had_overtaken() -> Edit:
    """The event that came last is told before the read that answered for the one before."""
    reads = lines(Told, uuid=WEB, listed=False)
    started = lines(Told, uuid=WEB, type=LifecycleType.STARTED)[0]
    read = next(line for line in reads if line.number > started.number)
    return at(read, Told(attrs.evolve(started.fact.input, stamp=10**6)), read.fact)


@lie("G2")
def _a_state_was_never_true() -> Edit:
    return without(WasTrue, text="set_autostart")


@lie("G3")
def _state_and_id_disagree() -> Edit:
    return at(event("Started"), with_domain(event("Started"), id=-1))


@lie("G3")
def _an_event_has_the_domain_of_another() -> Edit:
    return at(event("Started"), changed(event("Started"), domain_id=DB))


@lie("G3")
def _an_event_has_the_state_from_before_it() -> Edit:
    before = given("fast", vi.Added).fact.item.domain
    web = before if before.uuid == WEB else given("fast", vi.Added, 1).fact.item.domain
    return at(event("Started"), changed(event("Started"), domain=web))


@lie("G3")
def _it_is_not_settled_at_rest() -> Edit:
    return everywhere(lambda domain: attrs.evolve(domain, settled=False))


@lie("G4")
def _a_domain_is_deleted_and_was_never_looked_up() -> Edit:
    return lambda line: (
        []
        if isinstance(getattr(line.fact, "input", None), Observed)
        and (isinstance(line.fact.input.result, Gone))
        else None
    )


@lie("G4")
def _it_is_listed_before_it_is_subscribed() -> Edit:
    return after(lines(Asked)[0], Asked(List(1)))


@lie("G4")
def _a_field_is_wrong_at_rest() -> Edit:
    [rest] = lines(AtRest)
    truth = {**rest.fact.truth, DB: attrs.evolve(rest.fact.truth[DB], autostart=False)}
    return at(rest, AtRest(truth, rest.fact.view))


@lie("G4")
def _a_domain_is_missing_at_rest() -> Edit:
    [rest] = lines(AtRest)
    return at(rest, AtRest({**rest.fact.truth, WEB: rest.fact.truth[DB]}, rest.fact.view))


@lie("G4")
def _a_domain_is_there_that_is_gone() -> Edit:
    [rest] = lines(AtRest)
    return at(rest, AtRest({DB: rest.fact.truth[DB]}, rest.fact.view))


@lie("G5")
def _steps_are_out_of_order() -> Edit:
    return swapped(event("Shutdown"), event("Stopped"))


@lie("G5")
def _an_event_was_never_sent() -> Edit:
    return after(event("Stopped"), changed(event("Stopped"), type="Defined", reason="Added"))


@lie("G5")
def _the_last_step_is_missing() -> Edit:
    return at(event("Undefined"))


@lie("G6")
def _a_deletion_is_skipped() -> Edit:
    return at(given("slow", vi.Deleted))


@lie("G6")
def _a_domain_is_added_twice() -> Edit:
    added = given("fast", vi.Added)
    return after(added, added.fact)


@lie("G6")
def _old_is_not_what_was_given() -> Edit:
    first, second = given("fast", vi.Updated), given("fast", vi.Updated, 1)
    return at(second, changed(second, old=first.fact.item.old))


@lie("G6")
def _it_is_synced_twice() -> Edit:
    synced = given("fast", vi.Synced)
    return after(synced, synced.fact)


@lie("G6")
def _it_is_synced_too_early() -> Edit:
    return swapped(given("fast", vi.Added, 1), given("fast", vi.Synced))


@lie("G6")
def _a_queue_has_no_bounds() -> Edit:
    return after(given("fast", vi.Synced), Waiting(9, 8))


@lie("G6")
def _the_last_state_is_missing() -> Edit:
    return at(given("fast", vi.Added, -1))


@lie("G7")
def _refresh_shows_the_past() -> Edit:
    return _shows_the_past("refresh")


@lie("G7")
def _sync_shows_the_past() -> Edit:
    return _shows_the_past("sync")


def _shows_the_past(what: str) -> Edit:
    answer = next(line for line in lines(Had) if told().at(line.fact.wanted).fact.what == what)
    return at(answer, attrs.evolve(answer.fact, view=looks()[1].fact.view))


@lie("G8")
def _a_silent_change_is_not_found() -> Edit:
    return everywhere(
        lambda domain: attrs.evolve(domain, autostart=False) if domain.uuid == DB else domain
    )


@lie("G8")
def _it_says_that_it_found_it_elsewhere() -> Edit:
    [silent] = lines(Given, "fast", source=vi.DeltaSource.RESYNC)
    return at(silent, changed(silent, source=vi.DeltaSource.EVENT))


@lie("G9")
def _it_says_connected_and_is_not() -> Edit:
    healthy = looks()[2].fact.health

    def edit(line: Line) -> Iterable[Fact] | None:
        if isinstance(line.fact, Looked):
            return [Looked(line.fact.view, healthy)]
        return None

    return edit


@lie("G9")
def _two_connections_share_a_number() -> Edit:
    second = [line for line in lines(Asked) if isinstance(line.fact.request, Connect)][1]
    return at(second, Asked(Connect(1)))


@lie("G9")
def _nothing_is_new_in_a_delta() -> Edit:
    [silent] = lines(Given, "fast", source=vi.DeltaSource.RESYNC)
    old = silent.fact.item.old
    version = silent.fact.item.domain.resource_version
    return at(
        silent,
        changed(
            silent,
            domain=attrs.evolve(old, resource_version=version),
            old=attrs.evolve(old, resource_version=version - 1),
        ),
    )


@lie("G10")
def _two_calls_at_once() -> Edit:
    return at(lines(Returned, "angry")[0])


@lie("G10")
def _called_after_it_was_closed() -> Edit:
    return after(lines(Ended, "calm")[0], lines(Called, "calm")[-1].fact)


@lie("G10")
def _an_error_that_nobody_is_told() -> Edit:
    return without(Logged)


@lie("G10")
def _a_handler_was_not_called() -> Edit:
    calls = [line for line in lines(Called, "angry") if isinstance(line.fact.item, vi.Added)]
    return at(calls[-1])


@lie("G11")
def _a_task_is_left() -> Edit:
    return at(lines(Left)[0], Left({"tasks": 1}))


@lie("G11")
def _it_still_asks() -> Edit:
    return after(lines(Closed)[0], lines(Asked)[0].fact)


@lie("G11")
def _closing_takes_for_ever() -> Edit:
    return at(lines(Closed)[0], Closed(60.0))


@lie("G12")
def _an_exception_of_another_make() -> Edit:
    return at(lines(Opened)[0], Opened(KeyError("x")))


@lie("G12")
def _an_exception_that_says_nothing_of_its_cause() -> Edit:
    return at(lines(Had)[0], attrs.evolve(lines(Had)[0].fact, error=vi.ReadError("no")))


@lie("G12")
def _a_stream_breaks() -> Edit:
    return at(lines(Ended, "fast")[0], Ended("KeyError"))


@lie("G12")
def _a_fault_inside() -> Edit:
    return after(lines(Opened)[0], Logged("ERROR", "it broke"))


@lie("G12")
def _a_number_is_given_another_word() -> Edit:
    return at(event("Started"), changed(event("Started"), type="Startled"))


# ---------------------------------------------------------------------- the judges


def test_an_honest_history_passes() -> None:
    check(told())


@pytest.mark.parametrize(("promise", "tell"), LIES)
def test_a_lie_is_found(promise: str, tell: Callable[[], Edit]) -> None:
    [violation] = violations(retold(told(), tell()), [promise])
    assert violation.promise == promise
    assert violation.lines, "no line proves it"
    assert str(violation).startswith(f"{promise}: ")


@pytest.mark.parametrize("promise", VALIDATORS)
def test_each_judge_is_judged(promise: str) -> None:
    assert any(judged == promise for judged, _ in (case.values for case in LIES))


@pytest.mark.parametrize(("who", "promise"), [("log", "G5"), ("fast", "G6")])
def test_what_comes_late_is_found(who: str, promise: str) -> None:
    """Nobody else is in the way, and nothing is held that is in order."""
    started = event("Suspended") if who == "log" else given("fast", vi.Updated)
    late = retold(
        told(),
        lambda _: None,
        lambda line: 0.05 if line.number == started.number else 0.0,
    )
    assert [violation.promise for violation in violations(late, [promise])] == [promise]


def test_what_tries_again_at_once_is_found() -> None:
    connects = [line for line in lines(Asked) if isinstance(line.fact.request, Connect)]
    hasty = retold(
        told(),
        lambda _: None,
        lambda line: -0.1 if line.number == connects[1].number else 0.0,
    )
    assert [violation.promise for violation in violations(hasty, ["G9"])] == ["G9"]


def test_the_first_violation_is_raised() -> None:
    two = retold(told(), _closing_takes_for_ever())
    two = retold(two, _it_is_synced_twice())
    assert [violation.promise for violation in violations(two)] == ["G6", "G11"]
    with pytest.raises(Violation, match=r"^G6: "):
        check(two)


def test_a_history_can_be_read() -> None:
    """Each line has its number, its time, who, and words."""
    text = str(told()).splitlines()
    assert len(text) == len(told().lines)
    for pattern in (
        "host .* operation: web start",
        r"source +asked: Subscribe epoch 1",
        r"source +told: event Started\(Booted\) of web",
        r"fast +Synced v2",
        r"fast +Deleted web.* undefined by event, events: Shutdown",
        r"angry +on_add ends: Angry",
        r"caller +wants sync\(\)",
        r"store +looked: v\d+, 2 domains, epoch 1 connected and synced",
        "informer +the informer is closed",
        "left behind: nothing",
    ):
        assert any(re.search(pattern, line) for line in text), pattern


def test_the_history_that_the_documentation_shows_is_what_is_printed() -> None:
    page = Path(__file__).parents[2] / "docs" / "proof" / "history.txt"
    assert page.read_text() == f"{printed()}\n"
    check(printed())
