import { fields, shortText, textUpTo } from "./shapes";

/** A clipboard of more helps nobody. */
const maxCopiedLength = 100_000_000;

export const longText = textUpTo(maxCopiedLength);

export const copied = fields<{ readonly text: string; readonly what: string }>({
  text: longText,
  what: shortText,
});
