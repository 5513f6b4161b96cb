/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours; gives up above `most`. */
function distance(left: string, right: string, most: number): number {
  if (Math.abs(left.length - right.length) > most) return most + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let best = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    // A swap of neighbours reaches back two rows, so one bad row is not the end.
    if (Math.min(...current, ...last) > most) return most + 1;
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}

function normalized(key: string): string {
  return key.toLowerCase().replace(/[_-]/g, '.');
}

/** The known key that a mistyped one most likely means, or undefined. */
export function nearestKey(key: string, known: Iterable<string>): string | undefined {
  const wanted = normalized(key);
  // No known key is longer, and the work grows with the square of the length.
  if (wanted.length > 100) return undefined;
  let most = Math.max(1, Math.floor(wanted.length / 5));
  let nearest: string | undefined;
  for (const candidate of known) {
    const found = distance(wanted, normalized(candidate), most);
    if (found > most || (nearest !== undefined && found === most)) continue;
    nearest = candidate;
    most = found;
  }
  return nearest;
}
