"""Reading one domain, untorn: from the test driver, and from a stub that moves meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import libvirt
import pytest

from tests.libvirt.recording import defined, domain_xml, opened
from virtinformer._core.messages import Gone
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import DomainState, RunningReason, ShutoffReason
from virtinformer._libvirt.reads import TRIES, agrees, read_domain, read_known


def seen(host: libvirt.virConnect, domain: libvirt.virDomain) -> Observation:
    result = read_domain(host, UUID(domain.UUIDString()))
    assert isinstance(result, Observation)
    return result


def test_a_running_domain() -> None:
    with opened() as host, defined(host, start=True) as domain:
        observation = seen(host, domain)
        assert observation.state is DomainState.RUNNING
        assert observation.reason is RunningReason.BOOTED
        assert observation.id == domain.ID()
        assert observation.persistent
        assert not observation.autostart
        assert f" id='{domain.ID()}'" in observation.xml
        assert observation.config_xml is not None
        assert " id=" not in observation.config_xml.partition(">")[0]
        assert observation.settled


def test_a_domain_that_is_off() -> None:
    with opened() as host, defined(host) as domain:
        domain.setAutostart(1)
        observation = seen(host, domain)
        assert observation.state is DomainState.SHUTOFF
        assert type(observation.reason) is ShutoffReason
        assert observation.id == -1
        assert observation.persistent
        assert observation.autostart
        assert observation.config_xml == observation.xml
        assert observation.settled


def test_a_transient_domain_has_no_configuration() -> None:
    with opened() as host:
        domain = host.createXML(domain_xml())
        try:
            observation = seen(host, domain)
        finally:
            domain.destroy()
        assert not observation.persistent
        assert observation.config_xml is None
        assert observation.settled
        del domain


def test_a_domain_that_is_gone() -> None:
    with opened() as host:
        assert read_domain(host, UUID(int=1)) == Gone()


def test_a_name_with_markup_is_no_tear() -> None:
    with opened() as host, defined(host, name="a&amp;b&lt;&#233;") as domain:
        observation = seen(host, domain)
        assert observation.name == "a&b<é"
        assert observation.settled


@pytest.mark.parametrize("character", [*map(chr, range(1, 0x20))], ids=ascii)
def test_what_xml_cannot_hold_of_a_name_is_no_tear(character: str) -> None:
    """libvirt 9 takes any of them in a rename, and leaves most out of the XML."""
    with opened() as host, defined(host) as domain:
        domain.rename(f"a{character}b")
        observation = seen(host, domain)
        assert observation.name == f"a{character}b"
        assert observation.settled


class Error(libvirt.libvirtError):
    """An error of libvirt with a code of our choice."""

    def __init__(self, code: int) -> None:
        Exception.__init__(self, f"error {code}")
        self.err = (code, 0, "", 2, "", None, None, -1, -1)


class Handle:
    """A domain handle; `during` is called at each call on it, and may move the domain."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._name, self._id = truth.name, truth.id

    def name(self) -> str:
        return self._name

    def ID(self) -> int:  # noqa: N802 - libvirt's name
        return self._id

    def state(self) -> list[int]:
        self._truth.call("state")
        return [self._truth.state, 1]

    def XMLDesc(self, flags: int) -> str:  # noqa: N802 - libvirt's name
        assert not flags & libvirt.VIR_DOMAIN_XML_SECURE
        self._truth.call("inactive" if flags else "xml")
        return self._truth.xml

    def isPersistent(self) -> int:  # noqa: N802 - libvirt's name
        self._truth.call("isPersistent")
        return 1

    def autostart(self) -> int:
        self._truth.call("autostart")
        return 1


class Truth:
    """A host with one domain."""

    def __init__(self) -> None:
        self.name, self.id, self.state = "web", 3, 1
        self.text: str | None = None
        self.calls: list[str] = []
        self.during: dict[str, Callable[[], None]] = {}

    @property
    def xml(self) -> str:
        id_ = f" id='{self.id}'" if self.id >= 0 else ""
        return self.text or f"<domain type='kvm'{id_}>\n  <name>{self.name}</name>\n</domain>"

    def call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.during:
            self.during[name]()

    def lookupByUUID(self, uuid: bytes) -> Handle:  # noqa: N802 - libvirt's name
        self.call("lookup")
        return Handle(self)


def read(truth: Any) -> Observation:
    result = read_domain(truth, UUID(int=1))
    assert isinstance(result, Observation)
    return result


def fail(code: int) -> Callable[[], None]:
    def raise_it() -> None:
        raise Error(code)

    return raise_it


def test_a_still_domain_takes_one_try() -> None:
    truth = Truth()
    assert read(truth).settled
    assert truth.calls.count("lookup") == 1


@pytest.mark.parametrize("moment", ["xml", "isPersistent", "autostart", "inactive"])
def test_a_state_that_changes_meanwhile_is_read_again(moment: str) -> None:
    truth = Truth()

    def pause() -> None:
        truth.state = 3
        del truth.during[moment]

    truth.during[moment] = pause
    observation = read(truth)
    assert observation.settled
    assert observation.state is DomainState.PAUSED
    assert truth.calls.count("lookup") == 2


def test_a_restart_meanwhile_shows_in_the_id() -> None:
    truth = Truth()

    def restart() -> None:
        truth.id += 1
        del truth.during["xml"]

    truth.during["xml"] = restart
    observation = read(truth)
    assert observation.settled
    assert observation.id == 4
    assert "id='4'" in observation.xml
    assert truth.calls.count("lookup") == 2


def test_a_rename_meanwhile_shows_in_the_name() -> None:
    truth = Truth()

    def rename() -> None:
        truth.name = "renamed"
        del truth.during["xml"]

    truth.during["xml"] = rename
    observation = read(truth)
    assert (observation.name, observation.settled) == ("renamed", True)
    assert truth.calls.count("lookup") == 2


def test_a_domain_that_never_holds_still_is_delivered_as_it_is() -> None:
    truth = Truth()

    def move() -> None:
        truth.state = 4 - truth.state

    truth.during["xml"] = move
    assert not read(truth).settled
    assert truth.calls.count("lookup") == TRIES


def test_no_domain_from_a_handle_is_looked_up_again() -> None:
    truth = Truth()

    def vanish() -> None:
        del truth.during["xml"]
        raise Error(libvirt.VIR_ERR_NO_DOMAIN)

    truth.during["xml"] = vanish
    assert read(truth).settled


def test_a_domain_that_is_replaced_again_and_again_is_read_all_the_same() -> None:
    truth = Truth()
    left = 2 * TRIES

    def vanish() -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Error(libvirt.VIR_ERR_NO_DOMAIN)

    truth.during["xml"] = vanish
    assert read(truth).settled


def test_only_the_lookup_says_gone() -> None:
    truth: Any = Truth()
    truth.during["xml"] = fail(libvirt.VIR_ERR_NO_DOMAIN)
    with pytest.raises(libvirt.libvirtError):
        read_domain(truth, UUID(int=1))
    truth.during["lookup"] = fail(libvirt.VIR_ERR_NO_DOMAIN)
    assert read_domain(truth, UUID(int=1)) == Gone()


def test_an_error_is_unknown_not_gone() -> None:
    truth: Any = Truth()
    truth.during["lookup"] = fail(libvirt.VIR_ERR_RPC)
    with pytest.raises(libvirt.libvirtError):
        read_domain(truth, UUID(int=1))


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_SUPPORT])
def test_autostart_that_cannot_be_asked_is_off(code: int) -> None:
    truth = Truth()
    truth.during["autostart"] = fail(code)
    assert not read(truth).autostart


def test_a_driver_without_transient_domains_or_configurations() -> None:
    truth = Truth()
    truth.during["isPersistent"] = fail(libvirt.VIR_ERR_NO_SUPPORT)
    truth.during["inactive"] = fail(libvirt.VIR_ERR_NO_SUPPORT)
    observation = read(truth)
    assert observation.persistent
    assert observation.config_xml is None


@pytest.mark.parametrize("text", ["", "<domain", "no xml at all", "<domain id='3'><name>web"])
def test_malformed_xml_is_delivered_as_text(text: str) -> None:
    truth = Truth()
    truth.text = text or " "
    observation = read(truth)
    assert observation.xml == truth.text
    assert observation.settled


@pytest.mark.parametrize(
    "text",
    [
        "<domain id='" + "9" * 5000 + "'>",
        "<domain id='3'><name>&#" + "9" * 5000 + ";</name>",
        "<domain " * 200_000,
    ],
    ids=["long id", "long reference", "half-open"],
)
def test_absurd_xml_is_read_as_well(text: str) -> None:
    """Python takes no number of so many digits; the last one takes minutes if looked at again."""
    truth = Truth()
    truth.text = text
    assert read(truth).xml == text


def test_an_unknown_state_is_a_number() -> None:
    truth = Truth()
    truth.state = 77
    assert read(truth).state.name == "UNKNOWN_77"


@pytest.mark.parametrize(
    ("id_", "state", "expected"),
    [
        (-1, DomainState.SHUTOFF, True),
        (-1, DomainState.CRASHED, True),
        (-1, DomainState.RUNNING, False),
        (5, DomainState.SHUTOFF, False),
        (5, DomainState.CRASHED, True),
        (5, DomainState.PMSUSPENDED, True),
    ],
)
def test_an_id_must_suit_the_state(id_: int, state: DomainState, expected: bool) -> None:
    shown = f" id='{id_}'" if id_ >= 0 else ""
    xml = f"<domain type='kvm'{shown} xmlns:q='urn:q'><name>n</name></domain>"
    assert agrees(xml, "n", id_, state) is expected


def test_a_handle_at_hand_saves_the_look_up() -> None:
    truth = Truth()
    handle: Any = Handle(truth)
    assert read_known(handle) == read(truth)
    assert truth.calls.count("lookup") == 1


def rename(truth: Truth) -> None:
    truth.name = "other"


def restart(truth: Truth) -> None:
    truth.id += 1


def vanish(truth: Truth) -> None:
    truth.during["state"] = fail(libvirt.VIR_ERR_NO_DOMAIN)


def garble(truth: Truth) -> None:
    truth.text = "nothing of a name"


def pause_meanwhile(truth: Truth) -> None:
    truth.during["autostart"] = lambda: setattr(truth, "state", 3)


@pytest.mark.parametrize("change", [rename, restart, vanish, garble, pause_meanwhile])
def test_a_handle_whose_words_need_not_hold_any_more_decides_nothing(
    change: Callable[[Truth], None],
) -> None:
    truth = Truth()
    handle: Any = Handle(truth)
    change(truth)
    assert read_known(handle) is None


def test_a_handle_whose_name_xml_cannot_hold_decides_nothing() -> None:
    """Renamed from one such name to another: the XML looks the same."""
    with opened() as host, defined(host) as domain:
        domain.rename("a\x01b")
        old = host.lookupByUUIDString(domain.UUIDString())
        domain.rename("a\x02b")
        assert read_known(old) is None
        assert seen(host, domain).name == "a\x02b"


def test_the_handle_of_the_test_driver_is_as_good_as_a_look_up() -> None:
    with opened() as host, defined(host, start=True) as domain:
        assert read_known(host.lookupByUUIDString(domain.UUIDString())) == seen(host, domain)
