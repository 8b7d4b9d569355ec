"""``python -m tests.fuzz``: look for bytes that reach something new, or break a promise.

::

    python -m tests.fuzz [--minutes N] [--keep] [TARGET…]    fuzz, a target after the other
    python -m tests.fuzz --show TARGET FILE…                 what the bytes of a file mean

A session of libFuzzer ends its process, so each target has one of its own
(`worker`). It begins with the kept corpus and grows a copy of it, under
``build/fuzz``; ``--keep`` makes that the kept one, when it has been minimised. What
fails lies there as well, and is printed as a test.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .targets import NAMES, target

CORPUS = Path(__file__).parent / "corpus"
WORK = Path("build/fuzz")
HANG = 25
"""Seconds that one input may take."""
MEMORY = 2048
SEEDS = 50
FOUND = "found-"
"""Files named so once showed a fault, or are what somebody thought of: never thrown away."""
KEPT = 400
"""So many files a target's kept corpus has at most: the smallest."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", metavar="TARGET", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--minutes", type=float, default=5.0, help="for all targets together")
    parser.add_argument("--keep", action="store_true", help="replace the kept corpus")
    parser.add_argument("--show", action="store_true", help="print what files mean as tests")
    options = parser.parse_args()
    if options.show:
        name, *files = options.targets
        for file in files:
            _say(target(name).story(Path(file).read_bytes()))
        return
    names = options.targets or list(NAMES)
    seconds = round(options.minutes * 60 / len(names))
    failed = [name for name in names if not fuzz(name, seconds)]
    if options.keep and not failed:
        for name in names:
            keep(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target; whether nothing was found. Prints one line at the end."""
    grown = WORK / name
    grown.mkdir(parents=True, exist_ok=True)
    kept = [str(path) for path in [CORPUS / name] if path.is_dir()]
    kept.append(str(seeds(name)))
    log = WORK / f"{name}.log"
    with log.open("w") as out:
        command = [*worker(name, f"-max_total_time={seconds}"), str(grown), *kept]
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False)
    text = log.read_text(errors="replace")
    if status.returncode:
        _say(text[-20_000:])
    _say(summary(name, text))
    return status.returncode == 0


def seeds(name: str) -> Path:
    """Some long stories to begin with: libFuzzer makes its own longer by and by only."""
    folder = WORK / f"{name}.seeds"
    folder.mkdir(exist_ok=True)
    chance = random.Random(name)
    length = target(name).length
    for number in range(SEEDS):
        data = chance.randbytes(chance.randrange(length))
        folder.joinpath(str(number)).write_bytes(data)
    return folder


def worker(name: str, *options: str) -> list[str]:
    length = (f"-max_len={target(name).length}", "-len_control=0")
    limits = (f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}", *length)
    finds = f"-artifact_prefix={WORK}/{name}-"
    module = f"{__package__}.worker"
    return [
        *(sys.executable, "-m", module, name),
        *(*limits, finds, "-print_final_stats=1", *options),
    ]


def summary(name: str, log: str) -> str:
    """What libFuzzer said: executions, branches, features, files, seconds."""
    runs = re.findall(r"stat::number_of_executed_units:\s+(\d+)", log)
    done = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)", log)
    took = re.findall(r"Done \d+ runs in (\d+) second", log)
    cov, features, files, size = done[-1] if done else ("?",) * 4
    return (
        f"{name:>10}: {(runs or ['?'])[-1]:>9} executions in {(took or ['?'])[-1]} s, "
        f"coverage {cov}, features {features}, corpus {files} files, {size}"
    )


def keep(name: str) -> None:
    """Make what was found the kept corpus: minimised, and the smallest files of it."""
    merged = WORK / f"{name}.merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    folders = (CORPUS / name, WORK / name, seeds(name))
    sources = [str(path) for path in folders if path.is_dir()]
    with (WORK / f"{name}.merge.log").open("w") as out:
        command = [*worker(name, "-merge=1"), str(merged), *sources]
        subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=True)
    assert any(merged.iterdir()), "nothing was merged"
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    for path in (CORPUS / name).iterdir():
        if not path.name.startswith(FOUND):
            path.unlink()
    smallest = sorted(merged.iterdir(), key=lambda path: (path.stat().st_size, path.name))[:KEPT]
    for path in smallest:
        # A short name: it only has to differ.
        shutil.copy(path, CORPUS / name / path.name[:12])
    _say(f"{name:>10}: {len(smallest)} of {len(list(merged.iterdir()))} files kept")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
