"""Names that the web server answers to, and what its secrets let in: without a server."""

from __future__ import annotations

import pytest

from smarter.cli.web.access import Access, Names, Refused, is_loopback, is_wildcard
from smarter.errors import UsageError


@pytest.mark.parametrize(
    ("host", "port", "allowed", "public", "address"),
    [
        ("127.0.0.1", 8000, (), None, "http://127.0.0.1:8000"),
        ("127.0.0.1", 80, (), None, "http://127.0.0.1"),
        ("::1", 8000, (), None, "http://[::1]:8000"),
        ("localhost", 8000, (), None, "http://localhost:8000"),
        ("10.0.0.5", 8000, ("meters.lan",), None, "http://10.0.0.5:8000"),
        ("0.0.0.0", 8000, (), None, "http://127.0.0.1:8000"),
        ("::", 8000, ("Meters.LAN:80", "x"), None, "http://meters.lan"),
        ("127.0.0.1", 8000, (), "https://Smart.Example/", "https://smart.example"),
        ("127.0.0.1", 8000, (), "https://smart.example:443", "https://smart.example"),
        ("127.0.0.1", 8000, (), "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_browsers_are_sent_to_an_address_that_is_answered(
    host: str, port: int, allowed: tuple[str, ...], public: str | None, address: str
) -> None:
    names = Names.of(host, port, allowed, public)
    assert names.address == address
    assert names.secure == address.startswith("https:")
    names.check([address.partition("://")[2]], [address], None)


def test_an_address_is_answered_where_the_connection_arrived_and_only_on_a_wildcard() -> None:
    for host in ("0.0.0.0", "::"):
        names = Names.of(host, 8000)
        names.check(["10.0.0.5:8000"], [], ("10.0.0.5", 8000))
        names.check(["[2001:db8::1]:8000"], [], ("2001:db8::1", 8000))
        for arrived_at in (None, ("10.0.0.6", 8000), ("10.0.0.5", 8001)):
            with pytest.raises(Refused):
                names.check(["10.0.0.5:8000"], [], arrived_at)
    with pytest.raises(Refused):
        Names.of("127.0.0.1", 8000).check(["10.0.0.5:8000"], [], ("10.0.0.5", 8000))


@pytest.mark.parametrize("name", ["", "http://x", "x/y", "x:", "x:0", "x:65536", "x:y", "a b", "x@y", "x\n", "ü", "*"])
def test_a_name_that_no_host_header_can_have_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match="--allow-host is not a host"):
        Names.of("127.0.0.1", 8000, [name])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "//x",
        "ftp://x",
        "https://",
        "https://x/app",
        "https://x?y",
        "https://x#y",
        "https://u@x",
        "https://x:y",
    ],
)
def test_a_public_url_that_is_no_origin_is_an_error(url: str) -> None:
    with pytest.raises(UsageError, match="--public-url is not an address"):
        Names.of("127.0.0.1", 8000, (), url)


def test_addresses_of_this_machine_are_known() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.5", "example.org", "")))
    assert all(map(is_wildcard, ("0.0.0.0", "::", "")))
    assert not any(map(is_wildcard, ("127.0.0.1", "localhost", "::1")))


def test_a_token_is_exchanged_once_and_each_browser_has_secrets_of_its_own() -> None:
    access = Access()
    secrets = {token := access.token}
    for _ in range(3):
        browser = access.exchange(access.token)
        secrets |= {access.token, browser.cookie, browser.key}
        assert access.browser(browser.cookie) == browser
        browser.check_key(browser.key)
    assert len(secrets) == 10
    for given in (token, "", access.token[:-1], f"{access.token}x", "ü", "\udcff"):
        with pytest.raises(Refused):
            access.exchange(given)
        with pytest.raises(Refused):
            access.browser(given)
        with pytest.raises(Refused):
            browser.check_key(given)
