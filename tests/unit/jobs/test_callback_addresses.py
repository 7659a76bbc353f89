"""Where a callback may go: every trick that hides a private address behind a public look."""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.callbacks.addresses import NOT_PUBLIC_V4, is_public
from jobs.callbacks.post import NotReached, addresses_of
from jobs.callbacks.urls import Target, target_of
from jobs.errors import InvalidRequest

PUBLIC = ["93.184.215.14", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "223.255.255.255",
          "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1"]  # fmt: skip

NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - looked at, not bound to
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1"],
    "link-local": ["169.254.0.1", "fe80::1", "fe80::1%eth0"],
    "metadata": ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"],
    "behind a carrier's NAT": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1", "198.19.255.255"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::ffff:7f00:1"],
    "IPv4-compatible": ["::127.0.0.1", "::7f00:1"],
    "6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::1"],
    "6to4 relay": ["192.88.99.1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"],
    "Teredo": ["2001:0:7f00:1::1"],
    "ORCHID": ["2001:20::1"],
    "segment routing": ["5f00::1"],
    "discard": ["100::1"],
    "a public one with a zone": ["2606:4700::1111%eth0"],
    "no address": ["", "localhost", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "١.١.١.١"],
}  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, some in NOT_PUBLIC.items() for one in some])
def test_no_other_address_is(kind: str, address: str) -> None:
    assert not is_public(address), kind


@given(st.sampled_from(NOT_PUBLIC_V4), st.data())
def test_no_way_to_write_a_private_ipv4_address_in_ipv6_is_public(network: Any, data: st.DataObject) -> None:
    inside = int(data.draw(st.integers(int(network.network_address), int(network.broadcast_address))))
    mapped, six_to_four = (0xFFFF << 32) | inside, (0x2002 << 112) | (inside << 80)
    nat64, teredo = (0x64FF9B << 96) | inside, (0x20010000 << 96) | (inside << 64) | (inside ^ 0xFFFFFFFF)
    assert not is_public(str(IPv4Address(inside)))
    for number in (mapped, six_to_four, nat64, teredo, inside):
        assert not is_public(str(IPv6Address(number)))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target(True, "example.com", 443, "/", loopback=False)),
        (
            "HTTPS://Hooks.Example.COM:8443/a?b=%C3%A9&c",
            Target(True, "hooks.example.com", 8443, "/a?b=%C3%A9&c", False),
        ),
        ("https://example.com.:443/a", Target(True, "example.com", 443, "/a", loopback=False)),
        ("https://xn--mnchen-3ya.example/", Target(True, "xn--mnchen-3ya.example", 443, "/", loopback=False)),
        ("https://1.1.1.1/", Target(True, "1.1.1.1", 443, "/", loopback=False)),
        ("https://[2606:4700::1111]/", Target(True, "2606:4700::1111", 443, "/", loopback=False)),
    ],
)
def test_an_address_is_taken_apart(url: str, target: Target) -> None:
    assert target_of(url, loopback=False) == target
    assert target_of(url, loopback=True) == target


REFUSED = {
    "begin with https": ["http://example.com", "ftp://example.com", "//example.com", "example.com/a", "file:///etc/passwd"],
    "a user's name or a fragment": ["https://a@example.com", "https://a:b@example.com", "https://example.com/#a",
                                    "https://169.254.169.254#@example.com/", "https://@example.com"],
    "its port must be": ["https://example.com:80", "https://example.com:22", "https://example.com:444"],
    "cannot be read": ["https://example.com:x", "https://example.com:99999", "https://[::1", "https://[nonsense]/"],
    "must be a public address": ["https://127.0.0.1", "https://[::1]/", "https://[::ffff:169.254.169.254]/",
                                 "https://169.254.169.254/latest/meta-data", "https://[fe80::1%25eth0]/", "https://127.0.0.1."],
    "full name of a public host": ["https://", "https:///a", "https://localhost", "https://localhost.", "https://db",
                                   "https://a.localhost", "https://printer.local", "https://x.ec2.internal",
                                   "https://2130706433", "https://0x7f000001", "https://0x7f.1", "https://127.1",
                                   "https://0177.0.0.1", "https://1.2.3.4.5", "https://a..b.example", "https://-a.example",
                                   "https://exa%6dple.com", "https://a.example.1", "https://*.example"],
    "characters that are none of a URL's": ["https://exämple.com", "https://example.com/a b", "https://example.com\\@127.0.0.1",
                                            "https://example.com/\n", "https://example.com/\r\nX-A: b", "https://１２７.0.0.1",
                                            "https://example。com", "", "https://example.com/\0"],
}  # fmt: skip


@pytest.mark.parametrize(("sentence", "url"), [(why, url) for why, urls in REFUSED.items() for url in urls])
def test_what_leads_nowhere_public_is_refused_in_words(sentence: str, url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^callback_url: ") as refused:
        target_of(url, loopback=False)
    assert sentence in str(refused.value)


LOOPBACK = [
    "http://localhost/a",
    "http://localhost:9/",
    "http://127.0.0.1:8080/",
    "https://[::1]:9/",
    "http://127.9.9.9/",
]


@pytest.mark.parametrize("url", LOOPBACK)
def test_this_machine_is_reached_only_where_the_deployment_was_told_so(url: str) -> None:
    assert target_of(url, loopback=True).loopback
    with pytest.raises(InvalidRequest):
        target_of(url, loopback=False)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://example.com/", "https://192.168.0.1/", "http://0.0.0.0/",
                                 "http://169.254.169.254/", "https://example.com:9000/"])  # fmt: skip
def test_a_deployment_that_allows_loopback_allows_nothing_else(url: str) -> None:
    with pytest.raises(InvalidRequest):
        target_of(url, loopback=True)


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name have these addresses."""

    def getaddrinfo(host: str, port: int, **_: Any) -> Sequence[Any]:
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(family, 1, 6, "", (address, port)) for family, address in zip(families, addresses, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


EXAMPLE = Target(True, "example.com", 443, "/", loopback=False)
HERE = Target(False, "localhost", 80, "/", loopback=True)


def test_a_name_has_its_addresses_with_those_first_that_every_network_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving_to(monkeypatch, "2606:4700::1111", "1.1.1.1", "1.1.1.1", "1.0.0.1")
    assert addresses_of(EXAMPLE) == ["1.1.1.1", "1.0.0.1", "2606:4700::1111"]


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("1.1.1.1", "10.0.0.1"), ("169.254.169.254",), ("2606:4700::1111", "::1"), ()]
)
def test_a_name_with_one_address_that_is_not_public_has_none(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    resolving_to(monkeypatch, *addresses)
    with pytest.raises(NotReached, match=r"example\.com has an address that is not public"):
        addresses_of(EXAMPLE)


def test_a_name_of_this_machine_must_lead_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving_to(monkeypatch, "127.0.0.1", "::1")
    assert addresses_of(HERE) == ["127.0.0.1", "::1"]
    resolving_to(monkeypatch, "127.0.0.1", "1.1.1.1")
    with pytest.raises(NotReached):
        addresses_of(HERE)


def test_a_name_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotReached, match=r"example\.com has no address"):
        addresses_of(EXAMPLE)
