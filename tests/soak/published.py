"""An inspector killed 100 times: is all that it published in its journal? `python -m tests.soak.published [KILLS]`."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from inspector.camera import Camera
from tests.e2e.kills import RATE_FPS, Subscriber
from tests.e2e.mill import FRAME_MM, Mill, paint
from tests.patience import patience_s
from tests.recipes import DARK

FRAMES = 20
"""That it inspects before it is killed."""


def main(kills: int) -> bool:
    """Print what was published, and what of it the journal has; return whether that is all, without a hole."""
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder, Mill(Path(folder), overload="drop-newest") as mill:

        def line() -> None:
            with Camera(mill.ports.address("frames"), "top", mm_per_row=0.5) as camera:
                for number in range(10**9):
                    if stop.wait(1 / RATE_FPS):
                        return
                    if camera.room(0):
                        camera.send(paint((10, 30, 20, 40, DARK)), coil="C1", start_mm=number * FRAME_MM)
                    else:
                        camera.skip()

        camera = threading.Thread(target=line)
        with Subscriber(mill) as subscriber:
            camera.start()
            try:
                for _ in range(kills):
                    mill.until(FRAMES)
                    mill.stop(signal.SIGKILL)
                    mill.start()
                mill.until(FRAMES)
            finally:
                stop.set()
                camera.join(patience_s())
        published = subscriber.seqs
        assert mill.stop()[0] == 0
        mill.start()
        last = max(published)
        recorded = list[int]()
        with mill.listen() as events:
            for event in events:
                recorded.append(event.seq)
                if event.seq >= last:
                    break
    holes = recorded != list(range(1, last + 1))
    missing = len(published - set(recorded))
    print(
        f"{kills} x kill -9: {len(published)} events received of {last}, {missing} of them missing in the journal, "
        f"{'with' if holes else '0'} holes",
        flush=True,
    )
    return not missing and not holes and bool(published)


if __name__ == "__main__":
    began_s = time.monotonic()
    good = main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    print(f"{'as promised' if good else 'NOT as promised'}; {time.monotonic() - began_s:.0f} s")
    sys.exit(not good)
