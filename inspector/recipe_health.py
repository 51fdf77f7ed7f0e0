"""Whether the network's word can be relied on: what it says of each frame, camera by camera. Pure.

Three faults make a frame's maps worthless, whatever they show: presences that are no numbers; presences that stay the
same to the last bit while the pictures change; a picture far from all that the recipe was taught (where its graph
measures that). A fault is raised after enough such frames in a row and returned after enough without. What a screen
looked at holds until the screen is found to be blind.

Knows maps and headers, whether a screen was asked. Must not know engines, pixels, sockets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
import numpy as np

from inspector.records.events import NE107, CameraState, Ne107, RecipeFault, RecipeStatus
from inspector.records.recipe import Recipe
from inspector.records.stages import Findings, Frame, Inferred

OUTPUT_FAULTS: dict[RecipeFault, tuple[Ne107, int]] = {
    "not_a_number": ("failure", 1),
    "constant": ("failure", 50),
    "out_of_specification": ("out_of_specification", 3),
}
"""What each makes of the inspection after NAMUR NE 107, and after how many frames in a row it is raised.

Constant: of fifty different pictures no network gives all the very same presences, to 24 bits.
"""
RETURNED_FRAMES = 10
"""Frames in a row without a fault after which it is returned; one that says nothing of it is none of them."""
Presence = np.ndarray[tuple[int], np.dtype[np.float32]]
"""Of one frame: (C,), or (C + 1,) with its distance."""


class _Camera(msgspec.Struct):
    """What is remembered of one camera."""

    standing: set[RecipeFault] = set()
    streaks: dict[RecipeFault, int] = {}
    """Frames in a row that speak against what stands."""
    answer: bytes = b""
    """Presences of its last frame."""
    seen: int | None = None
    """Checksum of that frame."""
    alike: int = 1
    """Different frames in a row with the same presences."""

    def doubts(self, screen: str) -> dict[str, bool]:
        """Faults for which its last frame cannot be relied on: whether each stands, or shows alone."""
        doubts: dict[str, bool] = {fault: fault in self.standing for fault in (*self.streaks, *self.standing)}
        if self.alike > 1:
            doubts.setdefault("constant", False)
        if screen:
            doubts["screen_blind"] = screen == "blind"
        return doubts


class RecipeHealth:
    """Adds to a batch's findings how far its maps can be relied on."""

    name = "recipe_health"

    def __init__(self, cameras: Iterable[str], *, finds_constant: bool = True) -> None:
        """`finds_constant`: whether to look for a constant output at all."""
        self._finds_constant = finds_constant
        self._cameras = {camera: _Camera() for camera in cameras}
        self._frames: Counter[tuple[str, RecipeFault]] = Counter()

    def __call__(self, inferred: Inferred, findings: Findings) -> Findings:
        """Look at the answer to every frame of a batch; say which cannot be relied on."""
        maps, events = inferred.maps, list[RecipeStatus]()
        if maps is None:
            return findings
        doubts: list[dict[str, bool]] = []
        answered = -1
        shared = Counter(patch.plane for patch in inferred.batch.patches)
        for frame, patch in zip(inferred.batch.frames(), inferred.batch.patches, strict=True):
            camera = self._cameras[frame.header.camera]
            if patch.plane == answered:  # the answer is that of the frame above it
                doubts.append(doubts[-1])
                continue
            answered = patch.plane
            faults = self._faults_of(camera, frame, maps.presence[patch.plane], inferred.recipe)
            for fault in OUTPUT_FAULTS:
                if fault == "out_of_specification" and _is_unmeasured(maps.presence[patch.plane], inferred.recipe):
                    continue
                self._frames[frame.header.camera, fault] += shared[patch.plane] * (fault in faults)
                if event := self._count(camera, fault, fault in faults, frame, inferred.recipe):
                    events.append(event)
            doubts.append(camera.doubts(inferred.screen))
        findings = findings.doubted(doubts)
        return msgspec.structs.replace(
            findings, events=(*findings.events, *events), is_screen_blind=inferred.screen == "blind"
        )

    def is_standing(self, camera: str, fault: RecipeFault) -> bool:
        """Whether the recipe has a fault on a camera's frames now; from any thread."""
        return fault in self._cameras[camera].standing

    def standing(self, recipe: str) -> list[RecipeStatus]:
        """All that stands, as reports of it under this recipe."""
        return [
            _status(name, camera, fault, "raised", recipe)
            for name, camera in self._cameras.items()
            for fault in sorted(camera.standing)
        ]

    def frames(self, camera: str, fault: RecipeFault) -> int:
        """Return how many of a camera's frames showed a fault; from any thread."""
        return self._frames[camera, fault]

    def state(self) -> bytes:
        """The faults that stand."""
        return msgspec.json.encode({name: sorted(camera.standing) for name, camera in self._cameras.items()})

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the faults of a state.

        Raises: ValueError when it cannot be read.
        """
        for name, faults in msgspec.json.decode(state, type=dict[str, set[RecipeFault]]).items():
            if name in self._cameras:
                self._cameras[name].standing = faults

    # --- one frame ------------------------------------------------------------------------------------------------

    def _faults_of(self, camera: _Camera, frame: Frame, presence: Presence, recipe: Recipe) -> set[RecipeFault]:
        """Return what is wrong with a frame's presence (C,), or (C + 1,) with its distance."""
        faults = set[RecipeFault]()
        if not np.isfinite(presence).all():
            faults.add("not_a_number")
        if recipe.measures_distance and presence[len(recipe.classes)] > 1:
            faults.add("out_of_specification")
        answer = presence.tobytes()
        if answer != camera.answer:
            camera.alike = 1
        elif self._finds_constant and frame.header.crc32 != camera.seen:
            camera.alike += 1
        camera.answer, camera.seen = answer, frame.header.crc32
        if camera.alike >= OUTPUT_FAULTS["constant"][1]:
            faults.add("constant")
        return faults

    def _count(
        self, camera: _Camera, fault: RecipeFault, shows: bool, frame: Frame, recipe: Recipe
    ) -> RecipeStatus | None:
        """Count for or against a fault; where that is enough, turn it and return what to report."""
        if shows == (fault in camera.standing):
            camera.streaks.pop(fault, None)
            return None
        camera.streaks[fault] = camera.streaks.get(fault, 0) + 1
        enough = OUTPUT_FAULTS[fault][1] if shows and fault != "constant" else 1 if shows else RETURNED_FRAMES
        if camera.streaks[fault] < enough:
            return None
        camera.standing = camera.standing ^ {fault}
        camera.streaks.pop(fault)
        status = _status(frame.header.camera, camera, fault, "raised" if shows else "returned", str(recipe))
        return msgspec.structs.replace(status, coil=frame.header.coil or "", captured_ns=frame.header.captured_ns)


def _is_unmeasured(presence: Presence, recipe: Recipe) -> bool:
    """Whether nothing is known of a frame's distance, which speaks neither for a fault nor against one."""
    return recipe.measures_distance and not presence[len(recipe.classes)] >= 0


def _status(name: str, camera: _Camera, fault: RecipeFault, state: CameraState, recipe: str) -> RecipeStatus:
    """The report of a fault, with the status of the inspection of that camera's strip now."""
    statuses = (OUTPUT_FAULTS[word][0] for word in camera.standing if word in OUTPUT_FAULTS)
    return RecipeStatus(
        fault=fault,
        state=state,
        status=min(statuses, key=NE107.index, default="normal"),
        message=_words(fault, name) if state == "raised" else f"camera {name}: no longer {fault}",
        recipe=recipe,
        camera=name,
    )


def _words(fault: RecipeFault, camera: str) -> str:
    """Say what a fault means, and what to do."""
    return f"camera {camera}: " + {
        "not_a_number": "the network's output is no number: nothing it says of this strip counts. Load another recipe",
        "constant": "the network gives the same presences for different pictures: it is blind. Load another recipe",
        "out_of_specification": "these pictures are far from all that the recipe was taught: what it reports of this "
        "strip, or does not, is not covered by any of its figures. Look at lens, light and product",
    }.get(fault, fault)
