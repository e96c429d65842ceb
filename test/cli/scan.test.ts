import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { cliFolder, floats } from "./cliFolder";

const { run, folder } = cliFolder();

function writeModel(name: string, scale = 1): string {
  const tensors = Array.from({ length: 7 }, (_, at) => ({
    name: `layers.${at}.weight`,
    dtype: "F32",
    shape: [at + 1, 2],
  }));
  const values = Array.from({ length: 56 }, (_, at) => scale * Math.sin(at + 1));
  values[20] = Number.NaN;
  const path = join(folder, name);
  writeFileSync(path, safetensorsFile({ tensors, data: floats(...values) }));
  return path;
}

test("parts on any machines put together are, byte for byte, what one scan writes", () => {
  writeModel("model.safetensors");
  expect(run("scan", "model.safetensors", "--sha256", "--out", "whole").status).toBe(0);
  for (const part of ["3/3", "1/3"])
    expect(run("scan", "model.safetensors", "--sha256", "--part", part, "--out", "parts").status).toBe(0);
  const early = run("scan", "--join", "parts", "--json");
  expect(early.status).toBe(1);
  expect(early.json().problems).toMatchObject([{ code: "PartsMissing" }]);
  // A task that was killed runs again; one that was done already writes the same again.
  for (const part of ["2/3", "3/3"])
    run("scan", "model.safetensors", "--sha256", "--part", part, "--out", "parts");
  expect(run("scan", "--join", "parts", "--json").json()).toMatchObject({ tensors: 7, tensorsRead: 7 });
  const read = (name: string) => readFileSync(join(folder, name, "scan.json"), "utf8");
  expect(read("parts")).toBe(read("whole"));
});

test("verify takes a scan in place of reading, as long as the files are the same", () => {
  const path = writeModel("kept.safetensors");
  run("scan", "kept.safetensors", "--out", "kept");
  const own = run("verify", "kept.safetensors", "--json").json();
  const { status, json } = run("verify", "kept.safetensors", "--scan", "kept/scan.json", "--json");
  expect(status).toBe(1);
  const { problems, ...report } = json();
  expect(problems.filter(({ code }: { code: string }) => code !== "FromScan")).toEqual(own.problems);
  expect(own.problems).toMatchObject([{ code: "NotFiniteValues", tensor: "layers.4.weight" }]);
  expect(report).toMatchObject({ healthy: false, tensorsRead: 7 });
  const [head] = readFileSync(join(folder, "kept", "scan.json"), "utf8").split('"tensors":[');
  writeFileSync(join(folder, "kept", "none.json"), `${head}"tensors":[]}`);
  const none = run("verify", "kept.safetensors", "--scan", "kept/none.json", "--json");
  expect(none.json()).toMatchObject({ healthy: false, problems: [{ code: "ScanOfOtherFiles" }] });
  utimesSync(path, new Date(), new Date(0));
  const later = run("verify", "kept.safetensors", "--scan", "kept/scan.json", "--json");
  expect(later.status).toBe(1);
  expect(later.json().problems).toMatchObject([{ code: "ScanOfOtherFiles" }]);
});

test("a part is no scan, and wrong use is told", () => {
  writeModel("parted.safetensors");
  run("scan", "parted.safetensors", "--part", "1/2", "--out", "parted");
  const verified = run(
    "verify",
    "parted.safetensors",
    "--scan",
    "parted/part-001-of-002.scan.json",
    "--json",
  );
  expect(verified.json().problems).toMatchObject([{ code: "ScanPart" }]);
  for (const args of [
    ["--part", "0/2"],
    ["--part", "3/2"],
    ["--part", "x"],
  ])
    expect(run("scan", "parted.safetensors", ...args, "--out", "parted").status).toBe(2);
  expect(run("scan", "parted.safetensors").status).toBe(2);
  expect(run("scan", "parted.safetensors", "--join", "parted").status).toBe(2);
  mkdirSync(join(folder, "none"));
  expect(run("scan", "--join", "none").status).toBe(1);
  rmSync(join(folder, "parted.safetensors"));
  expect(run("scan", "parted.safetensors", "--out", "parted").status).toBe(1);
});

test("a comparison in parts, joined, says byte for byte what one process says", () => {
  for (const [name, scale] of [
    ["a.safetensors", 1],
    ["b.safetensors", 1.5],
    ["c.safetensors", 2],
  ] as const)
    writeModel(name, scale);
  const models = ["compare", "a.safetensors", "b.safetensors", "c.safetensors"];
  for (const part of ["1/4", "2/4", "4/4"])
    expect(run(...models, "--part", part, "--out", "shares").status).toBe(0);
  const early = run(...models, "--join", "shares", "--json");
  expect(early.status).toBe(1);
  expect(early.json().problems).toMatchObject([
    { code: "PartsMissing", message: "Part 3 of 4 is missing. Make what is missing, then join again." },
  ]);
  const third = run(...models, "--part", "3/4", "--out", "shares", "--json").json();
  expect(third.pairs).toBe(21);
  expect(third.ownPairs).toBeLessThan(21);
  const whole = run(...models, "--json");
  const joined = run(...models, "--join", "shares", "--json");
  expect([joined.status, joined.stdout]).toEqual([whole.status, whole.stdout]);
  expect(whole.json().tensors[4]).toMatchObject({ status: "changed" });
  const fewer = run("compare", "a.safetensors", "b.safetensors", "--join", "shares", "--json");
  expect(fewer.json().problems).toMatchObject([{ code: "PartsOfOtherScans" }]);
  utimesSync(join(folder, "c.safetensors"), new Date(), new Date(0));
  const later = run(...models, "--join", "shares", "--json");
  expect(later.status).toBe(1);
  expect(later.json().problems).toMatchObject([{ code: "PartsOfOtherScans" }]);
  for (const wrong of [
    ["--part", "1/2"],
    ["--out", "x"],
    ["--join", "shares", "--no-values"],
  ])
    expect(run(...models, ...wrong).status).toBe(2);
});
