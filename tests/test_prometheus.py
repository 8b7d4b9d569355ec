"""Metrics: that they are valid, right, and never go back."""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

import virtinformer as vi
from tests.loops import every_loop, virtual_time
from virtinformer import metrics
from virtinformer.metrics import NAMES, Family
from virtinformer.predicates import name
from virtinformer.prometheus import ControllerCollector, InformerCollector
from virtinformer.testing import FakeHost, Latency

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"

INFORMER: tuple[Family[Any], ...] = metrics.INFORMER
CONTROLLER: tuple[Family[Any], ...] = metrics.CONTROLLER

Key = tuple[str, tuple[tuple[str, str], ...]]


def scrape(*collectors: Any) -> dict[Key, float]:
    """Every sample, by its name and labels, after a way through the text format."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    text = generate_latest(registry).decode()
    found: dict[Key, float] = {}
    for family in parse(text):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def key(metric: str, /, **labels: str) -> Key:
    return f"virtinformer_{metric}", tuple(sorted(labels.items()))


def of(host: FakeHost, metric: str, /, **labels: str) -> Key:
    return key(metric, uri=f"fake:///{host.name}", **labels)


# ---------------------------------------------------------------- values


@virtual_time
async def test_what_a_quiet_informer_says() -> None:
    host = FakeHost()
    host.define("web")
    host.define("db")
    async with host.connect() as informer:
        found = scrape(InformerCollector(informer))
        assert found[of(host, "connected")] == 1
        assert found[of(host, "synced")] == 1
        assert found[of(host, "staleness_seconds")] == 0
        assert found[of(host, "connection_epoch")] == 1
        assert found[of(host, "reconnects_total")] == 0
        assert found[of(host, "domains")] == 2
        assert found[of(host, "resource_version")] == informer.resource_version
        assert found[of(host, "deltas_total", type="added", source="initial")] == 2
        assert found[of(host, "list_duration_seconds_count")] == 1
        assert found[of(host, "list_duration_seconds_sum")] == pytest.approx(0.01)
        assert found[of(host, "list_errors_total")] == 0
        assert abs(found[of(host, "last_contact_timestamp_seconds")] - _wall()) < 3600


def _wall() -> float:
    from datetime import UTC, datetime

    return datetime.now(UTC).timestamp()


@virtual_time
async def test_events_and_deltas_by_type_and_source() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.drop_next_events(2)  # Started and Resumed are lost
        host.start(web)
        await informer.sync()
        await asyncio.sleep(1)
        host.set_autostart(web, True)
        await informer.sync()
        host.undefine(web)
        host.destroy(web)
        await informer.sync()
        statistics = informer.statistics()
        found = scrape(InformerCollector(informer))
    events = {
        dict(labels)["type"] + "/" + dict(labels)["source"]: value
        for (metric, labels), value in found.items()
        if metric == "virtinformer_events_total"
    }
    assert events["Started/inferred"] == 1
    assert events["Stopped/host"] == 1
    assert sum(events.values()) == statistics.events_delivered
    assert found[of(host, "events_received_total")] == statistics.events_received > 0
    assert found[of(host, "events_superseded_total")] == statistics.events_superseded
    assert (
        found[of(host, "deltas_total", type="updated", source="refresh")] == 3
    )  # started, told so, marked
    assert found[of(host, "deltas_total", type="deleted", source="event")] == 1
    deltas = [v for (metric, _), v in found.items() if metric == "virtinformer_deltas_total"]
    assert sum(deltas) == sum(statistics.deltas.values())


@virtual_time
async def test_drift_is_what_the_resync_found() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=5.0) as informer:
        collector = InformerCollector(informer)
        assert scrape(collector)[of(host, "resync_drift_total")] == 0
        host.set_autostart(web, True)
        await asyncio.sleep(6)
        found = scrape(collector)
        assert found[of(host, "resync_drift_total")] == 1
        assert found[of(host, "deltas_total", type="updated", source="resync")] == 1


@virtual_time
async def test_how_long_reads_take() -> None:
    host = FakeHost(latency=Latency(read=0.02))
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        before = informer.statistics().reads
        for _ in range(3):
            await informer.refresh(web)
        found = scrape(InformerCollector(informer))
        assert informer.statistics().reads - before == 3
        assert found[of(host, "read_duration_seconds_count")] == before + 3
        assert found[of(host, "read_duration_seconds_sum")] == pytest.approx(0.02 * (before + 3))
        assert found[of(host, "read_duration_seconds_bucket", le="0.01")] == 0
        assert found[of(host, "read_duration_seconds_bucket", le="0.025")] == before + 3
        assert found[of(host, "read_duration_seconds_bucket", le="+Inf")] == before + 3


@virtual_time
async def test_reads_that_are_repeated_by_reason() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.fail_next_reads(2, uuid=web)
        await informer.refresh(web)
        host.tear_next_reads(1, uuid=web)
        await informer.refresh(web)
        await asyncio.sleep(1)
        host.fail_next_lists(1)
        await informer.sync()
        found = scrape(InformerCollector(informer))
        assert found[of(host, "read_retries_total", reason="error")] == 2
        assert found[of(host, "read_retries_total", reason="torn")] == 1
        assert found[of(host, "read_retries_total", reason="overtaken")] == 0
        assert found[of(host, "read_retries_total", reason="not_found_yet")] == 0
        assert found[of(host, "list_errors_total")] == 1


@virtual_time
async def test_a_look_up_that_comes_too_early_is_counted() -> None:
    """The event says Defined, the look-up finds nothing yet."""
    host = FakeHost()
    async with host.connect(resync_period=None) as informer:
        host.hold_events()
        web = host.define("web")
        host.undefine(web)
        host.release_events([0])
        await asyncio.sleep(2)
        found = scrape(InformerCollector(informer))
        assert found[of(host, "read_retries_total", reason="not_found_yet")] == 4


class Fails:
    def on_add(self, domain: vi.Domain) -> None:
        raise ZeroDivisionError


class Stuck:
    async def on_add(self, domain: vi.Domain) -> None:
        await asyncio.Event().wait()


@virtual_time
async def test_what_waits_for_whom_and_what_failed() -> None:
    host = FakeHost()
    for number in range(3):
        host.define(f"web-{number}")
    async with host.connect() as informer:
        streams = [informer.watch(), informer.watch(where=name("web-1"), initial=False)]
        events = informer.events()
        informer.add_event_handler(Stuck())
        failing = informer.add_event_handler(Fails())
        informer.add_event_handler(Fails(), where=lambda _: bool(1 // 0))
        await asyncio.sleep(1)
        collector = InformerCollector(informer)
        found = scrape(collector)
        watch = {"kind": "watch", "name": ""}
        assert found[of(host, "subscribers", **watch)] == 2
        assert found[of(host, "subscriber_queue_depth", **watch)] == 3
        assert found[of(host, "subscriber_queue_depth_max", **watch)] == 3
        assert found[of(host, "subscriber_queue_depth", kind="events", name="")] == 0
        stuck = {"kind": "handler", "name": "Stuck"}
        assert found[of(host, "subscriber_queue_depth", **stuck)] == 2
        assert found[of(host, "subscribers", kind="handler", name="Fails")] == 2
        assert found[of(host, "handler_errors_total")] == 6
        assert found[of(host, "callable_errors_total")] == 3
        await failing.aclose()
        assert scrape(collector)[of(host, "handler_errors_total")] == 6
        assert len(streams) == 2
        assert events is not None


@virtual_time
async def test_names_by_the_hundred_are_taken_together() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        stream = informer.watch()
        for number in range(NAMES + 10):
            handler = type(f"Handler{number:03}", (Stuck,), {})()
            informer.add_event_handler(handler)
        found = scrape(InformerCollector(informer))
        depths = {
            dict(labels)["name"]: value
            for (metric, labels), value in found.items()
            if metric == "virtinformer_subscribers"
        }
        assert len(depths) == NAMES + 1
        assert sum(depths.values()) == NAMES + 11
        assert depths["(others)"] == 11
        assert depths[""] == 1
        assert found[of(host, "subscriber_queue_depth_max", kind="handler", name="(others)")] == 1
        assert len(stream) == 1


@virtual_time
async def test_a_host_that_is_away() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        collector = InformerCollector(informer)
        host.disconnect()
        await asyncio.sleep(30)
        found = scrape(collector)
        assert found[of(host, "connected")] == found[of(host, "synced")] == 0
        assert found[of(host, "staleness_seconds")] == pytest.approx(30, abs=1)
        assert found[of(host, "domains")] == 1
        host.restart()
        await asyncio.sleep(60)
        found = scrape(collector)
        assert found[of(host, "connected")] == 1
        assert found[of(host, "reconnects_total")] == 1
        assert found[of(host, "connection_epoch")] > 2
    assert scrape(collector)[of(host, "connected")] == 0


@virtual_time
async def test_an_informer_that_is_not_open_yet() -> None:
    host = FakeHost()
    informer = host.connect()
    found = scrape(InformerCollector(informer))
    assert found[of(host, "connected")] == 0
    assert of(host, "last_contact_timestamp_seconds") not in found
    assert found[of(host, "read_duration_seconds_count")] == 0


# ---------------------------------------------------------------- never back


def counters(found: dict[Key, float], families: tuple[Family[Any], ...]) -> dict[Key, float]:
    """The samples that must not go down."""
    growing = {family.name for family in families if family.kind == "counter"}
    for family in families:
        if family.kind == "histogram":
            growing |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
    return {sample: value for sample, value in found.items() if sample[0] in growing}


@virtual_time
async def test_counters_never_go_down() -> None:
    host = FakeHost(latency=Latency(read=0.01))
    web, db = host.define("web"), host.define("db")

    async def reconcile(uuid: Any, informer: vi.DomainInformer) -> None:
        if uuid == web:
            raise ZeroDivisionError

    async with host.connect(resync_period=3.0) as informer:
        controller = vi.Controller(informer, reconcile, name="mender")
        running = asyncio.ensure_future(controller.run())
        collectors = InformerCollector(informer), ControllerCollector(controller)
        last: dict[Key, float] = {}
        for _ in range(3):
            registration = informer.add_event_handler(Fails())
            host.start(web)
            host.set_autostart(db, not getattr(informer.get(db), "autostart", False))
            await asyncio.sleep(4)
            last = at_least(last, scrape(*collectors))
            host.fail_next_reads(3)
            host.destroy(web)
            await registration.aclose()
            last = at_least(last, scrape(*collectors))
            host.restart()
            await asyncio.sleep(4)
            last = at_least(last, scrape(*collectors))
        controller.stop()
        await running
    at_least(last, scrape(*collectors))
    assert last[of(host, "handler_errors_total")] == 6
    assert last[of(host, "reconnects_total")] == 3


def at_least(last: dict[Key, float], found: dict[Key, float]) -> dict[Key, float]:
    now = counters(found, (*INFORMER, *CONTROLLER))
    assert {
        sample: (value, now[sample]) for sample, value in last.items() if now[sample] < value
    } == {}
    return now


def many_times(collector: InformerCollector) -> list[dict[Key, float]]:
    return [scrape(collector) for _ in range(30)]


@every_loop
async def test_a_scrape_comes_from_another_thread() -> None:
    """While subscribers come and go, and are filled and emptied."""
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        collector = InformerCollector(informer)
        scrapes = asyncio.create_task(asyncio.to_thread(many_times, collector))
        while not scrapes.done():
            registration = informer.add_event_handler(Fails())
            streams = [informer.watch() for _ in range(10)]
            host.start(web)
            await informer.sync()
            host.destroy(web)
            await informer.sync()
            await registration.aclose()
            del streams
        last: dict[Key, float] = {}
        for found in await scrapes:
            last = at_least(last, found)
        assert last[of(host, "events_received_total")] > 0


# ---------------------------------------------------------------- format


@asynccontextmanager
async def everything() -> AsyncIterator[tuple[InformerCollector, ControllerCollector]]:
    """Collectors of which each metric has a sample."""
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        controller = vi.Controller(informer, lambda uuid, informer: None, name="mender")
        running = asyncio.ensure_future(controller.run())
        informer.add_event_handler(Fails())
        host.start(web)
        await informer.sync()
        await asyncio.sleep(1)
        yield InformerCollector(informer), ControllerCollector(controller)
        controller.stop()
        await running


@virtual_time
async def test_both_formats_are_valid_and_every_metric_is_there() -> None:
    registry = CollectorRegistry()
    async with everything() as collectors:
        for collector in collectors:
            registry.register(collector)
        text = generate_latest(registry).decode()
        openmetrics = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call]
    plain = {family.name: family for family in parse(text)}
    opened = list(parse_openmetrics(openmetrics))  # type: ignore[no-untyped-call]
    assert len(opened) == len(INFORMER) + len(CONTROLLER)
    for family in (*INFORMER, *CONTROLLER):
        found = plain[family.name.removesuffix("_total")]
        assert found.type == family.kind
        assert found.documentation == family.help
        assert found.samples
        whose = "uri" if family in INFORMER else "controller"
        for sample in found.samples:
            assert set(sample.labels) - {"le"} == {whose, *family.labels}
            assert math.isfinite(sample.value)


@pytest.mark.parametrize("family", [*INFORMER, *CONTROLLER], ids=lambda family: family.name)
def test_names_follow_the_conventions(family: Family[Any]) -> None:
    """https://prometheus.io/docs/practices/naming/"""
    assert re.fullmatch(r"virtinformer(_[a-z]+)+", family.name)
    assert family.name.endswith("_total") is (family.kind == "counter")
    assert not re.search(r"_(count|sum|bucket|info|created)$", family.name)
    assert ("second" in family.name) <= ("_seconds" in family.name)
    assert family.kind != "histogram" or family.name.endswith("_seconds")
    assert family.help.endswith(".")
    assert all(re.fullmatch("[a-z]+", label) for label in family.labels)


@virtual_time
async def test_a_registry_knows_beforehand_what_will_come() -> None:
    async with everything() as collectors:
        for collector in collectors:
            described = [(m.name, m.type, m.documentation) for m in collector.describe()]
            assert described == [(m.name, m.type, m.documentation) for m in collector.collect()]
    registry = CollectorRegistry(auto_describe=True)
    registry.register(collectors[0])
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(InformerCollector())


# ---------------------------------------------------------------- several


@virtual_time
async def test_several_informers_are_told_apart() -> None:
    hosts = [FakeHost("a"), FakeHost("b")]
    hosts[1].define("web")
    async with hosts[0].connect() as first, hosts[1].connect() as second:
        collector = InformerCollector(first, second)
        found = scrape(collector)
        assert [found[of(host, "domains")] for host in hosts] == [0, 1]
        collector.remove(first)
        assert of(hosts[0], "domains") not in scrape(collector)
        async with hosts[1].connect() as again:
            with pytest.raises(ValueError, match=r"'fake:///b' already.*give another uri="):
                collector.add(again)
            collector.add(again, uri="the same again")
            assert scrape(collector)[key("domains", uri="the same again")] == 1


@virtual_time
async def test_a_label_may_hold_anything() -> None:
    host = FakeHost('a"b\\c\nd')
    async with host.connect() as informer:
        assert informer.name == 'fake:///a"b\\c\nd'
        assert scrape(InformerCollector(informer))[of(host, "domains")] == 0


# ---------------------------------------------------------------- controllers


@virtual_time
async def test_what_a_controller_says() -> None:
    host = FakeHost()
    web = host.define("web")
    host.define("db")

    async def reconcile(uuid: Any, informer: vi.DomainInformer) -> vi.Result | None:
        await asyncio.sleep(0.2)
        if uuid == web:
            raise ZeroDivisionError
        return vi.Result(requeue_after=1000.0)

    async with host.connect() as informer:
        controller = vi.Controller(
            informer, reconcile, workers=1, name="mender", backoff=vi.Backoff(100.0, 100.0)
        )
        collector = ControllerCollector(controller)
        with pytest.raises(ValueError, match=r"'mender' already.*give another name="):
            collector.add(controller)
        running = asyncio.ensure_future(controller.run())
        await asyncio.sleep(0.1)
        found = scrape(collector)
        mender = {"controller": "mender"}
        assert found[key("workqueue_running", **mender)] == 1
        assert found[key("workqueue_depth", **mender)] == 1
        assert found[key("workqueue_longest_running_seconds", **mender)] == pytest.approx(0.1)
        await asyncio.sleep(1)
        found = scrape(collector)
        assert found[key("controller_workers", **mender)] == 1
        assert found[key("controller_domains", **mender)] == 2
        assert found[key("controller_reconciles_total", result="error", **mender)] == 1
        assert found[key("controller_reconciles_total", result="requeue_after", **mender)] == 1
        assert found[key("controller_reconciles_total", result="success", **mender)] == 0
        assert found[key("workqueue_retries_total", **mender)] == 1
        assert found[key("workqueue_delayed", **mender)] == 2
        assert found[key("workqueue_adds_total", **mender)] == 2
        assert found[key("workqueue_work_duration_seconds_sum", **mender)] == pytest.approx(0.4)
        assert found[key("workqueue_queue_duration_seconds_count", **mender)] == 2
        controller.stop()
        await running
        collector.remove(controller)
        assert scrape(collector) == {}


# ---------------------------------------------------------------- without the extra


def test_without_the_extra_all_else_works_and_the_error_says_what_to_install() -> None:
    code = """
import sys
sys.modules["prometheus_client"] = None
import virtinformer, virtinformer.metrics, virtinformer.predicates
virtinformer.DomainInformer
try:
    import virtinformer.prometheus
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "virtinformer.prometheus needs prometheus-client: "
        "install it with `pip install 'virtinformer[prometheus]'`\n"
    )
    assert done.stderr == ""


# ---------------------------------------------------------------- the page


def rows() -> Iterator[tuple[str, ...]]:
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `virtinformer_"):
            yield tuple(cell.strip() for cell in line.strip("|").split("|"))


def test_the_page_names_every_metric_as_it_is() -> None:
    expected = [
        (
            f"`{family.name}`",
            family.kind,
            ", ".join(f"`{label}`" for label in (whose, *family.labels)),
            family.help,
        )
        for whose, families in (("uri", INFORMER), ("controller", CONTROLLER))
        for family in families
    ]
    assert list(rows()) == expected


def test_the_alerts_on_the_page_name_metrics_that_there_are() -> None:
    alerts = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert alerts
    known = {family.name for family in (*INFORMER, *CONTROLLER)}
    known |= {f"{f.name}_bucket" for f in (*INFORMER, *CONTROLLER) if f.kind == "histogram"}
    for alert in alerts:
        (group,) = yaml.safe_load(alert)["groups"]
        assert all({"alert", "expr"} <= rule.keys() for rule in group["rules"])
        assert set(re.findall(r"virtinformer_\w+", alert)) <= known
