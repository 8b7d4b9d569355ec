"""G12: one clear exception, and nothing unknown is an error."""

from __future__ import annotations

import asyncio
import logging
from xml.etree import ElementTree

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, content, deltas_of, expect_truth, now
from tests.loops import virtual_time
from virtinformer.testing import FakeHost

pytestmark = virtual_time

NONSENSE = "<domain><name>web</name"


async def test_what_trying_again_cannot_mend_is_raised_at_once() -> None:
    host = FakeHost()
    cause = OSError("permission denied")
    error = vi.ConnectError("no permission; join the group libvirt", permanent=True)
    error.__cause__ = cause
    host.refuse(error)
    with pytest.raises(vi.ConnectError) as raised:
        await host.connect(connect_timeout=1000).__aenter__()
    assert raised.value is error
    assert raised.value.__cause__ is cause
    assert now() < 1


async def test_a_daemon_that_is_not_up_yet_is_waited_for() -> None:
    host = FakeHost()
    host.disconnect()
    asyncio.get_running_loop().call_later(20, host.restart)
    async with host.connect(connect_timeout=60) as informer:
        assert now() >= 20
        assert informer.health.connected


async def test_but_not_longer_than_connect_timeout() -> None:
    host = FakeHost()
    host.refuse(vi.ConnectError("connection refused; is libvirtd running?"))
    with pytest.raises(vi.ConnectError, match="is libvirtd running"):
        await host.connect(connect_timeout=15).__aenter__()
    assert now() == pytest.approx(15)


async def test_an_error_of_another_kind_is_the_cause() -> None:
    host = FakeHost(name="there")
    error = OSError("no route")
    host.refuse(error)
    with pytest.raises(vi.ConnectError, match=r"fake:///there within 15 s: no route") as raised:
        await host.connect(connect_timeout=15).__aenter__()
    assert raised.value.__cause__ is error


async def test_a_daemon_that_accepts_and_says_nothing_is_given_up_as_well() -> None:
    host = FakeHost(keepalive=5.0)
    host.hang()
    with pytest.raises(vi.ConnectError, match="does not answer"):
        await host.connect(connect_timeout=15).__aenter__()
    assert now() == pytest.approx(15)


async def test_a_silent_daemon_without_keepalive_too() -> None:
    host = FakeHost(keepalive=1e9)
    host.hang()
    with pytest.raises(vi.ConnectError, match="accepts connections and says nothing"):
        await host.connect(connect_timeout=15).__aenter__()


async def test_a_host_that_cannot_be_listed_is_a_connect_error() -> None:
    host = FakeHost()
    error = vi.ReadError("the list is broken")
    host.fail_next_lists(1000, error)
    with pytest.raises(vi.ConnectError, match="the list is broken") as raised:
        await host.connect(connect_timeout=15).__aenter__()
    assert raised.value.__cause__ is error


async def test_one_broken_domain_does_not_keep_the_rest_from_being_served() -> None:
    host = FakeHost()
    web, broken = host.define("web"), host.define("broken")
    host.fail_next_reads(1000, broken)
    async with host.connect(connect_timeout=15) as informer:
        assert informer.get(web) is not None
        assert informer.get(broken) is None


async def test_a_host_that_refuses_a_read_is_a_read_error_with_its_cause() -> None:
    host = FakeHost(name="there")
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        error = OSError("internal error")
        host.fail_next_reads(1000, web, error)
        with pytest.raises(vi.ReadError, match="fake:///there refuses to say: internal") as raised:
            await informer.refresh(web)
        assert raised.value.__cause__ is error
        assert informer.get(web) is not None


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_bad_uri_is_one_connect_error_with_libvirts_as_its_cause() -> None:
    with pytest.raises(vi.ConnectError) as raised:
        await vi.connect("nonsense:///nowhere").__aenter__()
    assert raised.value.permanent
    assert "nonsense" in str(raised.value)
    assert type(raised.value.__cause__).__name__ == "libvirtError"


async def test_all_are_of_one_family() -> None:
    family = [vi.ConnectError, vi.EventLoopError, vi.VersionExpired, vi.NotSynced, vi.ReadError]
    assert all(issubclass(error, vi.VirtInformerError) for error in family)


async def test_unknown_event_ids_are_delivered_as_unknown_numbers() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.events()) as events:
        host.emit(web, 4711, odd=[1, 2])
        host.emit(web, type=77, detail=88)
        await asyncio.sleep(1)
        kind, step = events.seen
        assert "4711" in kind.type
        assert kind.details == {"odd": [1, 2]}
        assert "77" in step.type
        assert "88" in step.reason
        assert kind.domain.uuid == step.domain.uuid == web


async def test_unknown_details_of_known_events() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.events()) as events:
        host.hold_events()
        host.start(web)
        host.release_events([])
        host.emit(web, type=2, detail=99)
        await asyncio.sleep(1)
        assert events.seen[0].type == "Started"
        assert "99" in events.seen[0].reason


async def test_unknown_states_and_reasons_are_delivered_as_unknown_numbers() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.watch(initial=False)) as deltas:
        host.mutate(web, state=99, reason=77)
        domain = await informer.refresh(web)
        assert domain is not None
        assert (domain.state, domain.reason) == (99, 77)
        assert str(domain.state) == "unknown_99"
        await deltas.until(len)
        host.emit(web, type=2)
        host.emit(web, type=5)
        await asyncio.sleep(1)
        expect_truth(informer.snapshot(), host)


async def test_malformed_xml_is_delivered_as_text_and_fails_where_it_is_parsed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = FakeHost()
    web = host.define("web", xml=NONSENSE)
    async with host.connect() as informer, Witness(informer.watch(initial=False)) as deltas:
        domain = informer.get(web)
        assert domain is not None
        assert domain.xml == NONSENSE
        with pytest.raises(ElementTree.ParseError, match=r"'web' .* is malformed"):
            domain.element  # noqa: B018
        host.mutate(web, xml="", config_xml="\x00")
        await informer.refresh(web)
        (delta,) = deltas_of(deltas.seen)
        assert delta.diff()
        assert content(delta.domain) == content(host.truth(web))
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("name", ["", "a\nb", "../\x1b[2J", "\ud800", "ümläut", "x" * 10_000])
async def test_any_name_is_a_name(name: str) -> None:
    host = FakeHost()
    web = host.define("web")
    host.mutate(web, name=name)
    async with host.connect() as informer:
        domain = informer.get_by_name(name)
        assert domain is not None
        assert domain.uuid == web
