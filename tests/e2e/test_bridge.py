"""A line, its bridge and a broker, all real: whatever is killed, the plant gets every event."""

from __future__ import annotations

import signal
from pathlib import Path

from inspector.harness.child import Child
from inspector.records.envelope import Event, read_event
from tests.brokers import Mosquitto, Subscriber, needs_mosquitto
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

pytestmark = needs_mosquitto

DARK_BOX = (10, 20, 10, 20, DARK)


def test_a_killed_inspector_costs_the_plant_nothing(tmp_path: Path) -> None:
    """kill -9 of the inspector, and again of the bridge: the broker has what the journal has, in order."""
    mill = Mill(tmp_path)
    words = ["bridge", "mqtt", "--line", "test", "--since", "1", "--cursor", str(tmp_path / "cursor.json")]
    words += ["--connect", mill.ports.address("events"), "--replay", mill.ports.address("replay")]
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "steel/test/#") as subscriber:
        words += ["--broker", f"127.0.0.1:{broker.port}"]
        taken: list[Event] = []
        with Child(words, tmp_path / "bridge.out", tmp_path / "bridge.log") as bridge:
            with mill:
                with Camera(mill) as camera:
                    for _ in range(20):
                        camera.send(DARK_BOX)
                    mill.until(20)
                follow(subscriber, taken, "defect.dark")
                mill.stop(signal.SIGKILL)
            with mill:
                with Camera(mill, boot="b2") as camera:
                    camera.send(DARK_BOX, coil="C2")
                    mill.until(1)
                bridge.kill()
        with mill, Child(words, tmp_path / "bridge.out", tmp_path / "bridge.log"):
            with mill.listen() as events:
                recorded = [next(events)]
                while [event.type for event in recorded].count("health.started") < 3:
                    recorded.append(next(events))
            while not taken or taken[-1].id != recorded[-1].id:
                follow(subscriber, taken, recorded[-1].type)
    assert list(dict.fromkeys(event.id for event in taken)) == [event.id for event in recorded]


def follow(subscriber: Subscriber, taken: list[Event], last: str) -> None:
    """Take events up to the next one of this type."""
    while True:
        topic, payload, _ = subscriber.take()
        if not topic.endswith("/status"):
            taken.append(read_event(payload))
            if taken[-1].type == last:
                return
