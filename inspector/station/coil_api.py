"""What the pages of coils ask for: the list, a coil, pictures of its defects.

Knows: JSON out. Must not know: pages, what is live.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from inspector.coil import report
from inspector.coil.speech import speech
from inspector.coil.units import METRIC, UNITS
from inspector.station import crops
from inspector.station.api import answered, picture_of, watch_of
from inspector.station.coils import pictures
from inspector.station.watch import Watch

LONGEST = 20
"""Digits of a number in the journal."""


class CoilApi:
    """Answers the scripts of those pages."""

    def __init__(self, watches: Mapping[str, Watch]) -> None:
        self._watches = watches

    async def coils(self, request: Request) -> Response:
        """All coils that the journal holds."""
        watch = watch_of(self._watches, request)
        return answered(await run_sync(watch.coils.entries, watch.line, limiter=watch.turns.coils))

    async def coil(self, request: Request) -> Response:
        """One coil: its page with what its script needs first, and by that answer's stamp `columns` or `ids`."""
        watch, asked = watch_of(self._watches, request), request.query_params
        coils, turn = watch.coils, watch.turns.coils
        if part := asked.get("part"):
            found = coils.again(asked.get("stamp", ""))
            if found is None or part not in ("columns", "ids", "pictures"):
                raise HTTPException(410, f"{part} of this reading of the coil is no longer there. Reload the page.")
            if part == "pictures":
                archive = watch.line.archive
                return answered(await run_sync(pictures, archive, found, limiter=turn) if archive else {})
            return Response(getattr(found.packed, part), media_type="application/octet-stream")
        seq = asked.get("seq", "")
        first_seq = int(seq) if seq.isdecimal() and len(seq) < LONGEST else None
        which = asked.get("coil", ""), first_seq, asked.get("defect", "")
        made = await run_sync(coils.shown, watch.line, *which, limiter=turn)
        meta = msgspec.Raw(made.packed.meta.encode())
        by = speech(asked.get("language", ""), UNITS.get(asked.get("units", ""), METRIC), asked.get("zone", ""))
        body = report.body(made.record, today=made.today, by=by)
        of_page = {"stamp": made.stamp, "record": made.record, "is_newest": made.is_newest}
        return answered({**of_page, "body": body, "meta": meta})

    async def crops(self, request: Request) -> Response:
        """Pictures that the archive has of a defect."""
        watch, asked = watch_of(self._watches, request), request.query_params
        if watch.line.archive is None:
            return answered([])
        which = asked.get("coil", ""), asked.get("defect", "")
        return answered(await run_sync(crops.of_defect, watch.line.archive, *which, limiter=watch.turns.crops))

    async def crop(self, request: Request) -> Response:
        """One picture."""
        watch = watch_of(self._watches, request)
        return await picture_of(crops.picture, watch.line.archive, request, watch.turns.crops)
