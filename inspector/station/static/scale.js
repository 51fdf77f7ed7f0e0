// Scales of charts: round numbers on an axis, places of bars, sums that lie on one another. Pure.

// At most `most` round numbers from 0 to at least `top`: 1, 2 or 5 times a power of ten apart, and no less than `least`.
export function ticks(top, most = 4, least = 0) {
  if (!(top > 0)) return [0, 1];
  const rough = Math.max(least, top / most), power = 10 ** Math.floor(Math.log10(rough)), step = power * [1, 2, 5, 10].find((by) => by * power >= rough * (1 - 1e-9));
  return Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, n) => Number((n * step).toPrecision(12)));
}

// Where each of `count` bars lies on a width: left edge and width.
export const bars = (count, width, gap = .25) => Array.from({ length: count }, (_, n) => [((n + gap / 2) * width) / count, ((1 - gap) * width) / count]);

// Parts that lie on one another: from and to of each.
export function stacked(values) {
  let sum = 0;
  return values.map((value) => [sum, sum += value]);
}

// Which of `count` days get their date: the last always, the others as many as there is room for.
export const dated = (count, most) => { const each = Math.max(1, Math.ceil(count / most)); return (place) => (count - 1 - place) % each === 0; };
