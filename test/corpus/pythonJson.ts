/** Python's words for numbers that JSON has not, outside of strings. */
const nonFinite = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;
const mark = "non-finite ";

/** JSON as Python writes it, read by another way than ours: the words become marked strings and then numbers. */
export function parsePythonJson(text: string): unknown {
  const marked = text.replace(nonFinite, (token) => (token.startsWith('"') ? token : `"${mark}${token}"`));
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? Number(value.slice(mark.length)) : value,
  );
}
