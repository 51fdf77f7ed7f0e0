"""Each address in each role, over real sockets: who may, who may not, and what other pages' scripts cannot do."""

from __future__ import annotations

import http.client
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import zmq

from inspector.harness import configuration
from inspector.harness.ports import HOST, Ports
from inspector.service.desk import Desk
from inspector.service.settings import CommandsSection
from inspector.station import users
from inspector.station.access import TRIES
from inspector.station.app import HEADERS
from tests.patience import patience_s
from tests.recipes import write_recipe
from tests.stations import Answer, Station

PASSWORDS: dict[users.Role, str] = {
    "viewer": "sees and sees",
    "operator": "acts and acts",
    "engineer": "knows and knows",
}
PAGES = ("/", "/live", "/coils", "/coil?coil=C", "/review", "/history")
ASKED = (
    "/api/coils",
    "/api/coil?coil=C",
    "/api/crops?coil=C&defect=d",
    "/api/crop?image=seen/x.png",
    "/api/gallery",
    "/api/history",
)
ACKNOWLEDGE = {"command": "acknowledge", "alarm": "a", "operator": "Kim"}
DECIDE = {"command": "decide", "coil": "C", "grade": "hold", "reason": "why", "operator": "Kim"}
LABEL = {"label": "sound", "operator": "Kim", "items": [{"coil": "C", "defect": "d", "seen": ""}]}
REFUSED = {401, 403}
PASSED = 409
"""A command that was let through: the line of these tests is never ready, and says so."""


@contextmanager
def station_of(folder: Path, text: str) -> Iterator[Station]:
    """A station of a line of which nothing runs but its desk."""
    ports = Ports.free()
    write_recipe(folder / "recipe")
    (folder / "archive" / "seen").mkdir(parents=True)
    configuration.write(
        folder / "line.toml",
        ports,
        Path("recipe"),
        line="test",
        mm_per_px=0.5,
        sections={"archive": {"path": "archive"}},
    )
    path = folder / "station.toml"
    path.write_text(f'bind = "127.0.0.1:0"\n{text}[[line]]\nconfig = "line.toml"\n')
    with zmq.Context() as context:
        desk = Desk(context, CommandsSection(ports.address("commands")), "test", lambda: "it never will be")
        try:
            with Station(path, folder) as station:
                yield station
        finally:
            desk.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station that asks who is there; a user of each role."""
    folder = tmp_path_factory.mktemp("guarded")
    for role, password in PASSWORDS.items():
        users.add(folder / "users.json", role, role, password)
    with station_of(folder, 'users = "users.json"\nproxies = ["127.0.0.9"]\n') as made:
        yield made


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station for this machine alone."""
    with station_of(tmp_path_factory.mktemp("local"), "") as made:
        yield made


def as_nobody(station: Station) -> Station:
    """The station, as who has not logged in."""
    station.cookie = station.token = ""
    return station


def test_nobody_sees_anything(guarded: Station) -> None:
    """Pages lead to the login, the rest is refused; only health, the login and what the login looks like are there."""
    station = as_nobody(guarded)
    for path in PAGES:
        answer = station.ask(path)
        assert (answer.status, answer.headers["location"]) == (303, "/login"), path
    for path in (*ASKED, "/api/stream"):
        assert station.ask(path).status == 401, path
    for order in (ACKNOWLEDGE, DECIDE):
        assert station.command(order).status == 401
    for path in ("/api/relabel", "/api/export", "/logout"):
        assert station.ask(path, "POST").status == 401, path
    for path in ("/health", "/login", "/static/station.css"):
        assert station.ask(path).status == 200, path


@pytest.mark.parametrize(
    ("role", "acknowledges", "decides"),
    [("viewer", 403, 403), ("operator", PASSED, 403), ("engineer", PASSED, PASSED)],
)
def test_each_role_may_what_it_may(guarded: Station, role: users.Role, acknowledges: int, decides: int) -> None:
    """All see; operators answer alarms; engineers decide."""
    station = as_nobody(guarded)
    assert station.log_in(role, PASSWORDS[role]).status == 303
    for path in PAGES[1:]:
        assert station.ask(path).status == 200, path
    for path in ASKED:
        assert station.ask(path).status not in REFUSED, path
    assert station.command(ACKNOWLEDGE).status == acknowledges
    assert station.command(DECIDE).status == decides
    assert station.command({**ACKNOWLEDGE, "command": "out_of_service"}).status == decides
    assert station.post("/api/relabel", LABEL).status == acknowledges
    assert (station.post("/api/export", {}).status == 403) == (decides == 403)
    assert station.ask("/api/exported?id=x").status == {403: 403, PASSED: 410}[decides]
    token = station.token
    assert station.ask("/logout", "POST", x_station_token=token).status == 204
    assert station.ask("/live").status == 303, "a copy of the cookie ends with the session"
    assert station.ask("/api/coils").status == 401


def test_a_session_is_not_enough_to_change_anything(guarded: Station) -> None:
    """Another page's script sends the cookie, but cannot know the token, nor send JSON."""
    station = as_nobody(guarded)
    station.log_in("engineer", PASSWORDS["engineer"])
    for token in ("", "x" * 32, "\xe4"):
        assert station.command(ACKNOWLEDGE, x_station_token=token).status == 403
    assert station.command(ACKNOWLEDGE, content_type="text/plain").status == 415
    assert station.ask("/api/command").status == 405
    assert station.ask("/logout", "POST").status == 403


def test_what_is_no_command_is_refused_in_words(guarded: Station) -> None:
    """Too much, no JSON, none that there is, one without a reason."""
    station = as_nobody(guarded)
    station.log_in("engineer", PASSWORDS["engineer"])
    assert station.command({**ACKNOWLEDGE, "alarm": "a" * 20_000}).status == 413
    assert station.command({"command": "explode"}).status == 400
    assert station.command({"command": "alarms"}).status == 400
    assert "reason" in station.command({**DECIDE, "reason": " "}).json()["error"]
    assert station.ask("/live?line=other").status == 404


def test_a_user_who_is_removed_is_out(tmp_path: Path) -> None:
    """At once, whatever the session says, and what is open ends; so it is with another password. Who guesses waits."""
    path = tmp_path
    for role, password in PASSWORDS.items():
        users.add(path / "users.json", role, role, password)
    with station_of(path, 'users = "users.json"\nproxies = ["127.0.0.9"]\n') as station:
        station.log_in("operator", PASSWORDS["operator"])
        assert station.command(ACKNOWLEDGE).status == PASSED
        users.add(path / "users.json", "operator", "viewer", "another, as well")
        assert station.command(ACKNOWLEDGE).status == 401
        station.log_in("operator", "another, as well")
        assert station.command(ACKNOWLEDGE).status == 403
        stream = http.client.HTTPConnection(HOST, station.port, timeout=patience_s())
        stream.request("GET", "/api/stream", headers={"cookie": station.cookie})
        answer = stream.getresponse()
        assert answer.status == 200 and answer.readline() == b"retry: 1000\n"
        users.remove(path / "users.json", "operator")
        assert station.ask("/api/coils").status == 401
        answer.read()  # it ends: nothing more is shown
        stream.close()
        _try_too_often(station)


def _try_too_often(station: Station) -> None:
    """A wrong password is refused, then nobody of that name or address is let in for a while."""
    wrong = [station.log_in("engineer", f"wrong {number}").status for number in range(TRIES + 1)]
    assert wrong == [403] * TRIES + [429]
    refused = station.log_in("engineer", PASSWORDS["engineer"])
    assert refused.status == 429 and int(refused.headers["retry-after"]) > 0


def test_a_form_of_another_page_logs_nobody_in(guarded: Station) -> None:
    """The browser says where it comes from."""
    form = b"name=viewer&password=sees+and+sees"
    answer = as_nobody(guarded).ask("/login", "POST", form, sec_fetch_site="cross-site")
    assert answer.status == 403 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("form", ["&".join(f"field{n}=1" for n in range(12)), "", "%00=%ff&name", "name=" + "x" * 9000])
def test_what_is_no_form_of_the_page_logs_nobody_in(guarded: Station, form: str) -> None:
    """Refused as a wrong password is, and the station lives."""
    answer = as_nobody(guarded).ask("/login", "POST", form.encode())
    assert answer.status in (403, 429) and "set-cookie" not in answer.headers


def test_on_loopback_nobody_logs_in(local: Station) -> None:
    """Whoever is at the machine may all, with the token that its pages carry."""
    assert local.ask("/login").status == 303
    assert local.ask("/live").status == 200
    assert local.command(ACKNOWLEDGE).status == 403
    local.read_token()
    assert local.command(ACKNOWLEDGE).status == PASSED
    assert local.command({"command": "acknowledge", "alarm": "a"}).status == 400  # without a name


def test_a_name_that_is_not_the_stations_is_refused(local: Station, guarded: Station) -> None:
    """A page elsewhere that has its own name point here (DNS rebinding) reads nothing."""
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example"):
        assert local.ask("/live", host=host).status == 421, host
    for host in ("localhost:80", f"127.0.0.1:{local.port}", "[::1]:8470"):
        assert local.ask("/health", host=host).status == 200, host
    assert as_nobody(guarded).ask("/health", host="station.mill").status == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/api/coil?coil=C&seq={'9' * 5000}",
        "/api/coil?coil=%00&seq=-1",
        f"/api/crops?coil={'C' * 5000}&defect=d",
        "/api/crops?coil=*&defect=%00",
        "/api/coil?part=meta&stamp=x",
        f"/api/crop?image=seen/{'a' * 300}.png",
        f"/api/strip_tile?image=strip/{'a' * 300}.jpg",
        f"/api/strip?coil={'x' * 400}&from_mm=0&to_mm=1e308&screen_mm=1e-308",
    ],
)
def test_odd_questions_are_answered(local: Station, path: str) -> None:
    """With what is wrong, or nothing found: never with a fault of the station."""
    assert local.ask(path).status < 500


def test_an_odd_place_in_the_stream_begins_again(local: Station) -> None:
    """Whatever a browser claims to have seen last."""
    for last in ("9" * 6000, "e:" + "9" * 6000, ":", "\xe9:1"):
        connection = http.client.HTTPConnection(HOST, local.port, timeout=patience_s())
        connection.request("GET", "/api/stream", headers={"last-event-id": last})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.readline() == b"retry: 1000\n"
        connection.close()


def test_every_answer_keeps_the_browser_careful(local: Station) -> None:
    """Policy, no sniffing, no frame; pages are not kept, files are asked for again."""
    answers: list[Answer] = [
        local.ask(path) for path in ("/live", "/api/coils", "/static/live.js", "/nowhere", "/login")
    ]
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name.lower()] == value
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert answers[0].headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/coil/../report.py", "/api/crop?image=../users.json"]
)
def test_no_other_file_is_served(local: Station, path: str) -> None:
    """Neither above the folder of scripts nor next to the archive's pictures."""
    assert local.ask(path).status == 404


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_behind_a_proxy_with_tls_the_session_leaves_by_tls_alone(tmp_path: Path) -> None:
    """What the named proxy says of the browser's connection counts; in the clear the cookie would not come back."""
    users.add(tmp_path / "users.json", "viewer", "viewer", PASSWORDS["viewer"])
    with station_of(tmp_path, 'users = "users.json"\nproxies = ["127.0.0.1"]\n') as station:
        form = urlencode({"name": "viewer", "password": PASSWORDS["viewer"]}).encode()
        for scheme, is_secure in (("https", True), ("http", False)):
            answer = station.ask("/login", "POST", form, x_forwarded_proto=scheme)
            assert answer.status == 303 and ("; secure" in answer.headers["set-cookie"]) is is_secure


def test_with_a_certificate_all_is_encrypted(tmp_path: Path) -> None:
    """The session's cookie too: a browser sends it over TLS alone."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2"
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    users.add(tmp_path / "users.json", "viewer", "viewer", PASSWORDS["viewer"])
    text = 'users = "users.json"\nproxies = ["127.0.0.9"]\ncertificate = "cert.pem"\ncertificate_key = "key.pem"\n'
    with station_of(tmp_path, text) as station:
        assert station.address.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        connection = http.client.HTTPSConnection("localhost", station.port, context=trusted, timeout=patience_s())
        form = f"name=viewer&password={PASSWORDS['viewer'].replace(' ', '+')}"
        connection.request("POST", "/login", form, {"content-type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        cookie = answer.headers["set-cookie"].lower()
        assert answer.status == 303 and "secure" in cookie and "httponly" in cookie
        connection.close()
