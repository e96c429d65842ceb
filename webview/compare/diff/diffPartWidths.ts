import { numberWidth } from "../metricWidths";
import { mismatchText } from "./diffRows";

/** The longest that a change, a norm or a cosine is written. */
const longestNumber = "1.234e+10".length;

/**
 * What the numbers of a snapshot take at the least, in pixels, so that none is cut; undefined before there are any.
 * @param mostMismatches values of a tensor that became NaN or infinite; they are told in place of the change.
 */
export function diffPartWidths(mostMismatches: number | undefined): readonly number[] | undefined {
  if (mostMismatches === undefined) return undefined;
  const usual = numberWidth(longestNumber);
  const first =
    mostMismatches === 0 ? usual : Math.max(usual, numberWidth(mismatchText(mostMismatches).length));
  return [first, usual, usual];
}

/** The same with what the snapshot has room for beyond. */
export function stretchedParts(mostMismatches: number | undefined, width: number): readonly number[] {
  const least = diffPartWidths(mostMismatches) ?? [0, 0, 0];
  const spare = Math.max(0, width - least.reduce((sum, each) => sum + each, 0));
  const each = Math.floor(spare / least.length);
  return least.map((part, at) => part + (at === 0 ? spare - each * (least.length - 1) : each));
}
