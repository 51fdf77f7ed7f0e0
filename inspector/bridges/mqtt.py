"""Events to an MQTT broker (version 5): QoS 1, one topic for each, a retained status with a last will.

    steel/line3/defect/pitted    the event, byte for byte as it was published
    steel/line3/bridge/status    {"state": "online", ...}, retained; "offline" when the bridge has gone

Version 5, as its acknowledgement carries a reason: a broker of 3.1.1 throws away what its access list forbids, and
acknowledges it all the same.

Knows: MQTT, by way of paho. Must not know: the journal, the cursor.
"""

from __future__ import annotations

import argparse
import logging
import re
import ssl
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from inspector import plain_file
from inspector.bridges.forward import Away, BrokerRefused, Status
from inspector.errors import EXIT_CONFIG, InspectorError
from inspector.records.envelope import Event

if TYPE_CHECKING:
    from paho.mqtt.client import Client

log = logging.getLogger("inspector")

WORDS = "send events to an MQTT broker"
UNDER_WAY = 256
"""Events that wait for their acknowledgement at most; fewer where the broker says so (Receive Maximum)."""
CONNECT_S = 10.0
KEEPALIVE_S = 15
"""A broker that is gone without notice is detected in one and a half of these, and so is a bridge by the broker."""
LAST_S = 2.0
"""How long the broker may take over the bridge's own last status."""
STALLED_S = 30.0
"""A broker that acknowledges nothing for so long is left, and asked again."""
OVERHEAD_BYTES = 16
"""Of a PUBLISH packet, besides topic and payload."""
WITH_WILL = 0x04
"""DISCONNECT's reason that has the broker publish the last will (MQTT 5, 3.14.2.1)."""
ADMISSION = {0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C}
"""CONNACK's reasons that waiting does not mend: version, client id, password, rights, ban, method (MQTT 5, 3.2.2.2)."""


class OptionsError(InspectorError):
    """Options or files that cannot be used."""

    exit_code = EXIT_CONFIG


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector bridge mqtt`."""
    add = parser.add_argument_group("the broker").add_argument
    add("--broker", type=_address, default=("127.0.0.1", 1883), metavar="HOST:PORT", help="(default: 127.0.0.1:1883)")
    add(
        "--topic",
        type=_prefix,
        default="steel",
        metavar="PREFIX",
        help="topics are PREFIX/LINE/KIND/NAME (default: %(default)s)",
    )
    add("--client-id", metavar="ID", help="identity at the broker, of no other client (default: inspector-LINE)")
    add("--user", metavar="NAME", help="name at the broker")
    add("--password-file", type=Path, metavar="FILE", help="first line: the user's password; an empty file: none")
    add("--tls", action="store_true", help="TLS, with the system's certificate authorities")
    add("--ca", type=Path, metavar="FILE", help="TLS, with these certificate authorities")
    add("--cert", type=Path, metavar="FILE", help="TLS: certificate of this bridge, for a broker that asks for one")
    add("--key", type=Path, metavar="FILE", help="TLS: its key")


def open_broker(args: argparse.Namespace) -> Mqtt:
    """Make the broker that the options describe; it is not connected yet.

    Raises: OptionsError.
    """
    try:
        import paho.mqtt.client as _  # noqa: F401
    except ImportError as error:
        raise OptionsError(
            "the package paho-mqtt is not installed; expected it. Run: pip install 'inline-steel-inspector[mqtt]'"
        ) from error
    if (args.cert is None) != (args.key is None):
        raise OptionsError("--cert and --key: expected both or none. Give the certificate and its key.")
    context = _tls(args) if args.tls or args.ca or args.cert else None
    return Mqtt(
        args.broker,
        f"{args.topic}/{args.line}",
        client_id=args.client_id or f"inspector-{args.line}",
        user=args.user,
        password=_password(args.password_file),
        tls=context,
    )


class Mqtt:
    """One broker; see `forward.Broker`."""

    def __init__(
        self,
        address: tuple[str, int],
        prefix: str,
        *,
        client_id: str,
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address, self._prefix, self._client_id = address, prefix, client_id
        self._user, self._password, self._tls = user, password, tls
        self._name = f"broker {address[0]}:{address[1]}"
        self._client: Client | None = None
        self._under_way: deque[int] = deque()
        """Packet identifiers of events, in the order of sending."""
        self._answered: set[int] = set()
        self._statuses: set[int] = set()
        """Packet identifiers of reports of the bridge itself."""
        self._state = ""
        """What the last of them says."""
        self._most, self._most_bytes = UNDER_WAY, 0
        self._moved_s = 0.0
        """When the last acknowledgement came, or the first of what waits was sent."""
        self._fault: InspectorError | None = None
        self._is_connected = False
        self._status_topic = f"{prefix}/bridge/status"

    @property
    def room(self) -> int:
        """How many more events may be under way."""
        return self._most - len(self._under_way) - len(self._statuses)

    # --- Broker -----------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect once, with a last will, and wait to be admitted."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        self._under_way.clear()
        self._answered.clear()
        self._statuses.clear()
        self._state = ""
        self._fault, self._is_connected = None, False
        client = self._client = Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(UNDER_WAY)
        client.connect_timeout = CONNECT_S
        client.on_connect, client.on_publish, client.on_disconnect = self._on_connect, self._on_publish, self._on_leave
        client.will_set(self._status_topic, msgspec.json.encode(Status("offline")), qos=1, retain=True)
        if self._user is not None:
            client.username_pw_set(self._user, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        try:
            client.connect(*self._address, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as error:  # a host name may be no name at all
            raise Away(f"{self._name} cannot be reached: {getattr(error, 'strerror', None) or error}") from error
        until_s = time.monotonic() + CONNECT_S
        while not self._is_connected:
            self._work(0.1)
            if time.monotonic() > until_s:
                raise Away(f"{self._name} does not answer within {CONNECT_S:g} s. Is it an MQTT broker?")

    def send(self, event: Event, payload: bytes) -> None:
        """Publish an event under its own topic."""
        kind, _, name = event.type.partition(".")
        topic = "/".join(filter(None, (self._prefix, _level(kind), _level(name))))
        size = len(payload) + len(topic.encode()) + OVERHEAD_BYTES
        if self._most_bytes and size > self._most_bytes:
            raise Away(
                f"event {event.seq} has {size} bytes; {self._name} takes {self._most_bytes} at most. "
                "Raise its maximum packet size"
            )
        if not self._under_way:
            self._moved_s = time.monotonic()
        self._under_way.append(self._publish(topic, payload))

    def acknowledged(self, wait_s: float) -> int:
        """Read and write what is due; return how many events more the broker has."""
        self._work(wait_s)
        count = 0
        while self._under_way and self._under_way[0] in self._answered:
            self._answered.remove(self._under_way.popleft())
            count += 1
        now_s = time.monotonic()
        if count:
            self._moved_s = now_s
        elif self._under_way and now_s - self._moved_s > STALLED_S:
            raise Away(f"{self._name} has acknowledged nothing for {STALLED_S:g} s")
        return count

    def report(self, status: Status) -> None:
        """Publish the bridge's own status, retained, as soon as there is room."""
        until_s = time.monotonic() + STALLED_S
        while self.room + len(self._answered) < 1 and time.monotonic() < until_s:
            self._work(0.05)
        self._state = status.state
        self._statuses.add(self._publish(self._status_topic, msgspec.json.encode(status), retain=True))

    def close(self) -> None:
        """Leave; where the broker has not taken this bridge's own `offline`, the last will is to report it."""
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.reasoncodes import ReasonCode

        client, self._client = self._client, None
        if client is None:
            return
        client.on_disconnect = None
        until_s = time.monotonic() + LAST_S
        is_last = self._state == "offline"
        while is_last and self._statuses and self._fault is None and time.monotonic() < until_s:
            if client.loop(0.05):
                return
        is_known = is_last and not self._statuses
        client.disconnect(None if is_known else ReasonCode(PacketTypes.DISCONNECT, identifier=WITH_WILL))
        client.loop(0)

    # --- paho -------------------------------------------------------------------------------------------------

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message to paho and return its packet identifier."""
        assert self._client is not None, "connect comes first"
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        if sent.rc not in (0, 4):  # success; 4: no connection, which `_work` reports
            raise Away(f"{self._name} takes no message: error {sent.rc} of paho")
        return sent.mid

    def _work(self, wait_s: float) -> None:
        """Let paho read, write and ping.

        Raises: Away, Refused.
        """
        assert self._client is not None, "connect comes first"
        code = self._client.loop(wait_s)
        if self._fault is not None:
            raise self._fault
        if code:
            raise Away(f"the connection to {self._name} ended")

    def _on_connect(self, client: Client, _: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not reason.is_failure:
            self._most = min(UNDER_WAY, getattr(properties, "ReceiveMaximum", UNDER_WAY))
            self._most_bytes = getattr(properties, "MaximumPacketSize", 0)
            self._is_connected = True
            return
        words = f"{self._name} does not admit {self._client_id}: {reason}"
        if reason.value in ADMISSION:
            self._fault = BrokerRefused(
                f"{words}. Correct --user, --password-file or --client-id, or the broker's rights."
            )
        else:
            self._fault = Away(words)

    def _on_publish(self, client: Client, _: Any, mid: int, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._fault = Away(f"{self._name} refuses a message: {reason}. Give {self._client_id} the right to publish")
        elif mid in self._statuses:
            self._statuses.remove(mid)
        else:
            self._answered.add(mid)

    def _on_leave(self, client: Client, _: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._fault = self._fault or Away(f"the connection to {self._name} ended: {reason}")


def _level(name: str) -> str:
    """Return a name as levels of a topic: without the signs that only subscriptions may have."""
    return re.sub(r"[+#\0]", "_", name)


def _tls(args: argparse.Namespace) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=args.ca)
        if args.cert:
            context.load_cert_chain(args.cert, args.key)
    except (OSError, ValueError) as error:
        files = ", ".join(str(path) for path in (args.ca, args.cert, args.key) if path)
        raise OptionsError(f"{files}: cannot be used for TLS: {error}. Give PEM files that can be read.") from error
    return context


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return (plain_file.read_text(path).splitlines() or [""])[0] or None
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsError(
            f"{path}: cannot be read as text: {error}. Give --password-file a file of one line."
        ) from error


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r}: expected HOST:PORT, such as broker.plant:1883")
    return host.strip("[]"), int(port)


def _prefix(text: str) -> str:
    if not text.strip("/") or re.search(r"[+#$\0\s]", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected levels such as plant/steel, without + # $ and spaces")
    return text.strip("/")
