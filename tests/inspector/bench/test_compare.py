"""Two benches side by side: what counts as a difference, and what may be compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from inspector.bench import figures
from inspector.bench.compare import compare, verdict
from inspector.bench.figures import Added, Bench, Machine, Measurement, Model
from inspector.bench.table import aligned
from inspector.errors import InspectorError

MACHINE = Machine(
    cpu="abacus", cores=2, flags=(), memory_gb=1.0, kernel="6", python="3.12", versions={}, gpus=(), driver=""
)


def row(
    *rates_fps: float,
    measured: figures.Measured = "engine",
    p99_ms: float = 1.0,
    sha256: str = "a" * 64,
    added: Added | None = None,
) -> Measurement:
    """Make a row."""
    return Measurement(
        sha256=sha256,
        kind="openvino",
        engine="openvino-1-fp32",
        precision="fp32",
        batch=1,
        measured=measured,
        rates_fps=rates_fps,
        p50_ms=1.0,
        p99_ms=p99_ms,
        samples=9,
        roof_share=None,
        added=added,
    )


def bench(*rows: Measurement, sha256: str | Sequence[str] = "a" * 64, machine: Machine = MACHINE) -> Bench:
    """Make a bench."""
    return Bench(
        date="2026-11-22",
        seconds=1.0,
        rounds=3,
        load_before=0.0,
        load_after=0.0,
        source="steel",
        machine=machine,
        recipes=tuple(
            Model(recipe=f"tiny@{number}", sha256=sha, width=2, height=2, gflop_per_frame=1.0)
            for number, sha in enumerate([sha256] if isinstance(sha256, str) else sha256, 1)
        ),
        roofs=(),
        rows=rows,
        skipped=(),
    )


@pytest.mark.parametrize(
    ("a", "b", "printed"),
    [
        ((10.0, 11.0, 12.0), (14.0, 15.0, 16.0), "faster"),
        ((10.0, 11.0, 12.0), (7.0, 8.0, 9.0), "slower"),
        ((10.0, 11.0, 14.0), (12.0, 13.0, 16.0), "within the noise"),
        ((10.0, 10.0, 10.0), (10.4, 10.4, 10.4), "alike"),
    ],
)
def test_a_difference_must_exceed_the_scatter(a: tuple[float, ...], b: tuple[float, ...], printed: str) -> None:
    """Rounds that overlap prove nothing, nor do 5 %."""
    assert verdict(row(*a), row(*b)) == printed


@pytest.mark.parametrize(("p99_ms", "printed"), [(1.2, "later"), (0.8, "sooner"), (1.03, "alike")])
def test_under_load_the_latency_is_assessed(p99_ms: float, printed: str) -> None:
    """The rate is given there, so only the p99 can tell."""
    assert verdict(row(8.0, measured="load"), row(80.0, measured="load", p99_ms=p99_ms)) == printed


def test_different_recipes_are_refused_unless_asked_for() -> None:
    """A faster network is not a faster engine; asked for, the table says that they differ."""
    a, b = bench(row(10.0)), bench(row(20.0, sha256="b" * 64), sha256="b" * 64)
    with pytest.raises(InspectorError, match=r"a\.json is of tiny@1 .*expected the same models.*--any-recipe"):
        compare(a, b, ("a.json", "b.json"), any_recipe=False)
    printed = compare(a, b, ("a.json", "b.json"), any_recipe=True)
    assert "THE RECIPES DIFFER" in printed and "2.000" in printed and printed.endswith("faster")


def test_a_model_in_both_is_compared_with_itself() -> None:
    """Of several recipes each has its row; those of one bench alone are a pair where there is one in each."""
    x, y, z = "x" * 64, "y" * 64, "z" * 64
    two = bench(row(8.0, sha256=x), row(49.0, sha256=y), sha256=[x, y])
    *_, head, only = compare(two, bench(row(8.0, sha256=x), sha256=x), ("a", "b"), any_recipe=True).splitlines()
    assert head.startswith("recipe") and only.startswith("tiny@1 ") and only.endswith("alike")
    other = bench(row(98.0, sha256=z), row(8.0, sha256=x), sha256=[z, x])
    *_, changed, same = compare(two, other, ("a", "b"), any_recipe=True).splitlines()
    assert changed.startswith("tiny@2 -> tiny@1 ") and "2.000" in changed and same.endswith("alike")
    with pytest.raises(InspectorError, match=r"nothing says which.*one recipe at a time"):
        compare(two, bench(row(8.0, sha256=z), sha256=z), ("a", "b"), any_recipe=True)


def test_what_moves_a_figure_is_named(tmp_path: Path) -> None:
    """A deadline ten times as long, other frames and a longer load are no slower engine; unknown is no difference."""
    added = Added(p50_ms=1.0, p99_ms=1.0, batch_frames=1.0, engine_p50_ms=1.0, engine_p99_ms=1.0, wait_ms=10)
    a = bench(row(8.0, measured="load", added=added))
    later = row(8.0, measured="load", p99_ms=90.0, added=msgspec.structs.replace(added, wait_ms=100))
    b = msgspec.structs.replace(a, rows=(later,), source="images", load_seconds=9.0)
    printed = compare(msgspec.structs.replace(a, load_seconds=1.0), b, ("a", "b"), any_recipe=False)
    words = "source `steel` in A, `images` in B, load_seconds 1 in A, 9 in B, wait_ms 10 in A, 100 in B"
    assert f"MEASURED DIFFERENTLY: {words}\n" in printed
    figures.write(tmp_path / "a.json", a)
    (tmp_path / "a.json").write_text((tmp_path / "a.json").read_text().replace('  "load_seconds": null,\n', ""))
    before = figures.read(tmp_path / "a.json")
    assert "DIFFERENTLY" not in compare(
        before, msgspec.structs.replace(a, load_seconds=9.0), ("a", "b"), any_recipe=False
    )


def test_other_machines_are_named() -> None:
    """Both are described as soon as they differ in anything."""
    other = msgspec.structs.replace(MACHINE, cpu="Pascaline")
    printed = compare(bench(row(10.0)), bench(row(10.0), machine=other), ("a", "b"), any_recipe=False)
    assert "machines differ" in printed and "abacus" in printed and "Pascaline" in printed


def test_nothing_in_common_is_an_error() -> None:
    """An empty table would look like a result."""
    with pytest.raises(InspectorError, match="no measurement in common"):
        compare(bench(row(1.0)), bench(row(1.0, measured="daemon")), ("a", "b"), any_recipe=False)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]"])
def test_what_is_no_bench_is_refused(tmp_path: Path, content: bytes) -> None:
    """With the file and what to give instead."""
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InspectorError, match=r"a\.json: .*inspector bench --json"):
        figures.read(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    """Figures whose meaning changed are not compared."""
    path = tmp_path / "a.json"
    figures.write(path, msgspec.structs.replace(bench(row(1.0)), format=99))
    with pytest.raises(InspectorError, match="format is 99; expected 2"):
        figures.read(path)


def test_columns_are_aligned() -> None:
    """Words to the left, figures to the right, each column as wide as its widest cell."""
    assert aligned([("what", "n"), ("a", "5"), ("longer", "10.5")]) == ["what       n", "a          5", "longer  10.5"]
