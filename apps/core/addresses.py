"""What addresses that people give may lead to."""

import ipaddress
import socket
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apps.core.errors import DomainError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadAddressError(DomainError):
    """It is no address of the web, or leads where this server must not go."""

    code = "bad_address"


def check_address(
    url: str, *, may_be_here: bool = False, may_be_private: bool = True
) -> list[Address]:
    """Look an address up and refuse what leads back into this host.

    Args:
        url: http or https.
        may_be_here: Takes this host, and the cloud's metadata beside it, too.
        may_be_private: Takes addresses of the company's own network.

    Returns:
        Where its host is. Who connects to one of these, and not to the name again,
        cannot be led elsewhere meanwhile.

    Raises:
        BadAddressError: Says what is wrong with it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise BadAddressError(
            _("{url} is no address: {reason}").format(url=url, reason=exc)
        ) from exc
    if parts.scheme not in {"http", "https"} or not host:
        raise BadAddressError(_("an address begins with https:// or http://"))
    if parts.username or parts.password:
        raise BadAddressError(_("an address holds no password: take it out"))
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise BadAddressError(
            _("{host} has no address: is it spelled right?").format(host=host)
        ) from exc
    told = [_plain(str(row[4][0])) for row in found]
    if not may_be_here and any(map(_is_here, told)):
        raise BadAddressError(
            _("{host} leads to this host itself: name another").format(host=host)
        )
    if not may_be_private and not all(one.is_global for one in told):
        raise BadAddressError(
            _(
                "{host} is in a private network, which this server does not fetch from"
            ).format(host=host)
        )
    return told


def _plain(text: str) -> Address:
    """An address without its zone; an IPv4 one inside IPv6 counts as what it is."""
    found = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _is_here(address: Address) -> bool:
    return address.is_loopback or address.is_link_local or address.is_unspecified
