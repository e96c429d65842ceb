import { fields, text, textUpTo } from "./shapes";

/** A clipboard of more helps nobody. */
const maxCopiedLength = 100_000_000;

export const copied = fields<{ readonly text: string; readonly what: string }>({
  text: textUpTo(maxCopiedLength),
  what: text,
});
