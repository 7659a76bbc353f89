"""Which IP addresses are public, by IANA's registries of special-purpose addresses (RFC 6890 and its successors).

They stand here in full, since what Python calls global differs from version to version, and includes multicast and
tunnels that carry a private address inside.
"""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

#: The IPv4 addresses that are no public host's.
NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's metadata, the one that is no special-purpose address
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

#: The only IPv6 addresses that are given to hosts. IPv4-mapped ones, NAT64, unique local, link-local and multicast lie
#: outside of it.
UNICAST_V6 = IPv6Network("2000::/3")

#: What of them is no public host's.
NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether it is an IP address that a host on the open Internet may have."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        scoped = found.scope_id is not None
        return found in UNICAST_V6 and not scoped and not any(found in network for network in NOT_PUBLIC_V6)
    return not any(found in network for network in NOT_PUBLIC_V4)


def is_loopback(address: str) -> bool:
    """Whether it is an IP address of this very machine's."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
