import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LineTable } from "../../src/core/runs/merge/lineTable";
import type { Handlers } from "../../src/protocol/channel";
import type { WorkerCalls } from "../../src/protocol/workerApi";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { quietCall } from "../support/quietCall";

const worker: Handlers<WorkerCalls> = workerHandlers();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "checkpoint-explorer-runs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const lossTable = (handle: number): LineTable<number> => ({
  columns: [{ run: handle, key: "loss", axis: "step", smoothed: false }],
});

it("follows one log by its path, and answers what its charts and its table ask", async () => {
  const path = join(folder, "trainer_log.jsonl");
  const line = (step: number) =>
    `${JSON.stringify({ current_steps: step, total_steps: 50, loss: 100 / step })}\n`;
  await writeFile(path, [1, 2, 4].map(line).join(""));
  const { handle, head } = await worker.followLog({ path }, ...quietCall);
  expect(head.metrics).toMatchObject([{ key: "loss", count: 3, last: 25 }]);

  const whole = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, slices: 10 };
  const sample = () =>
    worker.sampleRun({ handle, requests: [{ key: "loss", axis: "step", ...whole }] }, ...quietCall);
  expect([...((await sample())[0]?.envelope.last ?? [])]).toEqual([100, 50, 25]);
  const table = lossTable(handle);
  expect(await worker.tablePage({ table, first: 1, length: 5 }, ...quietCall)).toMatchObject({
    first: 1,
    count: 3,
  });
  expect(await worker.tableRow({ table, x: 3.6 }, ...quietCall)).toBe(2);

  await appendFile(path, line(5));
  const news = await worker.pollRun({ handle }, ...quietCall);
  expect(news.head?.metrics).toMatchObject([{ key: "loss", count: 4 }]);
  expect([...((await sample())[0]?.envelope.last ?? [])]).toEqual([100, 50, 25, 20]);
  // The table that was made before must not be shown any more.
  expect(await worker.tableText({ table, headers: ["Step", "Loss"], format: "csv" }, ...quietCall)).toEqual({
    text: "Step,Loss\r\n1,100\r\n2,50\r\n4,25\r\n5,20\r\n",
    rows: 4,
    count: 4,
  });
  expect((await worker.pollRun({ handle }, ...quietCall)).head).toBeUndefined();

  await worker.close({ handle }, ...quietCall);
  expect(() => worker.sampleRun({ handle, requests: [] }, ...quietCall)).toThrow("no longer open");
});

it("puts the lines of several runs into one table", async () => {
  const paths = ["a", "b"].map((name) => join(folder, `${name}.csv`));
  await Promise.all([
    writeFile(paths[0] ?? "", "step,loss\n1,7\n2,8\n"),
    writeFile(paths[1] ?? "", "step,loss\n2,9\n"),
  ]);
  const handles = await Promise.all(
    paths.map(async (path) => (await worker.followLog({ path }, ...quietCall)).handle),
  );
  const table = { columns: handles.flatMap((handle) => lossTable(handle).columns) };
  const { text } = await worker.tableText(
    { table, headers: ["Step", "a", "b"], format: "csv" },
    ...quietCall,
  );
  expect(text).toBe("Step,a,b\r\n1,7,\r\n2,8,9\r\n");
});

it("says what is no log", async () => {
  const path = join(folder, "notes.txt");
  await writeFile(path, "Remember the milk.\n");
  await expect(worker.followLog({ path }, ...quietCall)).rejects.toMatchObject({
    code: "UnknownLog",
    file: path,
  });
});
