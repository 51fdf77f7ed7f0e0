"""The section that says what pictures are kept, and for how long."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import Section, key


class ArchiveSection(Section, frozen=True):
    """Pictures that are kept: crops of defects and, at a rate, of sound strip."""

    path: Annotated[
        str,
        key("Folder of the archive, from this file's folder; empty: nothing is kept."),
    ] = ""
    mount_point: Annotated[
        str,
        key("Where the archive's disk is mounted, at or above `path`: no start without it. Empty: any disk will do."),
    ] = ""
    max_gb: Annotated[
        float,
        key(
            "The archive's limit; beyond it the oldest crops go, those with a person's label last.",
            gt=0,
            le=100_000,
        ),
    ] = 10.0
    max_days: Annotated[float, key("Older crops without a label go.", gt=0, le=36_500)] = 90.0
    max_labelled_days: Annotated[float, key("Older crops with a label go.", gt=0, le=36_500)] = 3650.0
    sound_per_km: Annotated[
        float,
        key("Crops of sound strip for each kilometre that a camera sees.", ge=0, le=1_000_000),
    ] = 20.0
    crops_per_defect: Annotated[
        int, key("Most crops of one defect: those that show most of it are kept.", ge=1, le=64)
    ] = 3
    strip_mm_per_px: Annotated[
        float,
        key(
            "Millimetres of strip that a pixel of the strip picture covers, along and across; 0: none is kept.",
            ge=0,
            le=1000,
        ),
    ] = 10.0
    strip_max_gb: Annotated[
        float, key("The strip picture's own limit, besides `max_gb`; the oldest strip goes.", gt=0, le=100_000)
    ] = 2.0
    strip_max_days: Annotated[float, key("Older strip goes from the picture.", gt=0, le=36_500)] = 30.0
