"""Whoever scrapes without a pause: does the ledger hold at each scrape?"""

from __future__ import annotations

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from inspector.harness import scrape
from inspector.harness.aside import Aside

ENDS = ("inspected", "dropped", "rejected")
PAUSE_S = 0.02


class LedgerWatch(Aside):
    """Scrapes a line, over its restarts, until the `with` block ends."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.scrapes = self.starts = self.most_in_flight = 0
        self.wrong: list[str] = []
        """Scrapes at which something does not add up."""

    def __str__(self) -> str:
        return (
            f"the ledger held at {self.scrapes - len(self.wrong)} of {self.scrapes} scrapes over {self.starts} starts, "
            f"with {self.most_in_flight} frames in flight at most"
        )

    def work(self) -> None:
        """Scrape, and compare with the scrape before."""
        before, is_down = Counter[tuple[str, str]](), True
        while not self.is_over.wait(PAUSE_S):
            try:
                status, text = scrape.get(self._port, "/metrics")
            except OSError:
                is_down = True
                continue
            if status != 200:
                continue
            now = _counts(text)
            if is_down or any(now[key] < count for key, count in before.items() if key[1] == "received"):
                self.starts += 1
                before, is_down = Counter(), False
            self.scrapes += 1
            self._compare(before, now)
            before = now

    def _compare(self, before: Counter[tuple[str, str]], now: Counter[tuple[str, str]]) -> None:
        for camera in {camera for camera, _ in now}:
            received, in_flight = now[camera, "received"], now[camera, "in_flight"]
            ended = sum(now[camera, end] for end in ENDS)
            self.most_in_flight = max(self.most_in_flight, in_flight)
            if received != ended + in_flight or in_flight < 0:
                self.wrong.append(f"{camera}: received {received}, ended {ended}, in flight {in_flight}")
        for (camera, name), count in before.items():
            if name != "in_flight" and now[camera, name] < count:
                self.wrong.append(f"{camera}: {name} fell from {count} to {now[camera, name]}")


def _counts(text: str) -> Counter[tuple[str, str]]:
    """Frames by camera and by what became of them."""
    counts = Counter[tuple[str, str]]()
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix("inspector_frames_")
        if name == family.name or name not in ("received", "in_flight", *ENDS):
            continue
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                counts[sample.labels["camera"], name] += int(sample.value)
    return counts
