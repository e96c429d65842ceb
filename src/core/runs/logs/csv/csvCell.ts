import { loggedNumber } from "../../../progress/loggedNumber";

/** The number in a cell; undefined where it is empty or holds something else. */
export function cellNumber(cell: string | undefined, decimalComma: boolean): number | undefined {
  if (cell === undefined || cell === "") return undefined;
  const text = cell.trim();
  if (text === "") return undefined;
  const number = Number(text);
  if (!Number.isNaN(number)) return number;
  if (decimalComma && /^[+-]?[\d.]*,\d+(?:[eE][+-]?\d+)?$/.test(text)) {
    return Number(text.replaceAll(".", "").replace(",", "."));
  }
  return loggedNumber(text);
}
