import { printable } from "../text/printable";
import { formatNumber, formatShare, plural } from "../text/quantities";
import type { VerifiedMerge } from "../transform/model/verifyMerge";
import type { MergeVerdict, VerifiedModule } from "../transform/model/verifyWeight";
import { plainTable } from "./textTable";

const namesShown = 3;
const mostListed = 20;

const words: Readonly<Record<MergeVerdict, string>> = {
  merged: "base + ΔW",
  scaled: "another scale",
  notMerged: "not merged",
  undecidable: "rounding hides it",
  different: "neither",
};

/** What `verify MERGED --base B --adapter A --json` prints: a contract that scripts depend on. */
export function verifyMergeReport(path: string, verified: VerifiedMerge) {
  const { isMerged, ...rest } = verified;
  return { path, merged: isMerged, summary: summaryOf(verified), ...rest, problems: [] };
}

/** The same for people. */
export function verifyMergeText(path: string, verified: VerifiedMerge): string {
  const odd = verified.modules.filter(({ verdict }) => verdict !== "merged");
  const head = ["Module", "Is", "Scale", "Found", "Cosine", "Unexplained"];
  return [
    `${printable(path)}: ${verified.isMerged ? "is base + adapter" : "is not base + adapter"}`,
    ...summaryOf(verified),
    ...(odd.length === 0 ? [] : [plainTable(head, odd.slice(0, mostListed).map(row))]),
  ].join("\n");
}

function row({ module, verdict, scale, foundScale, cosine, outside }: VerifiedModule): string[] {
  const number = (value: number | undefined) => (value === undefined ? "—" : formatNumber(value));
  return [
    printable(module),
    words[verdict],
    number(scale),
    number(foundScale),
    number(cosine),
    String(outside),
  ];
}

/** What was found, a sentence each. */
function summaryOf(verified: VerifiedMerge): readonly string[] {
  const { modules, notReplaced, changed, missing, extra, unchanged } = verified;
  const of = (wanted: MergeVerdict) => modules.filter(({ verdict }) => verdict === wanted);
  const count = (found: readonly VerifiedModule[]) =>
    found.length === modules.length
      ? `all ${plural(modules.length, "module")}`
      : `${found.length} of ${plural(modules.length, "module")}`;
  const [merged, scaled, hidden] = [of("merged"), of("scaled"), of("undecidable")];
  const worst = Math.max(0, ...merged.map(({ missShare }) => missShare));
  return [
    ...(merged.length === 0
      ? []
      : [
          `Merged, to the rounding of the weights' dtype: ${count(merged)}. Rounding took at most ${formatShare(worst)} of a module's ‖ΔW‖.`,
        ]),
    ...scalesOf(scaled).map(
      ([text, found]) =>
        `${text}: ${count(found)}${found.length === modules.length ? "" : `, ${names(found.map(({ module }) => module))}`}.`,
    ),
    ...named("Not merged, the base's weights stand there", of("notMerged")),
    ...named("Rounding swallows ΔW whole, so that merged and not merged are the same", hidden),
    ...named("Neither the base's weights nor those plus a multiple of ΔW", of("different")),
    ...list("Saved whole by the adapter, and other values in the result", notReplaced),
    ...list("Not changed by the adapter, and others than the base's", changed),
    ...list("In the base and not in the result", missing),
    ...list("In the result and not in the base", extra),
    ...(unchanged > 0
      ? [`${plural(unchanged, "other weight")} ${unchanged === 1 ? "is" : "are"} the base's, value by value.`]
      : []),
  ];

  function named(what: string, found: readonly VerifiedModule[]): string[] {
    if (found.length === 0) return [];
    return [`${what}: ${count(found)}, ${names(found.map(({ module }) => module))}.`];
  }
}

function list(what: string, found: readonly string[]): string[] {
  return found.length === 0 ? [] : [`${what}: ${plural(found.length, "tensor")}, ${names(found)}.`];
}

function names(found: readonly string[]): string {
  const shown = found.slice(0, namesShown).map(printable).join(", ");
  return found.length > namesShown ? `${shown} and ${found.length - namesShown} more` : shown;
}

/** "Merged with scale 1 instead of 2", with the modules of which that is true. */
function scalesOf(
  scaled: readonly VerifiedModule[],
): readonly (readonly [string, readonly VerifiedModule[]])[] {
  const groups = new Map<string, VerifiedModule[]>();
  for (const module of scaled) {
    const text = `Merged with scale ${formatNumber(module.foundScale ?? Number.NaN)} instead of ${formatNumber(module.scale)}`;
    groups.set(text, [...(groups.get(text) ?? []), module]);
  }
  return [...groups];
}
