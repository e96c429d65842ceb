import { afterEach, expect, test } from "vitest";
import { EditorPage } from "./editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function open() {
  editor = await EditorPage.open({ sample: "distributed" });
  return editor;
}

test("the Overview of a distributed folder: what it is, what is missing, and how it is loaded", async () => {
  const opened = await open();
  const section = opened.page.getByRole("region", { name: "Distributed checkpoint" });
  await section.getByText("DeepSpeed 0.17.2 ZeRO-3, 64 ranks, step 300").waitFor();
  await section.getByText("1 of 13 tensors can be read whole, 12 in part.", { exact: false }).waitFor();
  const states = section.getByRole("table", { name: "Weights and optimizer state" });
  await expect.poll(() => states.getByRole("row", { name: /^Moments/ }).innerText()).toMatch(/14\.7 MB\s+8/);
  // A script that would refuse the folder is not offered.
  await section
    .getByText("Other programs refuse it while parts of tensors are missing.", { exact: false })
    .waitFor();
  await expect.poll(() => section.locator(".load-snippet").count()).toBe(0);
});

test("the map of ranks is read by keys: each file, what is missing, what is cut", async () => {
  const opened = await open();
  const optimizer = opened.page.getByRole("slider", { name: /^optimizer states by rank: 63 of 64 there/ });
  await optimizer.focus();
  for (let press = 0; press < 5; press++) await opened.page.keyboard.press("ArrowRight");
  await expect
    .poll(() => optimizer.getAttribute("aria-valuetext"))
    .toBe("rank 5, optimizer states: bf16_zero_pp_rank_5_mp_rank_00_optim_states.pt, missing");
  // There is nothing to open.
  await opened.page.keyboard.press("Enter");
  await opened.page.keyboard.press("ArrowDown");
  await expect.poll(() => optimizer.getAttribute("aria-valuetext")).toMatch(/^rank 37, .*1\.51 GB$/);
  await opened.page.keyboard.press("Enter");
  await expect
    .poll(() => opened.sent("open"))
    .toEqual([{ path: "/runs/qwen/checkpoint-300/bf16_zero_pp_rank_37_mp_rank_00_optim_states.pt" }]);
  await opened.page.getByRole("slider", { name: /missing or cut: rank 9$/ }).waitFor();
});

test("a tensor that is readable in part is marked, and its details name its pieces", async () => {
  const opened = await open();
  await opened.page.getByRole("tab", { name: /^Tensors/ }).click();
  await opened.page.getByRole("button", { name: "Table", exact: true }).click();
  const row = opened.page.getByRole("row", { name: /^model\.embed_tokens\.weight/ });
  await row.getByLabel("Cannot be read whole").waitFor();
  const whole = opened.page.getByRole("row", { name: /inv_freq/ });
  await expect.poll(() => whole.getByLabel("Cannot be read whole").count()).toBe(0);
  await row.click();
  const pieces = opened.page.getByRole("region", { name: "Pieces" });
  await pieces.getByText("rows 80 to 95: the file of rank 5 is missing.", { exact: false }).waitFor();
  const table = pieces.getByRole("table", { name: "Pieces of the tensor" });
  await expect.poll(() => table.getByRole("row").count()).toBe(65);
  const first = table.getByRole("row", { name: /^rank 0 rows 0 to 15/ });
  await expect.poll(() => first.innerText()).toMatch(/rank 0\s+rows 0 to 15\s+bf16_zero_pp_rank_0/);
  await first.getByRole("button").click();
  await expect
    .poll(() => opened.sent("open"))
    .toEqual([{ path: "/runs/qwen/checkpoint-300/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt" }]);
  await expect.poll(() => opened.page.getByRole("region", { name: "Statistics" }).count()).toBe(0);
});
