"""The tool itself: a short run of it, and what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from tests.soak.__main__ import main
from tests.soak.conductor import Plan
from tests.soak.picture import draw
from tests.soak.recording import HostSample, Recording, Sample
from tests.soak.summary import table
from tests.soak.test_verdict import made

ROOT = Path(__file__).parent.parent.parent
LIGHT = 200_000
"""Bytes: what a picture may weigh in the documentation."""


def two_hosts(recording: Recording) -> Recording:
    """The made-up recordings are of one host, and a picture is of two."""
    recording.samples = [
        attrs.evolve(sample, hosts={"test": (host := _drawable(sample)), "qemu": host})
        for sample in recording.samples
    ]
    return recording


def _drawable(sample: Sample) -> HostSample:
    host = sample.hosts["test"]
    return attrs.evolve(host, queues={"slow": 3, "never read": 9, "events": 0} | host.queues)


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    recording = made()
    recording.about = {"plan": attrs.asdict(Plan())}
    recording.save(tmp_path / "soak.jsonl")
    again = Recording.load(tmp_path / "soak.jsonl")
    assert again.samples == recording.samples
    assert again.faults == recording.faults
    assert again.end == recording.end
    assert again.about["plan"]["minutes"] == 30.0


def test_a_line_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind 'joke'"):
        Recording().add({"kind": "joke"})


def test_half_an_hour_makes_a_light_picture(tmp_path: Path) -> None:
    draw(two_hosts(made()), tmp_path / "soak.svg")
    assert (tmp_path / "soak.svg").stat().st_size < LIGHT
    draw(two_hosts(made()), tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "soak.svg").read_bytes()


def test_the_figures_are_a_table() -> None:
    lines = table(two_hosts(made(lambda at: {"rss": 70e6 + at * 1000}))).splitlines()
    assert lines[:2] == ["| | measured |", "|---|---|"]
    assert "| its trend after warm-up | +3.60 MB an hour |" in lines
    assert "| its trend in the second half | +3.60 MB an hour |" in lines
    assert "| descriptors at rest | 12 |" in lines
    assert "| longest queue: stuck (test) | 60, bound 120 |" in lines


@pytest.mark.timeout(180)
def test_a_short_run(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--quick", "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    recording = Recording.load(tmp_path / "soak.jsonl")
    assert len(recording.samples) > 10
    assert [fault.what for fault in recording.faults] == ["killed"]
    last = recording.samples[-1]
    assert {name: host.reconnects for name, host in last.hosts.items()} == {"test": 1, "qemu": 1}
    assert all(host.synced and host.deltas for host in last.hosts.values())
    assert all(figures["done"] for figures in recording.about["changes"].values())
    assert "flat: agreement with the hosts: nothing wrong" in result.stdout
    assert (tmp_path / "soak.svg").stat().st_size < LIGHT


def test_what_is_not_flat_is_said_and_is_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grown = two_hosts(made(lambda at: {"descriptors": int(at)}))
    grown.save(tmp_path / "soak.jsonl")
    assert main(["--again", "--out", str(tmp_path)]) == 1
    assert "NOT FLAT: descriptors: at most 1800 at rest" in capsys.readouterr().out
    assert (tmp_path / "soak.svg").exists()
    lines = (tmp_path / "soak.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["kind"] == "end"
