"""A bench as people read it: one table, plain text, aligned. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inspector.bench.figures import Bench, Machine, Measurement

WORDS = {
    "engine": "engine alone",
    "copies": "engine + copies",
    "daemon": "daemon, flat out",
    "load": "daemon, 80 % load",
}
HEADS = ("engine", "batch", "measured", "frames/s", "of engine", "p50 ms", "p99 ms", "of roof")


def table(bench: Bench) -> str:
    """Write the machine, the roofs and all rows."""
    return "\n".join([*about(bench), "", *aligned([HEADS, *_cells(bench.rows)]), *_notes(bench)])


def about(bench: Bench) -> Iterator[str]:
    """Write what was measured, when, and on what."""
    loads = f"load average {bench.load_before} before, {bench.load_after} after"
    threads = f", CPU engines on {bench.threads} threads" if bench.threads else ""
    yield f"{bench.date}, {bench.seconds:g} s each in {bench.rounds} rounds, {loads}{threads}"
    yield machine(bench.machine)
    for model in bench.recipes:
        size = f"{model.width} x {model.height}, {model.gflop_per_frame:.1f} GFLOP a frame"
        yield f"recipe {model.recipe}, {size}, model {model.sha256[:12]}"
    yield f"frames: {bench.source}"
    for top in bench.roofs:
        if top.gflops is None:
            yield f"roof of {top.engine}, {top.arithmetic}: {top.how}"
            continue
        figures = f"{top.gflops:.0f} GFLOP/s, copy {top.copy_gb_per_s} GB/s"
        yield f"roof of {top.engine}, {top.arithmetic}: {figures} ({top.how})"


def machine(this: Machine) -> str:
    """Write one line on a machine."""
    gpus = "; ".join(this.gpus) + f", driver {this.driver}" if this.gpus else "no GPU"
    versions = ", ".join(f"{name} {version}" for name, version in this.versions.items())
    return (
        f"{this.cpu}, {this.cores} cores ({' '.join(this.flags)}), {this.memory_gb:g} GB, {gpus}\n"
        f"kernel {this.kernel}, Python {this.python}, {versions}"
    )


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows of cells in columns: figures to the right, words to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = [all(_is_figure(cell) for cell in column[1:]) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_figure(cell: str) -> bool:
    return not cell.strip("-+ ") or cell.lstrip("+-")[:1].isdigit()


def _cells(rows: Sequence[Measurement]) -> Iterator[tuple[str, ...]]:
    base = {(row.sha256, row.engine, row.batch): row.fps for row in rows if row.measured == "engine"}
    before = ("", 0)
    for row in rows:
        here = (row.engine, row.batch)
        share = "-" if row.measured == "load" else f"{row.fps / base[row.sha256, row.engine, row.batch]:.3f}"
        yield (
            row.engine if row.engine != before[0] else "",
            str(row.batch) if here != before else "",
            WORDS[row.measured],
            f"{row.fps:.2f}",
            share,
            _ms(row.p50_ms),
            _ms(row.p99_ms),
            "-" if row.roof_share is None else f"{100 * row.roof_share:.1f} %",
        )
        before = here
        if added := row.added:
            yield ("", "", "  added to the engine's", "", "", _ms(added.p50_ms), _ms(added.p99_ms), "")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _notes(bench: Bench) -> Iterator[str]:
    yield ""
    for row in bench.rows:
        if added := row.added:
            yield (
                f"{row.engine}, batches of {row.batch} at most: under load {added.batch_frames:g} frames a "
                f"batch, for which the engine alone, loaded alike, takes p50 {added.engine_p50_ms:.1f} ms, "
                f"p99 {added.engine_p99_ms:.1f} ms (p99 of {row.samples} frames)"
                + (f"; up to {added.wait_ms} ms of what is added is the batching deadline" if row.batch > 1 else "")
            )
    for skipped in bench.skipped:
        yield f"not measured: {skipped.recipe} on {skipped.kind}: {skipped.why}"
