"""Decides by names and secrets which requests the web server answers.

Three secrets, each of 256 random bits, prove that a browser was given the address that ``smarter serve`` printed:

- A *token* is part of the printed address. It is used up by the first browser that brings it, and a new one is made.
  The command line of a browser that is started with the address can be read by all users of the machine.
- A *cookie* replaces the token. Tabs and reloads of the same browser need no other token.
- A *page key* goes with each cookie, and only the page's own origin can read it. A browser sends cookies to every
  port of a host (RFC 6265, section 8.5), also to the server of another user. The cookie alone starts no session.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from smarter.errors import SmarterError, UsageError

LOOPBACK = "127.0.0.1"
LOOPBACK_NAMES = (LOOPBACK, "localhost", "::1")
SECRET_BYTES = 32
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAMED = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


class Refused(SmarterError):
    """A request that is not answered, with the sentence that its sender reads."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def is_wildcard(host: str) -> bool:
    """Whether ``host`` listens on all addresses of this machine, as ``0.0.0.0`` does."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_unspecified
    return not host


def authority(host: str, port: int, scheme: str = "http") -> str:
    """The Host header for ``host`` and ``port``; the scheme's default port is left out."""
    shown = f"[{host}]" if ":" in host else host.lower()
    return shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"


@dataclass(frozen=True)
class Names:
    """The names under which browsers may reach the server.

    Attributes:
        address: where browsers are sent, such as ``http://127.0.0.1:8000``.
        hosts: accepted Host headers, in lower case.
        public: origin of a proxy in front of the server, such as ``https://meters.example``.
        wildcard: accept also the IP address at which a connection arrived.
    """

    address: str
    hosts: frozenset[str]
    public: str | None = None
    wildcard: bool = False

    @classmethod
    def of(cls, host: str, port: int, allowed: Sequence[str] = (), public_url: str | None = None) -> Names:
        """Names for a server on ``host`` and ``port``, and those that options add.

        Raises:
            UsageError: a name or the URL is malformed.
        """
        listed = [*LOOPBACK_NAMES, *(() if is_wildcard(host) else (host,))]
        hosts = [authority(name, port) for name in listed]
        hosts += (named := [_allowed(name, port) for name in allowed])
        if is_wildcard(host):
            address = f"http://{named[0] if named else authority(LOOPBACK, port)}"
        else:
            address = f"http://{authority(host, port)}"
        public = None
        if public_url is not None:
            address = public = _origin(public_url)
            hosts.append(public.partition("://")[2])
        return cls(address, frozenset(hosts), public, is_wildcard(host))

    @property
    def secure(self) -> bool:
        """Whether browsers reach the server by HTTPS."""
        return self.address.startswith("https:")

    def check(self, hosts: Sequence[str], origins: Sequence[str], arrived_at: tuple[str, int] | None) -> None:
        """Check the Host and Origin headers of a request.

        The Host must be known, which defeats DNS rebinding. An Origin, where there is one, must be that of the Host or
        of the proxy. ``arrived_at`` is the local address of the connection: rebinding has no hold on an IP address.

        Raises:
            Refused: a header is missing, repeated or foreign.
        """
        if len(hosts) != 1 or not self._answers_to(host := hosts[0].lower(), arrived_at):
            raise Refused(
                "This name does not belong to the server: "
                "use the printed address, or start `smarter serve` with --allow-host or --public-url."
            )
        if len(origins) > 1 or any(origin not in (f"http://{host}", self.public) for origin in origins):
            raise Refused("This request comes from another website, and it is refused.")

    def _answers_to(self, host: str, arrived_at: tuple[str, int] | None) -> bool:
        arrived = self.wildcard and arrived_at is not None and host == authority(*arrived_at)
        return arrived or host in self.hosts


def _allowed(name: str, port: int) -> str:
    """What ``--allow-host`` names, with the server's port where it has none."""
    found = _NAMED.fullmatch(name)
    if found is None or not 0 < int(found[2] or port) < 65536:
        raise UsageError(f"--allow-host is not a host: {name!r}. Write NAME or NAME:PORT, without http://.")
    return authority(found[1].strip("[]"), int(found[2] or port))


def _origin(url: str) -> str:
    """Scheme, host and port of ``--public-url``."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if parts.scheme not in _DEFAULT_PORTS or not bare or not _NAMED.fullmatch(parts.netloc):
        raise UsageError(f"--public-url is not an address: {url!r}. Write https://NAME or https://NAME:PORT.")
    host = authority(parts.hostname or "", port or _DEFAULT_PORTS[parts.scheme], parts.scheme)
    return f"{parts.scheme}://{host}"


@dataclass(frozen=True)
class Browser:
    """A browser that has brought a token.

    Attributes:
        cookie: secret that all of its requests carry.
        key: secret that its page brings along to start a session.
    """

    cookie: str
    key: str

    def check_key(self, key: str) -> None:
        """Check that ``key`` is this browser's.

        Raises:
            Refused: it is not.
        """
        if not _equal(self.key, key):
            raise Refused("This page has no key: open the newest address that `smarter serve` printed.")


class Access:
    """The token that is open, and the browsers that have brought earlier ones."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(SECRET_BYTES)
        self._browsers: list[Browser] = []

    def exchange(self, token: str) -> Browser:
        """Exchange ``token`` for a cookie and a key; the next browser needs a new token.

        Raises:
            Refused: the token is wrong or used up.
        """
        if not _equal(self.token, token):
            raise Refused("This token is wrong or used: open the newest address that `smarter serve` printed.")
        self.token = secrets.token_urlsafe(SECRET_BYTES)
        browser = Browser(secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES))
        self._browsers.append(browser)
        return browser

    def browser(self, cookie: str) -> Browser:
        """The browser that was given ``cookie``.

        Raises:
            Refused: no browser was.
        """
        found = [browser for browser in self._browsers if _equal(browser.cookie, cookie)]
        if not found:
            raise Refused("This browser has no access: open the newest address that `smarter serve` printed.")
        return found[0]


def _equal(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode(errors="replace"))
