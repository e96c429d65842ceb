/**
 * Lets everything else that waits go first. Bytes that are in memory are there at once, so that work on them holds the
 * event loop, and with it the other open files, unless it says now and then that others may go on.
 */
export function takeTurns(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
