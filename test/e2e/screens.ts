import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { safetensorsFile } from "../support/made/safetensorsFile";
import type { Workbench } from "../support/vscode/workbench";

export interface Screen {
  readonly name: string;
  /** Also a picture of the README. */
  readonly readme?: boolean;
  /** Also a picture of the walkthrough, under this name: of that part of a smaller window. */
  readonly walkthrough?: { readonly name: string; readonly part: "sidebar" | "editor" };
  show(stage: Stage): Promise<void>;
}

/** One window, and what the screens find in it. */
export class Stage {
  readonly runs: Locator;

  constructor(readonly workbench: Workbench) {
    this.runs = workbench.view("Training Runs");
  }

  get page(): FrameLocator {
    return this.workbench.webviewFrame();
  }

  row(name: string): Locator {
    return this.runs.getByRole("treeitem", { name: new RegExp(`^${name} `) });
  }

  async openCheckpoint(name: string, tab: string): Promise<void> {
    await this.workbench.selectRows(this.row(name));
    await this.tab("Overview").waitFor();
    await this.tab(tab).click();
  }

  tab(name: string): Locator {
    return this.page.getByRole("tab", { name: new RegExp(`^${name}`) });
  }

  /** The stages of the pipeline side by side. */
  async compare(): Promise<void> {
    await this.workbench.selectRows(
      this.row("01-svd"),
      this.row("02-rank-reduction"),
      this.row("checkpoint-240"),
    );
    await this.workbench.pickFromContextMenu(this.row("01-svd"), "Compare Selected Snapshots");
    await this.workbench.waitForEditor("↔");
    await this.page.getByRole("table", { name: "Modules" }).waitFor();
  }
}

const shownModule = "model.layers.0.self_attn.q_proj";

export const screens: readonly Screen[] = [
  {
    name: "tree",
    walkthrough: { name: "tree", part: "sidebar" },
    async show(stage) {
      await stage.workbench.selectRows(stage.row("checkpoint-120"));
      await stage.tab("Overview").waitFor();
      await stage.workbench.closeAllEditors();
      const isExpanded = await stage.row("checkpoint-120").getAttribute("aria-expanded");
      if (isExpanded !== "true") await stage.row("checkpoint-120").locator(".monaco-tl-twistie").click();
      await stage.runs.getByRole("treeitem", { name: /^optimizer state/i }).waitFor();
    },
  },
  {
    name: "overview",
    readme: true,
    walkthrough: { name: "editor", part: "editor" },
    show: async (stage) => {
      await stage.openCheckpoint("checkpoint-240", "Overview");
      await stage.page.getByText("Can I resume?").waitFor();
    },
  },
  {
    name: "tensors",
    readme: true,
    async show(stage) {
      await stage.openCheckpoint("checkpoint-240", "Tensors");
      const rows = stage.page.getByRole("treegrid", { name: "Tensors by module" });
      await rows.getByRole("row", { name: /^0 / }).click();
      await rows.getByRole("row", { name: /^self_attn / }).click();
      await rows.getByRole("row", { name: /^q_proj/ }).click();
      await rows.getByRole("row", { name: /^lora_B/ }).click();
      await stage.page.getByRole("region", { name: "Details" }).waitFor();
    },
  },
  {
    name: "tensorTable",
    async show(stage) {
      await stage.openCheckpoint("base", "Tensors");
      await stage.page.getByRole("button", { name: "Table", exact: true }).click();
      await stage.page.getByRole("row").nth(3).click();
      await stage.page.getByRole("region", { name: "Details" }).waitFor();
    },
  },
  {
    name: "training",
    readme: true,
    async show(stage) {
      await stage.openCheckpoint("checkpoint-240", "Training");
      await stage.page.getByRole("button", { name: "Table", exact: true }).waitFor();
    },
  },
  {
    name: "lora",
    async show(stage) {
      await stage.openCheckpoint("02-rank-reduction", "LoRA");
      await stage.page.getByRole("grid").getByRole("row").nth(3).click();
      await stage.page
        .getByRole("region", { name: "Details" })
        .or(stage.page.locator("figure"))
        .first()
        .waitFor();
    },
  },
  {
    name: "health",
    async show(stage) {
      await stage.workbench.openFile("broken/cut.safetensors");
      await stage.tab("Health").click();
    },
  },
  {
    name: "failed",
    async show(stage) {
      await stage.workbench.openFile("broken/pointer.safetensors");
      await stage.page.getByRole("alert").waitFor();
    },
  },
  {
    name: "deleted",
    async show(stage) {
      const { workbench } = stage;
      const name = "deleted.safetensors";
      const path = join(workbench.folder, "broken", name);
      writeFileSync(path, safetensorsFile({ tensors: [{ name: "weight", dtype: "F32", shape: [2, 2] }] }));
      await workbench.openFile(`broken/${name}`);
      await stage.tab("Overview").waitFor();
      rmSync(path);
      await stage.page.getByRole("heading", { name: /was deleted/ }).waitFor();
    },
  },
  ...(["Overview", "Optimizer", "Training"] as const).map(
    (tab): Screen => ({
      name: `handWritten${tab}`,
      async show(stage) {
        await stage.workbench.openFile("ordinary/classifier.pt");
        await stage.tab("Overview").waitFor();
        await stage.tab(tab).click();
        // The lines come after the axes.
        if (tab !== "Training") return;
        await stage.page
          .getByText(/^latest /)
          .first()
          .waitFor();
      },
    }),
  ),
  {
    name: "ganPair",
    async show(stage) {
      await stage.workbench.openFile("ordinary/gan.pt");
      await stage.tab("Overview").waitFor();
    },
  },
  {
    name: "yoloRun",
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("exp"), "Open Chart of Run");
      await stage.page.locator("canvas").first().waitFor();
      const isExpanded = await stage.row("exp").getAttribute("aria-expanded");
      if (isExpanded !== "true") await stage.row("exp").locator(".monaco-tl-twistie").click();
      await stage.row("best.pt").waitFor();
    },
  },
  {
    name: "mergePlan",
    readme: true,
    async show(stage) {
      // Alone: of several selected adapters the sum would be merged.
      await stage.row("checkpoint-240").click();
      await stage.workbench.pickFromContextMenu(stage.row("checkpoint-240"), "Merge into Base…");
      await stage.workbench.waitForEditor("Merge into Base");
      await stage.page.getByText("14 modules change 14 weights").waitFor();
    },
  },
  {
    name: "lineage",
    readme: true,
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("lora-pipeline"), "Show Lineage");
      await stage.page.getByText("fine-tuning").first().waitFor();
    },
  },
  {
    name: "compare",
    readme: true,
    walkthrough: { name: "compare", part: "editor" },
    show: (stage) => stage.compare(),
  },
  {
    name: "compareModule",
    async show(stage) {
      await stage.compare();
      await stage.page.getByRole("button", { name: shownModule }).click();
      await stage.page.getByRole("region", { name: "Module details" }).locator("canvas").waitFor();
    },
  },
  {
    name: "run",
    walkthrough: { name: "chart", part: "editor" },
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("lora-pipeline"), "Open Chart of Run");
      await stage.page.locator("canvas").first().waitFor();
    },
  },
  {
    name: "runTable",
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("lora-pipeline"), "Open Chart of Run");
      await stage.page.getByRole("button", { name: "Table", exact: true }).click();
      await stage.page.getByRole("grid", { name: "Training log" }).waitFor();
    },
  },
];
