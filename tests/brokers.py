"""A real MQTT broker to test with, and a subscriber to it."""

from __future__ import annotations

import queue
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from inspector.harness.ports import Ports
from tests.patience import patience_s

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


class Mosquitto:
    """A broker on a port of its own; `more` are lines of its configuration."""

    def __init__(self, folder: Path, more: str = "allow_anonymous true") -> None:
        self.port = Ports.free().frames
        self._config = folder / "mosquitto.conf"
        keeps_all = "max_queued_messages 0"  # else 1000 that a subscriber has not read yet
        self._config.write_text(f"listener {self.port} 127.0.0.1\n{keeps_all}\n{more}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Run it until it takes connections."""
        assert MOSQUITTO is not None
        log = self._config.with_name("mosquitto.log").open("wb")
        with log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], stdout=log, stderr=log)
        until_s = time.monotonic() + patience_s()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                assert self._process.poll() is None, self._config.with_name("mosquitto.log").read_text()
                assert time.monotonic() < until_s
                time.sleep(0.05)

    def stall(self) -> None:
        """Have it stand still, its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Subscriber:
    """Receives everything below a topic, in the order in which the broker sends it."""

    def __init__(self, port: int, topic: str = "#", user: str | None = None, password: str | None = None) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._messages: queue.SimpleQueue[tuple[str, bytes, bool]] = queue.SimpleQueue()
        subscribed: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)

        def on_message(client: Client, _: Any, message: Any) -> None:
            self._messages.put((message.topic, message.payload, message.retain))

        def on_subscribe(client: Client, *facts: Any) -> None:
            subscribed.put(True)

        self._client.on_message, self._client.on_subscribe = on_message, on_subscribe
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(topic, qos=1)
        subscribed.get(timeout=patience_s())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def take(self) -> tuple[str, bytes, bool]:
        """The next message: topic, payload, whether the broker had retained it."""
        return self._messages.get(timeout=patience_s())

    def is_empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return self._messages.empty()
