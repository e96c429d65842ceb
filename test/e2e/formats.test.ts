import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { themeNames } from "../support/browser/themes";
import { ocdbtFolder } from "../support/made/ocdbtFolder";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** A click on a file of any format that people fine-tune with opens it here, without Open With. */

let parent: string;
let workbench: Workbench;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "formats-"));
  const workspace = join(parent, "models");
  mkdirSync(workspace);
  const fixtures = join(projectRoot, "test/fixtures");
  const sample = join(projectRoot, "media/sample/03-fine-tuning/checkpoint-240/optimizer.pt");
  cpSync(sample, join(workspace, "optimizer.pt"));
  for (const name of ["llama.gguf", "llama.safetensors"])
    cpSync(join(fixtures, "ggufTwins", name), join(workspace, name));
  cpSync(join(fixtures, "foreign/classifier.weights.h5"), join(workspace, "classifier.weights.h5"));
  cpSync(join(fixtures, "packed/weights.safetensors"), join(workspace, "packed.safetensors"));
  writeOrbax(join(workspace, "orbax"));
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(parent, { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

/** Two arrays of zarr 2, each one chunk, in one database. */
function writeOrbax(folder: string): void {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const names = ["params.dense.kernel", "params.dense.bias"];
  const shapes = [[4, 3], [3]];
  const entries = names.flatMap((name, at) => {
    const shape = shapes[at] as number[];
    const count = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length: count }, (_, index) => index / 4);
    const array = { zarr_format: 2, shape, chunks: shape, dtype: "<f4", compressor: null, fill_value: null };
    return [
      { key: `${name}/.zarray`, value: text({ ...array, order: "C", filters: null }), inline: true },
      { key: `${name}/${shape.map(() => 0).join(".")}`, value: new Uint8Array(values.buffer) },
    ];
  });
  const metadata = names.map((name) => [
    name,
    {
      key_metadata: name.split(".").map((key) => ({ key, key_type: 2 })),
      value_metadata: { value_type: "jax.Array" },
    },
  ]);
  const files = {
    ...ocdbtFolder(folder, entries),
    [join(folder, "_METADATA")]: text({ tree_metadata: Object.fromEntries(metadata), use_ocdbt: true }),
  };
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}

function page() {
  return workbench.webviewFrame();
}

function tab(name: string) {
  return page().getByRole("tab", { name: new RegExp(`^${name}`) });
}

/** On a slow machine VS Code may open the first file before it knows who takes it. */
const clicks = 3;

async function click(file: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await workbench.treeItem(file).first().click();
    await workbench.waitForEditor(file);
    try {
      return await tab("Overview|^Optimizer").first().waitFor({ timeout: 20_000 });
    } catch (error) {
      if (attempt === clicks) throw error;
      await workbench.closeAllEditors();
    }
  }
}

async function pictures(name: string): Promise<void> {
  for (const theme of themeNames) {
    await workbench.setTheme(theme);
    await page().locator("body").waitFor();
    await workbench.page.waitForTimeout(400);
    await workbench.screenshot(`formats-${name}-${theme}`);
  }
  await workbench.setTheme("dark");
}

test("optimizer.pt opens with a click", async () => {
  await click("optimizer.pt");
  await page().getByText("AdamW", { exact: true }).first().waitFor();
});

test("a tensor of a GGUF file is found by its name and shows its dequantised values", async () => {
  await click("llama.gguf");
  await tab("Overview").waitFor();
  await pictures("gguf-overview");
  await tab("Tensors").click();
  await page()
    .getByRole("textbox", { name: /Filter/ })
    .fill("blk.1 attn_q weight");
  await page().getByText("attn_q.weight").first().click();
  await page().getByText("model.layers.1.self_attn.q_proj.weight", { exact: true }).waitFor();
  await page().getByText("Q8_0, blocks of 32: 32 × 32", { exact: false }).waitFor();
  await pictures("gguf-tensor");
  await page().getByRole("button", { name: "Values", exact: true }).click();
  await page().getByRole("grid").first().waitFor();
});

test("a scan of packed weights is of their values, and of their codes when asked", async () => {
  await click("packed.safetensors");
  await tab("Tensors").click();
  await page().getByRole("button", { name: /^Scan/ }).first().click();
  const codes = page().getByRole("button", { name: "Stored codes" });
  await codes.waitFor();
  await pictures("packed-scan");
  await codes.click();
  await page().getByRole("button", { name: "Stored codes", pressed: true }).waitFor();
});

test("weights of Keras open with a click", async () => {
  await click("classifier.weights.h5");
  await tab("Tensors").click();
  await page().getByText("optimizer/vars", { exact: true }).first().waitFor();
  await pictures("keras");
});

test("a folder of Orbax opens from the tree of runs", async () => {
  const runs = await workbench.openRuns();
  await workbench.selectRows(runs.getByRole("treeitem", { name: /orbax/ }).last());
  await workbench.waitForEditor("orbax");
  await tab("Tensors").click();
  await page().getByText("kernel").first().waitFor();
  await pictures("orbax");
});

test("a GGUF file beside its original says what quantisation cost", async () => {
  await workbench.selectRows(workbench.treeItem("llama.safetensors"), workbench.treeItem("llama.gguf"));
  await workbench.pickFromContextMenu(workbench.treeItem("llama.gguf").first(), "Compare Selected Snapshots");
  await workbench.waitForEditor("↔");
  await page()
    .getByRole("button", { name: /Compare values/ })
    .first()
    .click();
  await page().getByText("what quantisation cost", { exact: false }).first().waitFor();
  await pictures("quantisation-comparison");
});
