"""Each check by itself, in an environment of its own: `nox -l` lists them.

`./scripts/test` runs what a change has to pass, on one Python; here are all of them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests", "core", "docs"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
# Those that look at the sources and the project stay behind, and those with a session of their own.
NOT_FOR_WHEELS = (
    *(f"test_{name}.py" for name in ("diagrams", "docs", "layers", "project")),
    *("bench", "fuzz", "live", "peers", "simulation", "soak", "torture"),
)


def install(session: nox.Session, *groups: str) -> None:
    """Have the project, editable, and what the groups of pyproject.toml name."""
    session.install(*nox.project.dependency_groups(PYPROJECT, *groups), "-e", ".[cli]")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, on each supported Python that is found; arguments go to pytest."""
    install(session, "tests")
    session.run("pytest", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """All tests, and which lines and branches they reach."""
    install(session, "tests")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def core(session: nox.Session) -> None:
    """The quick tests of the core alone, which reach every line and every branch of it."""
    install(session, "tests")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "tests/core", "-k", "not TestCore")
    session.run("coverage", "combine")
    session.run("coverage", "report", "--include=src/virtinformer/_core/*", "--fail-under=100")


@nox.session
def mutants(session: nox.Session) -> None:
    """Small mistakes in the core, one at a time: most have to make a quick test fail."""
    install(session, "mutants")
    session.run("python", "scripts/mutants.py", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """The property tests, with many more examples, and new ones each time."""
    install(session, "tests")
    arguments = session.posargs or ["tests/core", "tests/guarantees"]
    session.run("pytest", "--hypothesis-profile=nightly", "--timeout=0", *arguments)


@nox.session
def simulation(session: nox.Session) -> None:
    """A hundred thousand made-up worlds, judged by the guarantees; `-- --seeds N`, `--first K`."""
    install(session, "tests")
    arguments = ["--seeds", "100000", "--processes", str(os.cpu_count() or 1), *session.posargs]
    session.run("python", "-m", "tests.simulation", *arguments)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Hostile input, guided by coverage; arguments go to tests.fuzz: --minutes N, targets."""
    install(session, "fuzz")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, by ruff."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Types, by mypy; by pyright, how a user sees them, and that no public name is without one."""
    install(session, "typing")
    session.run("mypy")
    session.run("pyright", "tests/typing")
    session.run("pyright", "--verifytypes", "virtinformer", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, with every warning an error."""
    install(session, "docs")
    target = Path("docs/_build")
    shutil.rmtree(target, ignore_errors=True)
    session.run("sphinx-build", "-W", "--keep-going", "-n", "-b", "html", "docs", f"{target}/html")


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks; arguments go to them: `-- --quick`, `-- burst --json FILE`."""
    install(session, "bench")
    session.run("python", "-m", "bench", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Other informers in the same scenarios; `-- --page docs/proof/peers.md` writes the page."""
    install(session, "peers")
    session.run("python", "-m", "tests.peers", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """A long, steady life with reconnects: is it flat? `-- --minutes N`; the plot says where."""
    install(session, "tests")
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def torture(session: nox.Session) -> None:
    """Everything at once on real daemons and QEMU: `-- --minutes N [--seed S] [--only …]`."""
    install(session, "tests")
    session.run("python", "-m", "tests.torture", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Build what is published, into dist/, and run the tests against the wheel alone.

    The tests are copied to a folder without `src`, so that nothing but what was installed can
    be imported; arguments go to pytest.
    """
    shutil.rmtree("dist", ignore_errors=True)
    session.install("build", "twine")
    session.run("python", "-m", "build")  # the sdist, and from it the wheel
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    (wheel,) = Path("dist").resolve().glob("*.whl")
    away = away_from_src(session)
    extras = ",".join(PYPROJECT["project"]["optional-dependencies"])
    groups = nox.project.dependency_groups(PYPROJECT, "tests")
    session.install("--force-reinstall", "--no-deps", str(wheel))
    session.install(*groups, f"virtinformer[{extras}] @ {wheel.as_uri()}")
    session.chdir(away)
    session.run("python", "-I", "-c", "import virtinformer; print(virtinformer.__file__)")
    ignored = (f"--ignore=tests/{name}" for name in NOT_FOR_WHEELS)
    session.run("pytest", "-p", "no:cacheprovider", *ignored, *session.posargs)


def away_from_src(session: nox.Session) -> Path:
    """A new folder with the tests and what they read, and without the package."""
    away = Path(session.create_tmp()).resolve() / "away"
    shutil.rmtree(away, ignore_errors=True)
    away.mkdir()
    for folder in ("docs", "examples", "scripts", "tests"):
        shutil.copytree(folder, away / folder, ignore=shutil.ignore_patterns("_build"))
    shutil.copy("pyproject.toml", away)
    return away
