"""Which benchmarks there are, and which of them a quick run does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bench import (
    burst,
    core_deltas,
    event_latency,
    event_latency_aio,
    fanout,
    host_cost,
    import_time,
    initial_sync,
    large,
    memory,
    readers,
    resync,
    scale,
)
from bench.setting import Benchmark

__all__ = ["BENCHMARKS", "QUICK"]

BENCHMARKS: Final[Mapping[str, Benchmark]] = MappingProxyType(
    {
        "initial_sync": initial_sync.run,
        "resync": resync.run,
        "event_latency": event_latency.run,
        "event_latency_aio": event_latency_aio.run,
        "burst": burst.run,
        "core_deltas": core_deltas.run,
        "readers": readers.run,
        "scale": scale.run,
        "large": large.run,
        "fanout": fanout.run,
        "host_cost": host_cost.run,
        "memory": memory.run,
        "import_time": import_time.run,
    }
)

QUICK: Final = ("initial_sync", "resync", "event_latency", "burst", "core_deltas", "scale")
