/** Time and chance, so that tests can have both in hand. */
export interface Clock {
  wait(ms: number): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
}

export const realClock: Clock = {
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: () => Math.random(),
};

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** How long to rest before the n-th try again: doubling, up to half of it by chance. */
export function backOff(attempt: number, random: number): number {
  const longest = Math.min(MOST_MS, FIRST_MS * 2 ** (attempt - 1));
  return longest * (0.5 + 0.5 * random);
}
