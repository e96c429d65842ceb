import { basename, dirname } from "node:path";
import { formatBytes, plural } from "../../core/text/quantities";
import type { PlannedRemoval, RefusedRemoval, RemovedWhat } from "./removalPlan";

/** A dialog has room for so many lines. */
const maxNamed = 15;

export interface RemovalQuestion {
  readonly title: string;
  readonly detail: string;
}

/** Names what would go, with its bytes. */
export function removalQuestion(
  planned: readonly PlannedRemoval[],
  refused: readonly RefusedRemoval[],
  shownPath: (path: string) => string,
): RemovalQuestion {
  const lines = planned.flatMap((one) => linesOf(one, shownPath));
  const more = lines.slice(maxNamed);
  const shown = lines.slice(0, maxNamed).map(({ text }) => text);
  if (more.length > 0) {
    const bytes = more.reduce((sum, line) => sum + line.bytes, 0);
    shown.push(`… and ${more.length} more (${formatBytes(bytes)})`);
  }
  const unrecognised = planned.flatMap((one) =>
    one.unrecognised.map((name) => `${shownPath(one.checkpoint.path)}/${name}`),
  );
  if (unrecognised.length > 0)
    shown.push("", `This goes too, though no trainer writes it: ${listed(unrecognised)}`);
  if (refused.length > 0) {
    const reasons = refused.map(({ checkpoint, reason }) => `${checkpoint.name}: ${reason}`);
    shown.push("", `Not deleted: ${listed(reasons)}`);
  }
  const losses = lossesOf(planned);
  if (losses.length > 0) shown.push("", ...losses);
  return {
    title: `Delete ${removedText(planned)}, ${formatBytes(totalBytes(planned))}?`,
    detail: shown.join("\n"),
  };
}

/** What cannot be done any more, by what goes. */
function lossesOf(planned: readonly PlannedRemoval[]): string[] {
  const goes = (wanted: RemovedWhat) => planned.some(({ what }) => what === wanted);
  const kept = [
    ...new Set(planned.flatMap(({ removals }) => removals.flatMap(({ sameAs }) => sameAs ?? []))),
  ].map((path) => basename(dirname(path)));
  return [
    ...(goes("checkpoint")
      ? ["A checkpoint that goes cannot be evaluated, compared, averaged or resumed from any more."]
      : []),
    ...(goes("state")
      ? ["Training cannot be resumed from then on from a checkpoint whose state goes. Its weights stay."]
      : []),
    ...(goes("copies")
      ? [
          `A checkpoint whose copies go does not load by itself any more: the same bytes stay in ${listed(kept)} Copy them back before it is used.`,
        ]
      : []),
  ];
}

/** "2 checkpoints, the state of 1 checkpoint and copies in 3 checkpoints". */
export function removedText(planned: readonly Pick<PlannedRemoval, "what">[]): string {
  const count = (wanted: RemovedWhat) => planned.filter(({ what }) => what === wanted).length;
  const [whole, states, copies] = [count("checkpoint"), count("state"), count("copies")];
  const parts = [
    ...(whole > 0 || states + copies === 0 ? [plural(whole, "checkpoint")] : []),
    ...(states > 0 ? [`the state of ${plural(states, "checkpoint")}`] : []),
    ...(copies > 0 ? [`copies in ${plural(copies, "checkpoint")}`] : []),
  ];
  return [...(parts.length > 1 ? [parts.slice(0, -1).join(", ")] : []), parts.at(-1)].join(" and ");
}

export function totalBytes(planned: readonly { readonly bytes: number }[]): number {
  return planned.reduce((sum, { bytes }) => sum + bytes, 0);
}

function linesOf(
  { checkpoint, removals, files, bytes }: PlannedRemoval,
  shownPath: (path: string) => string,
): { text: string; bytes: number }[] {
  const [only, ...others] = removals;
  if (only !== undefined && others.length === 0 && only.kind === "folder")
    return [{ text: `${shownPath(only.path)}/ (${plural(files, "file")}, ${formatBytes(bytes)})`, bytes }];
  // Only some files of a folder go: each is named.
  const names = removals.map(({ path }) => shownPath(path));
  return names.map((name, at) => ({
    text:
      at === 0 ? `${name} (of ${checkpoint.name}: ${plural(files, "file")}, ${formatBytes(bytes)})` : name,
    bytes: at === 0 ? bytes : 0,
  }));
}

function listed(texts: readonly string[]): string {
  const shown = texts.slice(0, 3).join("; ");
  return texts.length > 3 ? `${shown}; and ${texts.length - 3} more.` : `${shown}.`;
}
