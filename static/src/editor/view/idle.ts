const AT_MOST_MS = 1000;
const ELSE_MS = 200;

/** When the page has nothing more urgent to do, or has had enough time for it. */
export function idle(): Promise<void> {
  return new Promise((resolve) => {
    // Safari does not say when it is idle.
    if (!("requestIdleCallback" in window)) setTimeout(resolve, ELSE_MS);
    else requestIdleCallback(() => resolve(), { timeout: AT_MOST_MS });
  });
}
