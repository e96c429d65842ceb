import { flattenJson } from "../json/flattenJson";
import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";
import { quote } from "../text/quote";
import type { Snapshot } from "./openSnapshots";

/** Who wrote the file, where it came from, and how the weights are stored, which their own table tells. */
const besidesTheModel =
  /^(?:transformers_version|_name_or_path|torch_dtype|dtype|use_cache|_.*|auto_map\..*)$/;

/** Settings told by name; the others are counted. */
const maxTold = 6;

/** Longer values are cut. */
const maxShown = 60;

/**
 * The same weights compute something else under another config.json, e.g. of another base of the rotary embedding:
 * what differs there is told beside what differs in the tensors.
 */
export function settingsDifferences(snapshots: readonly Snapshot[]): Problem[] {
  return snapshots.slice(1).flatMap((after, at) => {
    const before = snapshots[at];
    const [one, other] = [before, after].map((snapshot) => settingsOf(snapshot));
    if (before === undefined || one === undefined || other === undefined) return [];
    const names = [...new Set([...one.keys(), ...other.keys()])].filter(
      (name) => one.get(name) !== other.get(name),
    );
    if (names.length === 0) return [];
    const told = names
      .slice(0, maxTold)
      .map((name) => `${quote(name)} ${shown(one.get(name))} → ${shown(other.get(name))}`);
    const rest = names.length - told.length;
    const more = rest > 0 ? `, and ${plural(rest, "more setting")}` : "";
    const message = `${before.label} → ${after.label}: config.json differs: ${told.join(", ")}${more}. The same weights may compute something else under other settings.`;
    return [{ severity: "info", code: "SettingsDiffer", message } as const];
  });
}

function shown(value: string | undefined): string {
  if (value === undefined) return "not set";
  return value.length <= maxShown ? value : `${value.slice(0, maxShown)}…`;
}

/** Of a model alone: an adapter's settings are told with its modules. */
function settingsOf(snapshot: Snapshot | undefined): ReadonlyMap<string, string> | undefined {
  const session = snapshot?.session;
  if (session === undefined || session.adapter !== undefined) return undefined;
  const config = session.folder.config?.value;
  if (config === undefined) return undefined;
  return new Map(flattenJson(config).filter(([name]) => !besidesTheModel.test(name)));
}
