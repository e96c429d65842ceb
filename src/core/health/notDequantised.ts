import type { Problem } from "../problem/problem";
import type { PackedCodes } from "../tensors/packed/packedWeights";
import { plural } from "../text/quantities";
import { quote } from "../text/quote";

/** What is shown and measured of some quantised weights is their codes: said once for each reason. */
export function notDequantised({ unknown }: PackedCodes): readonly Problem[] {
  const byReason = new Map<string, string[]>();
  for (const [{ name }, reason] of unknown) {
    const names = byReason.get(reason);
    if (names === undefined) byReason.set(reason, [name]);
    else names.push(name);
  }
  return [...byReason].map(([reason, names]) => {
    const [name = ""] = names;
    const message = `${plural(names.length, "quantised weight is", "quantised weights are")} shown as stored, not as values (first ${quote(name)}). ${reason}`;
    return { severity: "info", code: "NotDequantised", message, tensor: name };
  });
}
