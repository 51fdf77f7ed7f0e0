"""The MQTT bridge: events a second from a journal to a broker on this machine, and the same without the journal.

Needs mosquitto. Each event is acknowledged by the broker (QoS 1). The roof is the same client sending the same bytes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import msgspec

from inspector.bridges.mqtt import Mqtt
from inspector.harness.child import Child
from inspector.records.envelope import Event
from tests.brokers import MOSQUITTO, Mosquitto
from tests.inspector.bridges.test_mqtt import bridge
from tests.lines import ALARM, Line

EVENTS = 20_000


def main() -> None:
    """Print both, of one run."""
    if MOSQUITTO is None:
        print("not measured: mosquitto is not installed")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Mosquitto(folder) as broker, Line(folder / "journal", max_mb=64) as line:
            for _ in range(EVENTS // 1000):
                line.say(*[ALARM] * 1000)
            with line.listen(after=(None, 0)) as events:
                event = next(events)
                roof_s = _send(broker.port, event, events.payload)
            with bridge(folder, line, broker.port, "--since", "1") as child:
                bridged_s = _until_all(child, folder / "cursor.json")
    print("| | events/s |\n|---|---|")
    print(f"| paho alone, {EVENTS} events of {len(events.payload)} bytes | {EVENTS / roof_s:.0f} |")
    print(f"| journal, replay, bridge, its cursor on disk | {EVENTS / bridged_s:.0f} |")


def _send(port: int, event: Event, payload: bytes) -> float:
    broker = Mqtt(("127.0.0.1", port), "bench", client_id="bench")
    broker.connect()
    begin_s, sent, acknowledged = time.perf_counter(), 0, 0
    while acknowledged < EVENTS:
        for _ in range(min(broker.room, 64, EVENTS - sent)):
            broker.send(event, payload)
            sent += 1
        acknowledged += broker.acknowledged(0 if broker.room else 0.05)
    broker.close()
    return time.perf_counter() - begin_s


def _until_all(child: Child, cursor: Path) -> float:
    """Seconds from the first cursor to the last."""
    begin_s = None
    while not cursor.exists():
        assert child.runs()
    begin_s = time.perf_counter()
    while msgspec.json.decode(cursor.read_bytes())["seq"] < EVENTS:
        assert child.runs()
        time.sleep(0.01)
    return time.perf_counter() - begin_s


if __name__ == "__main__":
    main()
