import { expect, it } from "vitest";
import { OpeningsFirst } from "../../src/worker/process/openingsFirst";
import { MemoryFiles } from "../support/memoryFiles";

it("has who looks through a workspace wait while a file is opened, and no longer", async () => {
  const openings = new OpeningsFirst();
  const patient = openings.patient(new MemoryFiles({ "/w/a.json": "{}" }));
  const told: string[] = [];
  let finish = () => {};
  const first = openings.opening(() => new Promise<void>((resolve) => (finish = resolve)));
  const failing = openings.opening(async () => Promise.reject(new Error("It is no checkpoint.")));
  const looks = [
    patient.stat("/w/a.json").then(() => told.push("stat")),
    patient.list("/w").then(() => told.push("list")),
    patient.open("/w/a.json").then((source) => source.close().then(() => told.push("open"))),
  ];
  await expect(failing).rejects.toThrow("no checkpoint");
  await new Promise(setImmediate);
  expect(told).toEqual([]);
  finish();
  await first;
  await Promise.all(looks);
  expect(told.sort()).toEqual(["list", "open", "stat"]);
  expect((await patient.stat("/w/a.json"))?.size).toBe(2);
});

it("passes on which links of a folder lead nowhere", async () => {
  const files = new MemoryFiles({ "/w/a.json": "{}", "/w/last.ckpt": { link: "epoch=3.ckpt" } });
  const links: unknown[] = [];
  await new OpeningsFirst().patient(files).list("/w", (link) => links.push(link));
  expect(links).toEqual([{ name: "last.ckpt", target: "epoch=3.ckpt" }]);
});
