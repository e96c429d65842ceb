import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** What is said of adapters that are broken or do not fit, and of experts, in a real VS Code. */

type Shapes = Readonly<Record<string, readonly number[]>>;

let parent: string;
let workbench: Workbench;

/** Values that are alike wherever the same factor of the same module is written. */
function weights(shapes: Shapes): Uint8Array {
  const values = Object.values(shapes).flatMap((shape) =>
    Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, at) => Math.sin(at + 1)),
  );
  return safetensorsFile({
    tensors: Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "F32" as const, shape })),
    data: new Uint8Array(Float32Array.from(values).buffer),
  });
}

function folder(name: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  const path = join(parent, "work", name);
  mkdirSync(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
}

const config = (more: object = {}) =>
  JSON.stringify({ peft_type: "LORA", r: 4, lora_alpha: 4, target_modules: "all-linear", ...more });

const q = "model.layers.0.self_attn.q_proj";
const pair: Shapes = {
  [`base_model.model.${q}.lora_A.weight`]: [4, 16],
  [`base_model.model.${q}.lora_B.weight`]: [12, 4],
};

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "verdicts-"));
  folder("empty", { "adapter_model.safetensors": weights({}), "adapter_config.json": config() });
  folder("base", {
    "model.safetensors": weights({ "model.language_model.layers.0.self_attn.q_proj.weight": [12, 16] }),
  });
  folder("misfit", {
    "adapter_model.safetensors": weights(pair),
    "adapter_config.json": config({ base_model_name_or_path: "../base" }),
  });
  const experts = "base_model.model.model.layers.0.mlp.experts.gate_up_proj";
  folder("experts", {
    "adapter_model.safetensors": weights({
      [`${experts}.lora_A.weight`]: [8, 4, 16],
      [`${experts}.lora_B.weight`]: [8, 12, 4],
      ...pair,
    }),
    "adapter_config.json": config(),
  });
  const flat = "lora_unet_transformer_blocks_0_attn_to_q";
  const dotted = "base_model.model.transformer_blocks.0.attn.to_q";
  folder("kohya", {
    "style.safetensors": weights({
      [`${flat}.lora_down.weight`]: [4, 16],
      [`${flat}.lora_up.weight`]: [12, 4],
    }),
  });
  folder("peft", {
    "adapter_model.safetensors": weights({
      [`${dotted}.lora_A.weight`]: [4, 16],
      [`${dotted}.lora_B.weight`]: [12, 4],
    }),
    "adapter_config.json": config({ lora_alpha: 6 }),
  });
  workbench = await openWindow({ workspace: join(parent, "work"), viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(parent, { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

const page = () => workbench.webviewFrame();
const tab = (name: RegExp) => page().getByRole("tab", { name });

async function openAdapter(name: string): Promise<void> {
  await workbench.openFile(`${name}/adapter_model.safetensors`);
}

test("an empty adapter says why it is broken", async () => {
  await openAdapter("empty");
  await tab(/^Health/).click();
  await page()
    .getByText(/holds no tensors at all, although adapter_config\.json announces LORA/)
    .first()
    .waitFor();
  await page()
    .getByText(/not gathered from all processes/)
    .first()
    .waitFor();
  await workbench.screenshot("verdicts-empty");
});

test("an adapter that does not fit its base is told with the rename that would make it fit", async () => {
  await openAdapter("misfit");
  await tab(/^Health/).click();
  const told = page()
    .getByText(/model\.language_model\./)
    .first();
  await told.waitFor();
  await expect
    .poll(() => told.innerText())
    .toMatch(/"?model\.language_model\.layers|model\.language_model\./);
  await workbench.screenshot("verdicts-misfit");
});

test("the experts of an adapter stand one by one", async () => {
  await openAdapter("experts");
  await tab(/^LoRA/).click();
  await page()
    .getByRole("row", { name: /experts\.gate_up_proj/ })
    .click();
  const experts = page().getByRole("table", { name: "Experts" });
  await experts.waitFor();
  await expect.poll(() => experts.getByRole("row").count()).toBe(9);
  await workbench.screenshot("verdicts-experts");
});

test("an update in kohya's names is found in PEFT's, one and a half times as large", async () => {
  const runs = await workbench.openRuns();
  const row = (name: RegExp) => runs.getByRole("treeitem", { name });
  await workbench.selectRows(row(/^style/), row(/^peft \d+ bytes/));
  await workbench.pickFromContextMenu(row(/^peft \d+ bytes/), "Compare Selected Snapshots");
  await workbench.waitForEditor("↔");
  await page().getByText("training moved the update by 50.0 %").waitFor();
  await page().getByText("cosine 1", { exact: true }).waitFor();
  await page()
    .getByText("peft is written in another dialect: a program that loads the one does not find", {
      exact: false,
    })
    .waitFor();
  await workbench.screenshot("verdicts-dialects");
});
