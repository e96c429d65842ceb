/** What systems call a disk that takes nothing more. */
const diskWords: ReadonlyMap<unknown, string> = new Map([
  ["ENOSPC", "The disk has no room left for it"],
  ["EDQUOT", "Your share of the disk is used up"],
  ["EROFS", "The disk is read-only"],
]);

/** What a thrown value says: an error's message, of anything else its text. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const words = diskFailure(error);
  return words === undefined ? error.message : `${words} (${error.message}).`;
}

/** In words, why a disk took nothing more; undefined for every other error. */
export function diskFailure(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? diskWords.get(error.code) : undefined;
}
