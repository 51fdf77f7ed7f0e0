// Where words stand on a drawing without lying upon other words. Pure.

export const LABEL = 14;                // the height of a line of words, pixels
const APART = 8;

// The place of words that would end at `right` and stand on `y`: there, else to the left of those that lie there, which `taken`
// keeps. Where there is no room at all on the right of `least`, null: they are left out.
export function free(taken, right, y, width, least) {
  let end = Math.max(right, least + width);
  for (const one of [...taken].sort((a, b) => b.right - a.right)) if (Math.abs(one.y - y) < LABEL && end > one.left - APART && end - width < one.right + APART) end = one.left - APART;
  if (end - width < least) return null;
  taken.push({ left: end - width, right: end, y });
  return [end, y];
}
