"""``smarter serve`` against other users, other websites and other names, by HTTP and websockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from pyte import ByteStream, Screen

from tests.support.serving import Served, free_port, plain, visiting

pytestmark = pytest.mark.slow
if os.name == "nt":
    pytest.skip("a process group is ended differently here", allow_module_level=True)

ROUTES = ("/", "/page.js", "/static/js/textual.js", "/static/", "/download/x", "/ws/x", "/favicon.ico", "/../etc")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that no test changes, except that tokens are used."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        patch.chdir(tmp_path_factory.mktemp("desk"))
        served = Served()
    yield served
    served.close()


@pytest.fixture
def served() -> Iterator[Callable[..., Served]]:
    """Serves with arguments."""
    servers: list[Served] = []

    def begin(*arguments: str) -> Served:
        servers.append(Served(*arguments))
        return servers[-1]

    yield begin
    for each in servers:
        each.close()


def origin(server: Served) -> dict[str, str]:
    """What the page's own requests carry."""
    return {"Origin": server.url}


def raw(server: Served, *lines: str) -> str:
    """The status line of the answer to these lines."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        client.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return client.recv(100).decode().partition("\r\n")[0]


@pytest.mark.parametrize("path", [*ROUTES, "/?token=", "/?token=wrong", "/?token=%00", "/page.js?token=wrong"])
async def test_without_a_cookie_each_route_is_refused_in_one_sentence(server: Served, path: str) -> None:
    async with visiting(server) as stranger:
        status, text, headers = await stranger.get(path)
    assert status == 403
    assert text.count("\n") == 1
    assert "open the newest address" in text
    assert headers["Content-Type"].startswith("text/plain")
    assert "Set-Cookie" not in headers


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root becomes another user")
def test_another_user_of_the_machine_sees_no_token_and_gets_no_page(server: Served) -> None:
    attack = f"""
import encodings.idna, os, socket, sys  # all of them before it may not read them
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for name in os.listdir("/proc"):
    for file in ("cmdline", "environ"):
        try:
            sys.stdout.buffer.write(open("/proc/" + name + "/" + file, "rb").read())
        except OSError:
            pass
with socket.create_connection(("127.0.0.1", {server.port})) as client:
    client.sendall(b"GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{server.port}\\r\\n\\r\\n")
    sys.stdout.buffer.write(client.recv(100))
"""
    seen = subprocess.run([sys.executable, "-c", attack], capture_output=True, check=True).stdout
    assert f"--port\0{server.port}\0".encode() in seen  # it does see the server
    assert server.token.encode() not in seen
    assert b"HTTP/1.1 403 " in seen


async def test_every_answer_carries_the_headers_that_fence_a_page_in(server: Served) -> None:
    async with visiting(server) as browser:
        answers = [await browser.get(path) for path in ROUTES]
        answers.append((303, "", await browser.enter()))
        answers += [await browser.get(path) for path in ROUTES]
    assert {status for status, _, _ in answers} >= {200, 303, 403, 404}
    for _, _, headers in answers:
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


async def test_a_token_becomes_a_cookie_and_is_gone_from_the_address(server: Served) -> None:
    async with visiting(server) as browser:
        token = server.token
        assert len(token) >= 43  # 256 bits in base64url
        headers = await browser.enter()
        assert re.fullmatch(r"/#[\w-]{43}", headers["Location"])
        assert token not in str(headers)
        cookie, *about = headers["Set-Cookie"].split("; ")
        assert re.fullmatch(rf"smarter-{server.port}=[\w-]{{43}}", cookie)
        assert sorted(about) == ["HttpOnly", "Path=/", "SameSite=Strict"]
        for _ in range(2):  # a tab, and its reload
            assert (await browser.get())[0] == 200
        assert (await browser.get("/static/js/textual.js"))[0] == 200


async def test_a_token_lets_one_browser_in_and_the_next_needs_the_next(server: Served) -> None:
    async with visiting(server) as first, visiting(server) as thief, visiting(server) as second:
        token = server.token
        await first.enter()
        assert (await thief.get(f"/?token={token}"))[0] == 403
        assert (await first.get(f"/?token={token}"))[0] == 303  # as the back button does
        assert server.token != token
        await second.enter()
        assert (await first.get())[0] == (await second.get())[0] == 200
        assert first.key != second.key


async def test_a_preview_of_the_address_does_not_use_it_up(server: Served) -> None:
    async with visiting(server) as browser:
        token = server.token
        assert await browser.head(f"/?token={token}") == 403
        assert (await browser.get(f"/?token={token}", Host="evil.example"))[0] == 403
        assert (await browser.get(f"/?token={token}", Origin="http://evil.example"))[0] == 403
        assert server.token == token
        await browser.enter()


async def test_the_page_names_the_scenario_and_asks_no_other_site(server: Served) -> None:
    async with visiting(server) as browser:
        await browser.enter()
        _, text, headers = await browser.get()
        _, script, _ = await browser.get("/page.js")
    assert "<title>Smarter: quickstart</title>" in text
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", text) == [
        "data:,",
        "/static/css/xterm.css",
        "/static/js/textual.js",
        "/page.js",
    ]
    assert not re.search(r"https?://\w", text + script)
    sources = re.findall(r"\S+:\S*", headers["Content-Security-Policy"].replace(";", ""))
    assert sorted(sources) == sorted(["data:", *(f"ws://{name}:{server.port}" for name in NAMES[:2])])


NAMES = ("127.0.0.1", "localhost", "[::1]")


async def test_a_handshake_needs_the_pages_own_origin(server: Served) -> None:
    async with visiting(server) as browser:
        await browser.enter()
        assert await browser.handshake() == 403
        for foreign in (
            "null",
            "",
            "http://evil.example",
            f"http://evil.example:{server.port}",
            f"https://127.0.0.1:{server.port}",
            f"http://127.0.0.1:{free_port()}",
            f"http://localhost:{server.port}",  # another site to the browser
            f"{server.url}.evil.example",
            f"{server.url}/",
        ):
            assert await browser.handshake(Origin=foreign) == 403, foreign
        assert await browser.handshake(**origin(server)) == 101


async def test_a_cookie_that_another_port_was_sent_starts_no_session(server: Served) -> None:
    async with visiting(server) as owner, visiting(server) as other:
        await owner.enter()
        await other.enter()
        for key in ("", "x", "null", owner.key[:-1], other.key):
            assert await owner.handshake(key, **origin(server)) in (403, 404), key
        _, page, _ = await owner.get()
        _, script, _ = await owner.get("/page.js")
        assert owner.key not in page + script


async def test_a_cookie_of_its_name_from_another_port_keeps_one_out_and_lets_no_other_in(server: Served) -> None:
    async with visiting(server) as owner, visiting(server) as stranger:
        ours = (await owner.enter())["Set-Cookie"].partition(";")[0]
        foreign = f"smarter-{server.port}={'x' * 43}"
        answers = [(await stranger.get(Cookie=cookies))[0] for cookies in (f"{foreign}; {ours}", f"{ours}; {foreign}")]
        assert sorted(answers) == [200, 403], "one of them counts"
        assert (await stranger.get(Cookie=foreign))[0] == 403
        assert (await owner.get())[0] == 200


async def test_a_key_without_its_cookie_starts_no_session(server: Served) -> None:
    async with visiting(server) as owner, visiting(server) as stranger:
        await owner.enter()
        assert await stranger.handshake(owner.key, **origin(server)) == 403


async def test_a_foreign_host_is_refused_even_with_the_cookie(server: Served) -> None:
    async with visiting(server) as browser:
        await browser.enter()
        for foreign in (
            "evil.example",
            f"evil.example:{server.port}",
            f"127.0.0.1.evil.example:{server.port}",
            f"127.0.0.1:{server.port}@evil.example",
            "127.0.0.1",
            f"127.0.0.1:{free_port()}",
            f"127.0.0.1.:{server.port}",
            f"127.1:{server.port}",
            f"0.0.0.0:{server.port}",
        ):
            for path in ("/", "/static/js/textual.js", "/download/x"):
                status, text, _ = await browser.get(path, Host=foreign)
                assert status in (400, 403), foreign
                assert foreign not in text
            assert await browser.handshake(Host=foreign, Origin=f"http://{foreign}") in (400, 403), foreign
        for name in NAMES:
            assert (await browser.get(Host=f"{name}:{server.port}"))[0] == 200
        assert (await browser.get(Host=f"LocalHost:{server.port}"))[0] == 200


def test_a_host_that_is_missing_or_given_twice_is_refused(server: Served) -> None:
    ours = f"Host: 127.0.0.1:{server.port}"
    path = f"/?token={server.token}"
    for lines in (
        (f"GET {path} HTTP/1.0",),
        (f"GET {path} HTTP/1.1",),
        (f"GET {path} HTTP/1.1", ours, "Host: evil.example"),
        (f"GET {path} HTTP/1.1", "Host: evil.example", ours),
        (f"GET {path} HTTP/1.1", ours, f"Origin: {server.url}", "Origin: http://evil.example"),
        (f"GET http://evil.example{path} HTTP/1.1", "Host: evil.example"),
    ):
        assert re.match(r"HTTP/1.[01] (400|403) ", raw(server, *lines)), lines
    assert raw(server, f"GET {path} HTTP/1.1", ours).startswith("HTTP/1.1 303 ")


async def test_no_more_sessions_than_the_cap_and_a_closed_one_makes_room(served: Callable[..., Served]) -> None:
    server = served("--sessions", "1")
    async with visiting(server) as browser, visiting(server) as second:
        await browser.enter()
        await second.enter()
        async with browser.session(**origin(server)) as session:
            await session.receive(30)
            assert await browser.handshake(**origin(server)) == 503
            assert await second.handshake(**origin(server)) == 503
            status, text, headers = await browser.get()
            assert status == 503
            assert text == (
                "No session is free (most at once: 1): close another tab, or start `smarter serve` with --sessions.\n"
            )
            assert headers["Refresh"] == "3"
        for _ in range(100):
            if (await second.get())[0] == 200:
                break
            await asyncio.sleep(0.1)
        assert await second.handshake(**origin(server)) == 101
    assert "Traceback" not in "".join(server.stderr)


async def test_a_download_is_for_the_browser_that_exported_it_once_and_is_confirmed(server: Served) -> None:
    async with visiting(server) as owner, visiting(server) as other, visiting(server) as stranger:
        await owner.enter()
        await other.enter()
        async with owner.session(**origin(server)) as session:
            screen = Screen(100, 30)
            stream = ByteStream(screen)

            async def until(pattern: str) -> str:
                """Its messages, until one is such text or the screen shows it."""
                while not re.search(pattern, "\n".join(screen.display)):
                    message = await session.receive(60)
                    if isinstance(message.data, bytes):
                        stream.feed(plain(message.data))
                    elif found := re.search(pattern, str(message.data)):
                        return found[1]
                return ""

            await until("⏎ Choose")  # in focus from the start
            await session.send_json(["stdin", "8"])
            await until("aes-gcm")
            await session.send_json(["stdin", "e"])
            key = await until(r'deliver_file_start", "(\w+)"')
            await until(r"Handed plugins\.csv")
            assert (await stranger.get(f"/download/{key}"))[0] == 403
            assert (await other.get(f"/download/{key}"))[0] == 404
            status, text, headers = await owner.get(f"/download/{key}")
            assert status == 200
            assert "aes-gcm" in text
            assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''plugins.csv"
            await until(r"Downloaded plugins\.csv")
            assert (await owner.get(f"/download/{key}"))[0] == 404


async def test_named_hosts_and_a_proxy_are_answered(served: Callable[..., Served]) -> None:
    server = served(
        *("--allow-host", "meters.lan", "--allow-host", "localhost:9"), "--public-url", "https://smart.example"
    )
    assert server.addresses(1)[0].startswith("https://smart.example/?token=")
    async with visiting(server) as browser:
        token = server.token
        _, _, headers = await browser.get(f"/?token={token}", Host="smart.example", Origin="https://smart.example")
        assert "; Secure" in headers["Set-Cookie"]
        value = headers["Set-Cookie"].partition(";")[0]
        browser.key = headers["Location"].partition("#")[2]
        for host, status in (
            ("smart.example", 200),
            (f"meters.lan:{server.port}", 200),
            ("localhost:9", 200),
            ("meters.lan", 403),
            ("smart.example:8443", 403),
        ):
            assert (await browser.get(Host=host, Cookie=value))[0] == status, host
        about = {"Host": f"127.0.0.1:{server.port}", "Cookie": value}  # many proxies send their own
        assert await browser.handshake(Origin="http://smart.example", **about) == 403
        assert await browser.handshake(Origin="https://smart.example", **about) == 101


async def test_on_all_addresses_it_answers_to_the_one_that_was_reached(served: Callable[..., Served]) -> None:
    server = served("--host", "0.0.0.0")
    said = "".join(server.stderr)
    assert re.search(r"^warning: 0\.0\.0\.0 port \d+ has no encryption", said)
    assert "ssh -L" in said
    assert server.addresses(1)[0].startswith(f"{server.url}/?token=")
    for name, reason in (("127.0.0.2", "This browser has no access"), ("127.0.0.3", "This name does not belong")):
        with socket.create_connection(("127.0.0.2", server.port), 30) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {name}:{server.port}\r\n\r\n".encode())
            assert reason in client.recv(4000).decode(), name
    async with visiting(server) as browser:
        await browser.enter()
        assert (await browser.get(Host=f"rebound.example:{server.port}"))[0] == 403
        assert (await browser.get())[0] == 200


def test_quiet_prints_addresses_alone_on_standard_output(served: Callable[..., Served]) -> None:
    server = served("--quiet", "--host", "0.0.0.0")

    async def enter() -> None:
        async with visiting(server) as browser:
            await browser.enter()

    asyncio.run(enter())
    assert server.interrupt() == 0
    assert len(server.stdout) == 2
    for line in server.stdout:
        assert re.fullmatch(rf"{server.url}/\?token=[\w-]{{43}}\n", line)
    assert server.stderr == []


def test_a_reader_of_the_address_that_is_gone_does_not_end_it() -> None:
    port = free_port()
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "smarter", "serve", "--quiet", "--port", str(port)]
    process = subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    try:
        for _ in range(600):
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 30):
                break
            time.sleep(0.1)
        with pytest.raises(subprocess.TimeoutExpired):  # it has printed by then
            process.wait(0.5)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert said == ""
