import { rootNode } from "../../content/contentTree";
import { type SettingsGroup, settingsSections } from "../../content/settingsSections";
import type { ImportFinding } from "../../formats/importFinding";
import type { Checkpoint } from "../checkpoint";
import type { CheckpointKind, CheckpointSummary, ImportSummary } from "../summary";
import type { InsideFile } from "./insideFile";

/** Findings that a page lists; a hostile file may have ten thousand. */
const maxFindings = 500;
const maxGlobalLength = 300;

type InsideSummary = Pick<CheckpointSummary, "content" | "hasOptimizer" | "imports" | "settings">;

/** What the summary says of a torch file or pickle besides its tensors. */
export function insideSummary(
  { checkpoint, inside }: { readonly checkpoint: Checkpoint; readonly inside: InsideFile | undefined },
  kind: CheckpointKind,
  parts: SettingsGroup | undefined,
): InsideSummary {
  const { content, imports } = checkpoint;
  const stated = content === undefined ? [] : settingsSections(content, kind);
  const settings = parts === undefined ? stated : [parts, ...stated];
  return {
    ...(content === undefined ? {} : contentSummary(content)),
    ...((inside?.optimizers.length ?? 0) > 0 ? { hasOptimizer: true as const } : {}),
    ...(imports === undefined ? {} : { imports: importSummary(imports) }),
    ...(settings.length === 0 ? {} : { settings }),
  };
}

function contentSummary(content: NonNullable<Checkpoint["content"]>): Pick<CheckpointSummary, "content"> {
  const { type, text, childCount } = rootNode(content);
  return childCount === 0 ? {} : { content: { type, text: text.slice(0, maxGlobalLength) } };
}

function importSummary(imports: readonly ImportFinding[]): ImportSummary {
  const count = (verdict: ImportFinding["verdict"]) =>
    imports.filter((finding) => finding.verdict === verdict).length;
  return {
    findings: imports.slice(0, maxFindings).map((finding) => ({
      ...finding,
      global: finding.global.slice(0, maxGlobalLength),
    })),
    total: imports.length,
    dangerous: count("dangerous"),
    unknown: count("unknown"),
  };
}
