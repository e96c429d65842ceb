import type { Problem } from "../../problem/problem";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";

/** A list of what stands below a group, as Keras writes one to each (`legacy_h5_format.py`). */
export interface NameList {
  /** Of the group; empty for the root. */
  readonly path: string;
  /** E.g. "layer_names". */
  readonly attribute: string;
  readonly names: readonly string[];
}

/** Such an attribute; a long list is written in several. */
export const listAttribute = /^(?:weight_names|layer_names)\d*$/;

const maxTold = 20;

/** Layers and weights that a list names and that are not in the file: Keras stops at the first. */
export function lostNames(lists: readonly NameList[], paths: ReadonlySet<string>): readonly Problem[] {
  return lists
    .flatMap(({ path, attribute, names }): readonly Problem[] => {
      const prefix = path === "" ? "" : `${path}/`;
      const lost = names.filter((name) => name !== "" && !paths.has(`${prefix}${name}`));
      const [first] = lost;
      if (first === undefined) return [];
      const more = lost.length > 1 ? ` and ${formatCount(lost.length - 1)} more` : "";
      const what = attribute.startsWith("layer") ? "layer" : "weight";
      const message = `${quote(path === "" ? "/" : path)} lists the ${what} ${quote(first)}${more} (${attribute}), which is not in the file: Keras cannot load it.`;
      return [{ severity: "error", code: "ListedWeightsMissing", message }];
    })
    .slice(0, maxTold);
}
