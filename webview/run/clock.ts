import { useEffect, useState } from "preact/hooks";

const tickMs = 1000;

/** The time in milliseconds, again and again while the page is in sight. @param aheadMs of the clock that counts. */
export function useClock(aheadMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, []);
  return now + aheadMs;
}
