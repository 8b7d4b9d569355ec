"""All domains in bulk: from the test driver, and while domains come and go."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import libvirt
import pytest

from tests.libvirt.recording import defined, domain_xml, opened
from virtinformer._core.messages import Input, Listed, ListFailed, Observed
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import DomainState
from virtinformer._libvirt import listing
from virtinformer._libvirt.listing import Listing, uuid_of
from virtinformer._libvirt.readers import Job
from virtinformer._libvirt.reads import read_domain


class Around:
    """A connection some of whose calls are preceded by something of ours."""

    def __init__(self, host: libvirt.virConnect, **before: Callable[..., object]) -> None:
        self._host = host
        self._before = before

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._host, name)
        if name not in self._before:
            return call

        def preceded(*args: Any) -> Any:
            self._before[name](*args)
            return call(*args)

        return preceded


def list_all(
    host: Any,
    only: frozenset[UUID] | None = None,
    failed: Callable[[Exception], bool] = lambda error: False,
    width: int = 1,
    jobs: list[Job] | None = None,
) -> list[Input]:
    """What a list tells, its jobs done one after another."""
    told: list[Input] = []
    jobs = [] if jobs is None else jobs
    count = itertools.count(1)
    Listing(
        host,
        5,
        only,
        stamp=lambda: next(count),
        submit=jobs.append,
        tell=told.append,
        failed=failed,
        width=width,
    ).run()
    while jobs:
        jobs.pop(0)()
    return told


def observed(told: list[Input]) -> dict[UUID, Observation]:
    found = [each for each in told if isinstance(each, Observed)]
    assert all(each.listed and each.epoch == 5 and each.began < each.ended for each in found)
    return {each.uuid: each.result for each in found if isinstance(each.result, Observation)}


def test_what_is_listed_is_what_single_reads_see() -> None:
    with opened() as host, defined(host) as off, defined(host, start=True) as on:
        transient = host.createXML(domain_xml())
        off.setAutostart(1)
        on.suspend()
        told = list_all(host)
        seen = observed(told)
        assert seen[uuid_of(on)].state is DomainState.PAUSED
        assert seen[uuid_of(off)].autostart
        assert seen[uuid_of(transient)].config_xml is None
        assert seen == {uuid: read_domain(host, uuid) for uuid in seen}
        last = told[-1]
        assert isinstance(last, Listed)
        assert last.present == frozenset(seen) == frozenset(map(uuid_of, host.listAllDomains()))
        assert {each.began for each in told if isinstance(each, Observed | Listed)} == {last.began}
        transient.destroy()
        del transient


def test_only_some_are_read_and_all_are_named() -> None:
    with opened() as host, defined(host) as one, defined(host) as other:
        told = list_all(host, only=frozenset({uuid_of(one), UUID(int=9)}))
        assert observed(told).keys() == {uuid_of(one)}
        last = told[-1]
        assert isinstance(last, Listed)
        assert uuid_of(other) in last.present
        assert UUID(int=9) not in last.present


def test_none_are_read_if_none_are_wanted() -> None:
    with opened() as host:
        (last,) = list_all(host, only=frozenset())
        assert isinstance(last, Listed)


@pytest.mark.parametrize("width", [1, 4])
def test_chunks_are_told_as_they_come_and_the_end_last(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "CHUNK", 2)
    with opened() as host, defined(host), defined(host), defined(host), defined(host):
        told = list_all(host, width=width)
        assert len(observed(told)) == len(host.listAllDomains())
        assert [type(each) for each in told].count(Listed) == 1
        assert isinstance(told[-1], Listed)
        assert len({each.ended for each in told if isinstance(each, Observed)}) == 3


def test_a_domain_that_vanishes_is_no_error() -> None:
    with opened() as host, defined(host) as stays:
        goes = host.defineXML(domain_xml())
        gone = uuid_of(goes)
        asked: list[int] = []

        def vanish(*args: Any) -> None:
            asked.append(1)
            if len(asked) == 2:  # between the two looks at the states
                goes.undefine()

        told = list_all(Around(host, domainListGetStats=vanish))
        assert uuid_of(stays) in observed(told)
        assert gone not in observed(told)
        last = told[-1]
        assert isinstance(last, Listed)
        assert gone in last.present


def test_a_domain_that_vanishes_before_it_is_looked_at_is_no_error() -> None:
    with opened() as host:
        goes = host.defineXML(domain_xml())
        gone = uuid_of(goes)

        def vanish(*args: Any) -> None:
            if goes.isPersistent():
                goes.undefine()

        calls = iter([vanish])
        told = list_all(Around(host, domainListGetStats=lambda *a: next(calls, len)(a)))
        assert gone not in observed(told)
        assert isinstance(told[-1], Listed)


def test_a_domain_that_moves_meanwhile_is_left_to_a_read_of_its_own() -> None:
    with opened() as host, defined(host, start=True) as moves, defined(host) as stays:
        asked: list[int] = []

        def pause(*args: Any) -> None:
            asked.append(1)
            if len(asked) == 2:
                moves.suspend()

        told = list_all(Around(host, domainListGetStats=pause))
        assert uuid_of(moves) not in observed(told)
        assert uuid_of(stays) in observed(told)


@pytest.mark.parametrize("broken", ["name", "state"])
def test_a_domain_of_which_something_is_missing_keeps_no_other_from_being_listed(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is no text (a rename takes any bytes), or its driver does not tell its state."""
    with opened() as host, defined(host, start=True) as odd, defined(host) as sound:
        kept, status = uuid_of(odd), listing._status

        def failing(domain: libvirt.virDomain, stats: Mapping[str, int]) -> listing._Status:
            if uuid_of(domain) == kept and broken == "name":
                b"\xff".decode()
            return status(domain, {} if uuid_of(domain) == kept else stats)

        monkeypatch.setattr(listing, "_status", failing)
        told = list_all(host)
        assert kept not in observed(told)
        assert uuid_of(sound) in observed(told)
        assert isinstance(told[-1], Listed)
        assert kept in told[-1].present


class Refused(libvirt.libvirtError):
    def __init__(self, code: int, text: str = "refused") -> None:
        Exception.__init__(self, text)
        self.err = (code, 0, text, 2, "", None, None, -1, -1)


def refuse(code: int, text: str = "refused") -> Callable[..., None]:
    def raise_it(*args: Any) -> None:
        raise Refused(code, text)

    return raise_it


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_NO_DOMAIN])
def test_without_statistics_each_is_read_singly(code: int) -> None:
    with opened() as host, defined(host, start=True) as domain:
        told = list_all(Around(host, domainListGetStats=refuse(code)))
        assert observed(told)[uuid_of(domain)] == read_domain(host, uuid_of(domain))
        assert isinstance(told[-1], Listed)


@pytest.mark.parametrize("call", ["listAllDomains", "domainListGetStats"])
def test_a_failure_is_told_once_and_nothing_after_it(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "CHUNK", 1)
    with opened() as host, defined(host), defined(host):
        told = list_all(Around(host, **{call: refuse(libvirt.VIR_ERR_RPC)}), width=4)
        (only,) = told
        assert isinstance(only, ListFailed)
        assert isinstance(only.error.__cause__, Refused)
        assert only.error.__cause__.__traceback__ is None


def test_chunks_that_fail_side_by_side_fail_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "CHUNK", 1)
    jobs: list[Job] = []

    def fail(*args: Any) -> None:
        if jobs:
            jobs.pop(0)()
        raise Refused(libvirt.VIR_ERR_RPC)

    with opened() as host, defined(host), defined(host):
        told = list_all(Around(host, domainListGetStats=fail), width=3, jobs=jobs)
    assert [type(each) for each in told] == [ListFailed]


def test_a_chunk_that_was_read_while_another_failed_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "CHUNK", 1)
    jobs: list[Job] = []

    def fail_the_other(*args: Any) -> None:
        if len(jobs) == 1:  # the other chunk, beside this one
            jobs.pop()()
        elif not jobs and not failed:
            failed.append(1)
            raise Refused(libvirt.VIR_ERR_RPC)

    failed: list[int] = []
    with opened() as host, defined(host), defined(host):
        told = list_all(Around(host, domainListGetStats=fail_the_other), width=2, jobs=jobs)
    assert failed
    assert [type(each) for each in told] == [ListFailed]


def test_a_failure_that_was_dealt_with_is_not_told() -> None:
    with opened() as host:
        assert not list_all(
            Around(host, listAllDomains=refuse(libvirt.VIR_ERR_RPC)), failed=lambda error: True
        )


def test_a_list_that_is_too_long_is_taken_in_parts() -> None:
    with opened() as host, defined(host), defined(host, start=True):

        def limit(flags: int) -> None:
            if not flags & 3:
                raise Refused(libvirt.VIR_ERR_RPC, "Too many domains '16385' for limit '16384'")

        assert observed(list_all(Around(host, listAllDomains=limit))) == observed(list_all(host))
