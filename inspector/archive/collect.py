"""The stage that keeps crops until their defects are over, and then hands them to the archive. Stateful.

Laws: what waits is bounded, in bytes and along the strip; each crop is offered to the archive or counted as dropped,
and nothing here waits for the disk. Crops of defects that were open when the process ended are lost; a stop ends every
defect.

Knows: crops, defects, the archive's way in. Must not know: pixels' meaning, files.
"""

from __future__ import annotations

import msgspec

from inspector.archive.draft import Draft, entry
from inspector.archive.keeper import Keeper
from inspector.archive.strip_picture import PlacedSwath
from inspector.records.commands import Answer, Relabel
from inspector.records.events import Data, Defect
from inspector.records.stages import Findings

MOST_BYTES = 128 * 2**20
"""Crops that wait for the end of their defects."""
MOST_JOINED = 65_536
"""Pieces of which it is remembered what they became a part of."""
SETTLED_MM = 50_000.0
"""What lies so far behind what is settled of its side belongs to a defect that is over, or is too small to be one."""
SWEEP_CALLS = 256
UNCONFIRMED_SHARE = 0.5
"""A frame that ends farther than this share of its length beyond what is surely reached has no confirmed place."""
OFF = Answer(is_done=False, message="this line keeps no archive. Give [archive] a path, and restart it.")
REST_S = 5.0
"""How long the end of the flow waits for labels that are being written."""


class Collect:
    """Hands on what was found, and the crops of what is over to the archive; without `keeper` there is none."""

    name = "archive"

    def __init__(self, keeper: Keeper | None, crops_per_defect: int) -> None:
        self._keeper, self._most = keeper, crops_per_defect
        self._waiting: dict[str, list[Draft]] = {}
        """Crops by the id of their defect, those that show most of it first."""
        self._bytes = 0
        self._joined: dict[str, str] = {}
        self._calls = 0
        self._pictured: dict[str, PlacedSwath] = {}
        """The last frame in the strip picture, by camera."""

    def __call__(self, findings: Findings) -> Findings:
        """Take crops in, and let those go whose defects are over."""
        if self._keeper is not None:
            self._take(findings, self._keeper)
        return self._relabel(findings)

    # --- crops ----------------------------------------------------------------------------------------------

    def _take(self, findings: Findings, keeper: Keeper) -> None:
        inspected = findings.inspected if findings.crops else ()
        for crop in findings.crops:
            seen = msgspec.structs.replace(inspected[crop.frame], outline=None)  # the crop has what lies in it
            draft = Draft(crop, seen, findings.placed[crop.frame])
            if crop.detection is None:
                keeper.offer(entry(draft, None, 0, self._owner))
            elif self._bytes + crop.pixels.nbytes > MOST_BYTES:
                keeper.skipped(1, "full")
            else:
                self._keep(draft.piece, [draft], keeper)
        for part, owner in findings.joined.items():
            self._joined[part] = owner
            if drafts := self._waiting.pop(part, None):
                self._bytes -= _bytes(drafts)
                self._keep(owner, drafts, keeper)
        for event in findings.events:
            if isinstance(event, Defect) and event.is_whole and (drafts := self._waiting.pop(event.id, None)):
                self._bytes -= _bytes(drafts)
                for place, draft in enumerate(drafts):
                    keeper.offer(entry(draft, event, place, self._owner))
        self._draw(findings, keeper)
        self._calls += 1
        if self._calls % SWEEP_CALLS == 0 or findings.is_last:
            self._sweep(findings, keeper)

    def _draw(self, findings: Findings, keeper: Keeper) -> None:
        """Pass small pictures on for the strip picture, of frames that surely lie where they seem to.

        Of a strip that runs back nobody knows in which order a frame's rows passed; of a position that one frame alone
        shows (see `leaps`) it is not known whether it is right.
        """
        inspected = findings.inspected if findings.swaths else ()
        for swath in findings.swaths:
            placed, camera = findings.placed[swath.frame], inspected[swath.frame].frame.header.camera
            drawn = PlacedSwath(swath, camera, placed.coil, placed.side, placed.start_mm)
            before = self._pictured.get(camera)
            runs_back = before is not None and before.coil == drawn.coil and drawn.start_mm < before.start_mm
            reached_mm = findings.reached_mm.get((drawn.coil, camera), drawn.end_mm)
            is_unconfirmed = drawn.end_mm > reached_mm + UNCONFIRMED_SHARE * swath.length_mm
            if not is_unconfirmed:
                self._pictured[camera] = drawn
            if runs_back or is_unconfirmed:
                keeper.undrawn(1, "unplaced")
            else:
                keeper.draw(drawn)

    def _keep(self, defect: str, drafts: list[Draft], keeper: Keeper) -> None:
        """Keep those of a defect's crops that show most of it."""
        both = sorted([*self._waiting.get(defect, ()), *drafts], key=lambda draft: -draft.area_px)
        self._bytes += _bytes(both[: self._most]) - _bytes(self._waiting.get(defect, []))
        self._waiting[defect] = both[: self._most]
        if beyond := len(both[self._most :]):
            keeper.skipped(beyond, "defect")

    def _owner(self, piece: str) -> str:
        """Which defect a piece is a part of, as far as is known by now."""
        while (owner := self._joined.get(piece)) is not None:
            piece = owner
        return piece

    def _sweep(self, findings: Findings, keeper: Keeper) -> None:
        """Forget crops of what was too small to be reported, and pieces long joined."""
        coils = {coil for coil, _ in findings.reached_mm}
        for name, drafts in list(self._waiting.items()):
            placed = drafts[0].placed
            is_over = findings.is_last or placed.coil not in coils
            settled_mm = findings.settled_mm.get((placed.coil, placed.side), 0.0)
            if is_over or max(draft.end_mm for draft in drafts) < settled_mm - SETTLED_MM:
                self._bytes -= _bytes(drafts)
                del self._waiting[name]
                keeper.skipped(len(drafts), "unreported")
        for piece in list(self._joined)[: max(0, len(self._joined) - MOST_JOINED)]:
            del self._joined[piece]

    # --- labels ---------------------------------------------------------------------------------------------

    def _relabel(self, findings: Findings) -> Findings:
        """Pass labels on to who writes them, and report those that are written: in a later batch."""
        mine = [asked for asked in findings.asked if isinstance(asked.command, Relabel)]
        if self._keeper is None:
            answers = {asked.number: OFF for asked in mine}
            return msgspec.structs.replace(findings, answers={**findings.answers, **answers}) if mine else findings
        for asked in mine:
            self._keeper.relabel(asked)
        done = list(self._keeper.relabelled(REST_S if findings.is_last else 0.0))
        if not mine and not done:
            return findings
        others = [asked for asked in findings.asked if asked not in mine]
        reported: list[Data] = [event for _, _, event in done if event is not None]
        return msgspec.structs.replace(
            findings,
            asked=(*others, *(asked for asked, _, _ in done)),
            answers={**findings.answers, **{asked.number: answer for asked, answer, _ in done}},
            events=(*findings.events, *reported),
        )


def _bytes(drafts: list[Draft]) -> int:
    return sum(draft.crop.pixels.nbytes for draft in drafts)
