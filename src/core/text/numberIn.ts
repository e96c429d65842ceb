/** The whole of a text from `start` on as a number of up to eight digits, as programs write it; -1 for all else. */
export function numberIn(text: string, start = 0): number {
  const length = text.length - start;
  if (length < 1 || length > 8 || (length > 1 && text.charCodeAt(start) === 0x30)) return -1;
  let number = 0;
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = 10 * number + digit;
  }
  return number;
}
