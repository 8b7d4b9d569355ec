"""Text in few bytes: any text survives, and nobody can tell that it was packed."""

from __future__ import annotations

import copy
import pickle
import threading
import zlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtinformer._core import packed
from virtinformer._core.model import (
    CONTENT,
    Domain,
    Observation,
    changed_fields,
    evolved,
    same_content,
)
from virtinformer._core.packed import Held, held, pack, same, unpack
from virtinformer._core.phrases import PHRASES
from virtinformer._core.vocabulary import DomainState, RunningReason

from .driving import A
from .making import make

LONG = (
    "<domain>\n  <name>é</name>\n" + "  <memory unit='KiB'>32768</memory>\n" * 100 + "</domain>\n"
)
OTHER = LONG.replace("32768", "65536")

# Any `str`, also one that is no text to anybody else; half of them are long enough to be packed.
texts = st.tuples(st.text(st.characters(codec=None)), st.sampled_from([1, 2000])).map(
    lambda drawn: drawn[0] * drawn[1]
)


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_recent", ())


def forget() -> None:
    packed._recent = ()


def observation(**changes: object) -> Observation:
    seen = Observation(
        name="a",
        id=1,
        state=DomainState.RUNNING,
        reason=RunningReason.BOOTED,
        persistent=True,
        autostart=False,
        xml=LONG,
        config_xml=LONG,
    )
    return attrs.evolve(seen, **changes)  # type: ignore[arg-type]


@given(texts)
def test_any_text_survives(text: str) -> None:
    value = pack(text)
    forget()
    assert unpack(value) == text
    assert isinstance(value, bytes) == (len(text) >= packed.SHORT)


@given(texts, texts)
def test_the_same_is_the_same(one: str, other: str) -> None:
    first = pack(one)
    forget()
    assert same(first, pack(one))
    assert same(first, pack(other)) == (one == other)


@pytest.mark.parametrize(
    "text",
    ["", "\0", "\udcff" * 2000, "\ud800\udc00" * 2000, "\0" * 10_000, "\U0010ffff" * 1024],
)
def test_odd_texts_survive(text: str) -> None:
    value = pack(text)
    forget()
    assert unpack(value) == text


def test_a_huge_text_survives() -> None:
    text = "".join(f"<disk number='{number}'/>" for number in range(20_000))
    value = pack(text)
    assert unpack(value) == text
    assert packed._recent == ()  # so much is not kept open


def test_no_text_stays_none() -> None:
    assert pack(None) is None
    assert unpack(None) is None
    assert same(None, None)
    assert not same(None, "")
    assert not same("", pack(LONG))


def test_packing_twice_is_packing_once() -> None:
    value = pack(LONG)
    assert isinstance(value, bytes)
    assert pack(value) is value
    assert len(value) < len(LONG) / 10


def test_what_zlib_makes_of_a_text_need_not_always_be_the_same() -> None:
    value = pack(LONG)
    packer = zlib.compressobj(0, wbits=packed.WINDOW, zdict=PHRASES)
    otherwise = packer.compress(LONG.encode(*packed.CODING)) + packer.flush()
    assert value != otherwise
    assert same(value, otherwise)


def test_zlib_looks_at_all_of_the_phrases() -> None:
    assert len(PHRASES) <= 2**-packed.WINDOW - 262


def test_a_few_texts_are_kept_open_and_no_more() -> None:
    values = [pack(f"{LONG}{number}") for number in range(20)]
    assert len(packed._recent) == packed.RECENT
    forget()
    opened = [unpack(value) for value in values]
    assert len(packed._recent) == packed.RECENT
    assert unpack(values[-1]) is opened[-1]
    assert unpack(values[0]) is not opened[0]
    # What was opened and is held again, as by `attrs.evolve`, is not packed again.
    text = opened[-1]
    assert text is not None
    assert pack(text) is values[-1]


def test_threads_pack_and_open_at_once() -> None:
    texts = [f"{LONG}{number}" for number in range(50)]
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(text for text in texts if unpack(pack(text)) != text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_domain_holds_its_texts_packed_and_nobody_can_tell() -> None:
    domain = make(A, xml=LONG, config_xml=OTHER)
    assert isinstance(held("xml")(domain), bytes)
    forget()
    assert domain.xml == LONG
    assert domain.config_xml == OTHER
    assert domain == make(A, xml=LONG, config_xml=OTHER)
    assert hash(domain) == hash(make(A, xml=LONG, config_xml=OTHER))
    assert domain != make(A, xml=OTHER, config_xml=OTHER)
    assert LONG not in repr(domain)
    assert attrs.asdict(domain, recurse=False)["xml"] == LONG
    assert [field.name for field in attrs.fields(Observation)] == list(CONTENT)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        domain.xml = ""  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del domain.xml
    assert domain.element.findtext("name") == "é"


def test_a_domain_is_pickled_and_copied_with_its_texts_open() -> None:
    domain = make(A, xml=LONG, config_xml=OTHER)
    data = pickle.dumps(domain)
    assert LONG.encode() in data
    forget()
    for twin in (pickle.loads(data), copy.copy(domain), copy.deepcopy(domain)):
        assert twin == domain
        assert isinstance(held("xml")(twin), bytes)


def test_evolving_keeps_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    domain = make(A, xml=LONG, config_xml=OTHER)
    forget()
    monkeypatch.setattr(packed, "_unpack", _refuse)
    monkeypatch.setattr(packed, "_pack", _refuse)
    newer = evolved(domain, generation=7)
    assert newer.generation == 7
    assert held("xml")(newer) is held("xml")(domain)
    assert held("config_xml")(newer) is held("config_xml")(domain)
    assert attrs.evolve(domain, xml="", config_xml=None).xml == ""


def _refuse(_value: Held) -> None:
    raise AssertionError("a text was packed or opened")


def test_what_is_the_same_is_seen_without_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = observation(), observation()
    monkeypatch.setattr(packed, "_unpack", _refuse)
    assert same_content(old, new)
    assert changed_fields(old, new) == []
    assert held("xml")(old) is held("config_xml")(old)  # of a domain that is off: packed once


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "b"),
        ("id", 2),
        ("state", DomainState.PAUSED),
        ("reason", RunningReason.RESTORED),
        ("persistent", False),
        ("autostart", True),
        ("xml", OTHER),
        ("xml", ""),
        ("config_xml", OTHER),
        ("config_xml", None),
        ("settled", False),
    ],
)
def test_every_field_counts(name: str, value: object) -> None:
    old, new = observation(), observation(**{name: value})
    assert not same_content(old, new)
    assert changed_fields(old, new) == [name]


def test_domains_and_observations_are_compared_alike() -> None:
    seen = observation()
    domain = Domain(
        uuid=A,
        **attrs.asdict(seen, recurse=False),
        resource_version=1,
        generation=1,
        observed_at=make(A).observed_at,
    )
    assert same_content(domain, seen)
    assert changed_fields(domain, evolved(seen, autostart=True)) == ["autostart"]


def test_real_texts_become_very_short() -> None:
    """Were the phrases written wrongly, nothing but this would tell."""
    phrases = PHRASES.decode().splitlines()
    text = "\n".join(phrases[-60:]).replace("0x05", "0x0a")
    value = pack(text)
    assert isinstance(value, bytes)
    assert len(value) < len(text) / 20
