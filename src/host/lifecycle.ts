/** Calls `action` once things have been quiet for `quietMs`. */
export function debounce(quietMs: number, action: () => void): { run(): void; dispose(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    run() {
      clearTimeout(timer);
      timer = setTimeout(action, quietMs);
    },
    dispose() {
      clearTimeout(timer);
    },
  };
}
