import { formatBytes, plural } from "../../core/text/quantities";
import type { PlannedRemoval, RefusedRemoval } from "./removalPlan";

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
  if (planned.some(({ isStateAlone }) => isStateAlone))
    shown.push(
      "",
      "Training cannot be resumed from then on from a checkpoint whose state goes. Its weights stay.",
    );
  return {
    title: `Delete ${removedText(planned)}, ${formatBytes(totalBytes(planned))}?`,
    detail: shown.join("\n"),
  };
}

/** "2 checkpoints and the state of 1 checkpoint". */
export function removedText(planned: readonly Pick<PlannedRemoval, "isStateAlone">[]): string {
  const states = planned.filter(({ isStateAlone }) => isStateAlone).length;
  const whole = planned.length - states;
  return [
    ...(whole > 0 || states === 0 ? [plural(whole, "checkpoint")] : []),
    ...(states > 0 ? [`the state of ${plural(states, "checkpoint")}`] : []),
  ].join(" and ");
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
