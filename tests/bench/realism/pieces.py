"""Shapes of labelled defects: how frequent each class is, with which others, and the pieces that it comes in. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
LEAST_PX = 20
"""Smaller specks of a mask are slips of the annotator's hand."""
SHARES = (10, 25, 50, 75, 90)


class Pieces:
    """Connected pieces of many frames, by class."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.frames = 0
        self.kinds: Counter[tuple[int, ...]] = Counter()
        """Frames by the set of classes that they have."""
        self.rows: list[list[tuple[float, ...]]] = [[] for _ in names]
        self.counts: list[list[int]] = [[] for _ in names]
        self.covered: list[list[float]] = [[] for _ in names]

    def add(self, labels: Plane) -> None:
        """Count a frame's labels (H, W)."""
        self.frames += 1
        present = []
        for number in range(1, len(self.names) + 1):
            mask = (labels == number).astype(np.uint8)
            if not mask.any():
                continue
            _, planes, boxes, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
            found = [
                self._piece(planes, index, boxes[index], centres[index], labels.shape)
                for index in range(1, len(boxes))
                if boxes[index][cv2.CC_STAT_AREA] >= LEAST_PX
            ]
            if found:
                present.append(number)
                self.rows[number - 1] += found
                self.counts[number - 1].append(len(found))
                self.covered[number - 1].append(100 * float(mask.mean()))
        self.kinds[tuple(present)] += 1

    @staticmethod
    def _piece(
        planes: npt.NDArray[np.int32],
        index: int,
        box: npt.NDArray[np.int32],
        centre: npt.NDArray[np.float64],
        shape: tuple[int, ...],
    ) -> tuple[float, ...]:
        left, top, px, rows, area = (int(value) for value in box)
        moments = cv2.moments((planes[top : top + rows, left : left + px] == index).astype(np.uint8), binaryImage=True)
        lean = 0.5 * np.degrees(np.arctan2(2 * moments["mu11"], moments["mu02"] - moments["mu20"]))
        through = top == 0 and top + rows == shape[0]
        return rows, px, area, area / (rows * px), abs(float(lean)), float(centre[0]) / shape[1], float(through)


MEASURES = (
    "rows along",
    "pixels across",
    "area, px",
    "share of its box",
    "lean, degrees",
    "place across",
)


def tables(sets: dict[str, Pieces], names: Sequence[str]) -> str:
    """Return all of it as Markdown, the sets side by side."""
    heads = list(sets)
    lines = [f"| frames with | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    every = sorted({kind for found in sets.values() for kind in found.kinds}, key=lambda kind: (len(kind), kind))
    for kind in every:
        shares = [f"{100 * found.kinds[kind] / found.frames:.1f} %" for found in sets.values()]
        lines.append(f"| {' + '.join(names[number - 1] for number in kind) or 'nothing'} | {' | '.join(shares)} |")
    lines += [
        "",
        f"| pieces, at {', '.join(map(str, SHARES))} % | {' | '.join(heads)} |",
        "|---|" + "---|" * len(heads),
    ]
    for number, name in enumerate(names):
        lines += [f"| {name}: {row} |" for row in _rows(list(sets.values()), number)]
    return "\n".join(lines)


def _rows(sets: Sequence[Pieces], number: int) -> Iterator[str]:
    """Yield the rows of class `number`, from 0, without their ends."""
    for column, measure in enumerate(MEASURES):
        yield f"{measure} | " + " | ".join(_shares(piece[column] for piece in found.rows[number]) for found in sets)
    through = [np.mean([piece[-1] for piece in found.rows[number]] or [0]) for found in sets]
    yield "from top to bottom of the frame | " + " | ".join(f"{share:.0%}" for share in through)
    yield "pieces a frame that has any | " + " | ".join(_shares(found.counts[number]) for found in sets)
    yield "% of such a frame | " + " | ".join(_shares(found.covered[number]) for found in sets)


def _shares(values: Iterable[float]) -> str:
    found = list(values)
    return " ".join(f"{value:.3g}" for value in np.percentile(found, SHARES)) if found else "none"
