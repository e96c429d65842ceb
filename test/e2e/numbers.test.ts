import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { llama7b } from "../support/made/largeModels";
import { dataSizeOf, fileHead, safetensorsFile } from "../support/made/safetensorsFile";
import { extensionHosts, readBytes } from "../support/vscode/extensionHosts";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** The numbers in the weights, in a real VS Code: a planted NaN is found, a long scan stops, a tensor is exported. */

let workspace: string;
let workbench: Workbench;
/** Processes of other windows. */
let others: readonly string[];

const shape = [64, 48];
const planted = { row: 41, column: 17 };

function weights(seed: number): Float32Array {
  return Float32Array.from({ length: 64 * 48 }, (_, at) => 0.05 * Math.sin(seed * 100 + at * 1.3));
}

function writeModel(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const broken = weights(2);
  broken[planted.row * 48 + planted.column] = Number.NaN;
  const values = [weights(1), broken, weights(3)];
  const tensors = values.map((_, layer) => ({ name: `layers.${layer}.up.weight`, dtype: "F32", shape }));
  const data = new Uint8Array(Buffer.concat(values.map((each) => Buffer.from(each.buffer))));
  writeFileSync(join(folder, "model.safetensors"), safetensorsFile({ tensors, data }));
  const config = { model_type: "llama", architectures: ["LlamaForCausalLM"] };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const state = { global_step: 20, epoch: 1, log_history: [{ step: 20, loss: 1.5 }] };
  writeFileSync(join(folder, "trainer_state.json"), JSON.stringify(state));
}

/** Takes no disk: the data are a hole. */
function writeSparseModel(path: string): void {
  const spec = { align: 8, tensors: llama7b() };
  const head = fileHead(spec);
  const file = openSync(path, "w");
  writeSync(file, head);
  ftruncateSync(file, head.length + dataSizeOf(spec));
  closeSync(file);
}

beforeAll(async () => {
  workspace = join(mkdtempSync(join(tmpdir(), "numbers-")), "weights");
  writeModel(join(workspace, "run", "checkpoint-20"));
  mkdirSync(join(workspace, "sparse"));
  writeSparseModel(join(workspace, "sparse", "model.safetensors"));
  others = process.platform === "linux" ? extensionHosts() : [];
  workbench = await openWindow({ workspace, inPlace: true, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(join(workspace, ".."), { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

function page() {
  return workbench.webviewFrame();
}

function tab(name: RegExp): Locator {
  return page().getByRole("tab", { name });
}

test("a scan finds a planted NaN; Health leads to its tensor, and the grid shows it", async () => {
  await workbench.openFile("run/checkpoint-20/model.safetensors");
  await tab(/^Tensors/).click();
  await page().getByRole("button", { name: "Scan values" }).click();
  await page()
    .getByText(/^Scanned /)
    .waitFor();
  await tab(/^Health/).click();
  await page().getByText("1 NaN among 3,072 values").waitFor();
  await page().getByRole("button", { name: "layers.1.up.weight" }).click();
  await page()
    .getByRole("table", { name: "Statistics" })
    .getByRole("row", { name: /^NaN 1/ })
    .waitFor();
  await page().getByRole("button", { name: "Values", exact: true }).click();
  await page().getByRole("button", { name: "Next NaN" }).click();
  await page().getByText(`[${planted.row}, ${planted.column}]`).waitFor();
  await page().getByRole("gridcell", { name: "NaN" }).waitFor();

  // A page that is hidden is destroyed; what was scanned is there again when it is shown.
  await workbench.openFile("run/checkpoint-20/config.json");
  await workbench.editorTab("model.safetensors").click();
  await page()
    .getByText(/^Scanned /)
    .waitFor();
  await page().getByRole("gridcell", { name: "NaN" }).waitFor();

  const runs = workbench.view("Training Runs");
  await workbench.setViewExpanded("Training Runs", true);
  await runs.getByRole("treeitem", { name: /^checkpoint-20 .*1 problem/ }).waitFor();
});

test("a scan of many gigabytes is cancelled", async () => {
  await workbench.openFile("sparse/model.safetensors");
  await tab(/^Tensors/).click();
  await page().getByRole("button", { name: "Scan values" }).click();
  await page().getByRole("button", { name: "Cancel" }).click();
  await page()
    .getByText(/^Scan cancelled: \d+ of 291 tensors measured\.$/)
    .waitFor();
});

test.skipIf(process.platform !== "linux")("closing the tab stops a scan", async () => {
  const [host] = extensionHosts().filter((pid) => !others.includes(pid));
  if (host === undefined) throw new Error("The extension host was not found.");
  const readMeanwhile = async () => {
    const before = readBytes(host);
    await setTimeout(300);
    return readBytes(host) - before;
  };
  await workbench.openFile("sparse/model.safetensors");
  await tab(/^Tensors/).click();
  await page()
    .getByRole("button", { name: /^Scan (values|again)$/ })
    .click();
  await expect.poll(readMeanwhile, { timeout: 20_000 }).toBeGreaterThan(50_000_000);
  await workbench.closeAllEditors();
  await expect.poll(readMeanwhile, { timeout: 20_000 }).toBeLessThan(2_000_000);
});

test("a tensor is exported, byte by byte as NumPy has it", async () => {
  await workbench.openFile("run/checkpoint-20/model.safetensors");
  await tab(/^Tensors/).click();
  await page().getByRole("textbox", { name: "Filter tensors by name" }).fill("layers.0.up");
  await page()
    .getByRole("row", { name: /up\.weight/ })
    .last()
    .click();
  await page().getByRole("button", { name: "Export .npy…" }).click();
  const path = join(workbench.folder, "exported.npy");
  await workbench.quickInput.waitFor();
  // It proposes a name only when it has listed the folder, over whatever was typed before.
  await expect.poll(() => workbench.quickInput.inputValue()).toMatch(/layers\.0\.up\.weight\.npy$/);
  await workbench.quickInput.fill(path);
  // While the dialog still lists the folder, it takes no answer.
  const isWritten = async () => {
    if (!existsSync(path) && (await workbench.quickInput.isVisible()))
      await workbench.page.keyboard.press("Enter");
    return existsSync(path);
  };
  await expect.poll(isWritten, { timeout: 20_000, interval: 1000 }).toBe(true);
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 8).toString("latin1")).toBe("\u0093NUMPY\u0001\u0000");
  expect(bytes.subarray(128).equals(Buffer.from(weights(1).buffer))).toBe(true);

  // Where Python has NumPy, it is asked too.
  const program =
    "import numpy, sys; a = numpy.load(sys.argv[1]); print(a.dtype, a.shape, a.flags.c_contiguous)";
  const python = spawnSync("/usr/bin/python3", ["-c", program, path], { encoding: "utf8" });
  if (python.status === 0) expect(python.stdout.trim()).toBe("float32 (64, 48) True");
  else expect(python.stderr).toMatch(/No module named|^$/);
});
