// Where the strip's picture has a gap: pictures give way to inspection, and what was not drawn must not look like sound strip.
// Pure.

// Of a list of tiles: for each camera's part of the strip, by side and place across, the stretches between `from` and `to` of
// which none knows anything. Behind what was seen last pictures are still to come, from `until` on.
export function gaps(tiles, from, to, until) {
  const bands = new Map();
  for (const { side, ownLeft, ownRight, mmPerPx, known } of tiles) {
    const key = `${side} ${ownLeft} ${ownRight}`, band = bands.get(key) ?? { side, left: ownLeft, right: ownRight, least: 0, known: [] };
    band.known.push(...known); band.least = Math.max(band.least, mmPerPx);   // of parts of a pixel nobody can tell
    bands.set(key, band);
  }
  return [...bands.values()].flatMap(({ side, left, right, least, known }) => {
    const found = [];
    let reached = from;
    for (const [begin, end] of known.sort((a, b) => a[0] - b[0])) {
      if (begin > reached + least) found.push([reached, Math.min(begin, to)]);
      reached = Math.max(reached, end);
    }
    if (Math.min(until, to) > reached + least) found.push([reached, Math.min(until, to)]);
    return found.filter(([begin, end]) => begin < to && end > from).map(([begin, end]) => ({ side, left, right, from: begin, to: end }));
  });
}
