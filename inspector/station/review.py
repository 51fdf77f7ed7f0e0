"""What the review page asks for: defects to look through, labels for many at once, a training set.

Laws: a label goes to the line as from the shell, with the name of who gives it and with the label that they saw; what
comes back is what stands in the archive afterwards, from whichever person.

Knows: JSON in and out. Must not know: the archive's files.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import anyio
import msgspec
from anyio.to_thread import run_sync
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from inspector.archive import review
from inspector.commands import ask
from inspector.errors import InspectorError, NoAnswer
from inspector.records.commands import Relabel
from inspector.refusal import explained
from inspector.station import gallery
from inspector.station.api import answered, read_json, watch_of
from inspector.station.gallery import Gallery, GalleryQuery, GalleryTile
from inspector.station.opinions import OpinionReader
from inspector.station.turns import MOST_AT_ONCE, WAIT_S
from inspector.station.watch import Watch

T = TypeVar("T")
MOST_SHOWN = 300
"""Tiles in an answer."""
LONGEST = 12
"""Digits of a tile's place."""


class ReviewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A defect that is to be labelled, and the label that was seen: when it was given, empty where there was none."""

    coil: str
    defect: str
    seen: str
    label: str | None = None
    """What it is to be, where not all become the same: so does an undo."""


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the page asks for."""

    label: str = ""
    operator: str = ""
    reason: str = ""
    items: Annotated[tuple[ReviewItem, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one of them."""

    coil: str
    defect: str
    is_done: bool
    is_conflict: bool
    """Another person was first: `tile` has their label, `wanted` the one that was to be."""
    wanted: str
    message: str
    tile: GalleryTile | None
    """As it stands now."""


class Review:
    """Answers the review page."""

    def __init__(self, watches: Mapping[str, Watch], exports: str) -> None:
        self._watches, self._exports = watches, exports
        self._galleries = {name: Gallery() for name in watches}
        self._stated = {name: OpinionReader() for name in watches}
        self._writer = anyio.CapacityLimiter(1)  # of all lines: one training set is kept
        self._made: tuple[str, Path, tempfile.TemporaryDirectory[str]] | None = None
        """The newest training set that can be fetched: its id, the file, its folder."""

    async def gallery(self, request: Request) -> Response:
        """Defects to look through, and how far the labels are."""
        watch, asked = watch_of(self._watches, request), dict(request.query_params)
        asked.pop("line", "")
        begin = asked.pop("from", "0")
        if not (begin.isdecimal() and len(begin) <= LONGEST):
            raise HTTPException(400, f"from is {begin[:20]!r}; expected a whole number from 0 on.")
        wanted = _read(asked, GalleryQuery, strict=False)
        shown = await run_sync(self._shown, watch, wanted, int(begin), limiter=watch.turns.gallery)
        return answered(shown)

    def _shown(self, watch: Watch, wanted: GalleryQuery, begin: int) -> dict[str, Any]:
        line = watch.line
        if line.archive is None:
            raise InspectorError(f"line {line.name} keeps no archive; expected one. Give its [archive] a path.")
        tiles = self._galleries[line.name].tiles(line.archive)
        opinions = self._stated[line.name].read(line.journal)
        found = gallery.chosen(tiles, wanted, opinions)
        shown = found[begin : begin + MOST_SHOWN]
        return {
            "count": len(found),
            "from": begin,
            "classes": line.classes,
            "tiles": shown,
            "opinions": [opinions.get((tile.coil, tile.defect), {}) for tile in shown],
            "progress": gallery.progress(tiles, line.classes),
        }

    async def relabel(self, request: Request) -> Response:
        """Label defects, and return what stands now of each."""
        watch, who = watch_of(self._watches, request), request.state.who
        asked = _read(await read_json(request), Labels)
        orders = [_order(item, asked, who.name or asked.operator) for item in asked.items]
        give = Labelling(watch).give
        done = await asyncio.gather(*(run_sync(give, order, limiter=watch.turns.labels) for order in orders))
        return answered(done, 200 if all(given.is_done for given in done) else 409)

    async def export(self, request: Request) -> Response:
        """Make a training set of what is chosen; it is fetched by its id, or lies in the configured folder."""
        watch, choice = watch_of(self._watches, request), _read(await read_json(request), review.Choice)
        if watch.line.archive is None:
            raise HTTPException(409, f"line {watch.line.name} keeps no archive; expected one.")
        try:
            return answered(await run_sync(self._export, watch, choice, limiter=self._writer))
        except review.NoneChosen as error:
            raise HTTPException(409, "no picture is like that, so there is no training set. Choose more.") from error
        except OSError as error:
            raise HTTPException(507, f"the training set cannot be written: {error.strerror or error}.") from error

    def _export(self, watch: Watch, choice: review.Choice) -> dict[str, Any]:
        assert watch.line.archive is not None
        name = f"{quote(watch.line.name, safe='')}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        if self._exports:
            out = Path(self._exports) / name
            return {"folder": str(out), **msgspec.to_builtins(review.export(watch.line.archive, out, choice))}
        room = tempfile.TemporaryDirectory(prefix="station-")
        try:
            done = review.export(watch.line.archive, Path(room.name) / name, choice)
            file = Path(shutil.make_archive(f"{room.name}/{name}", "zip", room.name, name))
            shutil.rmtree(Path(room.name) / name)
            size = file.stat().st_size
        except BaseException:
            room.cleanup()
            raise
        before, self._made = self._made, (secrets.token_urlsafe(9), file, room)
        if before:
            before[2].cleanup()
        return {"id": self._made[0], "bytes": size, **msgspec.to_builtins(done)}

    async def exported(self, request: Request) -> Response:
        """The newest training set, as a file."""
        if self._made is None or request.query_params.get("id") != self._made[0]:
            raise HTTPException(410, "this training set is no longer there. Make it again.")
        return FileResponse(self._made[1], media_type="application/zip", filename=self._made[1].name)


class Labelling:
    """Gives the labels of one request, from any thread."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._is_unanswered = False
        """One had no answer: the others are not given unless the line gives a sign."""

    def give(self, order: Relabel) -> Given:
        """Give one of them."""
        line = self._watch.line
        try:
            if self._is_unanswered and not self._watch.is_answering():
                raise NoAnswer(f"line {line.name} does not answer; nothing was done. Label again once it does.")
            answer = ask(line.commands, order, WAIT_S, key=line.key)
            is_done, message = answer.is_done, answer.message
        except InspectorError as error:
            self._is_unanswered |= isinstance(error, NoAnswer)
            is_done, message = False, str(error)
        tile = gallery.one(line.archive, order.coil, order.defect) if line.archive else None
        stands = tile.label.time if tile and tile.label else ""
        return Given(
            coil=order.coil,
            defect=order.defect,
            is_done=is_done,
            is_conflict=not is_done and tile is not None and stands != order.seen,
            wanted=order.label,
            message=message,
            tile=tile,
        )


def _order(item: ReviewItem, asked: Labels, operator: str) -> Relabel:
    label = asked.label if item.label is None else item.label
    facts = {"coil": item.coil, "defect": item.defect, "label": label, "seen": item.seen}
    return _read({"command": "relabel", **facts, "operator": operator, "reason": asked.reason}, Relabel)


def _read(given: Mapping[str, object], kind: type[T], *, strict: bool = True) -> T:
    """Read what was sent.

    Raises: HTTPException in words.
    """
    try:
        return msgspec.convert(given, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise HTTPException(400, f"{explained(error, given, of=kind)}. Correct it.") from error
