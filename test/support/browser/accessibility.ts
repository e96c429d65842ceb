import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import type { Frame, Page } from "playwright-core";

export interface AccessibilityFinding {
  readonly rule: string;
  readonly impact: string;
  readonly help: string;
  readonly elements: readonly string[];
}

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What axe finds wrong with a page or a frame: names, roles, contrast and the like in the dark theme; the contrast alone
 * in the others, since the rest of a page is the same in every theme and each rule costs seconds.
 */
export async function findAccessibilityProblems(target: Page | Frame): Promise<AccessibilityFinding[]> {
  await target.evaluate(source);
  const { violations } = await target.evaluate(() => {
    const options: RunOptions = document.body.classList.contains("vscode-dark")
      ? {}
      : { runOnly: ["color-contrast"] };
    return (window as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }).axe.run(options);
  });
  return violations.map(({ id, impact, help, nodes }) => ({
    rule: id,
    impact: impact ?? "unknown",
    help,
    elements: nodes.map(({ html }) => html),
  }));
}
