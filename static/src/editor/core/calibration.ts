/** What share of proposals is right at a score, as people have judged them so far. */
export interface Calibration {
  readonly num_verdicts: number;
  /** Score and share, by rising score. */
  readonly points: readonly (readonly [score: number, share: number])[];
}

/** The share that is right at a score: read between the points, flat beyond them. */
export function shareAt({ points }: Calibration, score: number): number {
  const after = points.findIndex(([at]) => at >= score);
  if (after < 0) return points.at(-1)?.[1] ?? score;
  const [right, high] = points[after] ?? [score, score];
  const [left, low] = points[after - 1] ?? [right, high];
  if (right === left) return high;
  return low + ((high - low) * (score - left)) / (right - left);
}

/** The share of these that is expected to be right; null of none. */
export function expectedPrecision(
  calibration: Calibration,
  scores: readonly number[],
): number | null {
  if (scores.length === 0) return null;
  return scores.reduce((sum, score) => sum + shareAt(calibration, score), 0) / scores.length;
}
