import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../support/projectRoot";
import { cliFolder } from "./cliFolder";

const { run } = cliFolder();

test("says how it is used, and its version, when asked", () => {
  expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Usage:/), stderr: "" });
  expect(run("--version")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$|^from source\n$/),
  });
});

test("is used as its reference says, whose commands all have a section", () => {
  const usage = (text: string) => text.match(/^ +checkpoint-explorer .+/gm)?.map((line) => line.trim());
  const reference = readFileSync(join(projectRoot, "docs/cli.md"), "utf8");
  const told = usage(run("--help").stdout);
  expect(usage(reference)).toEqual(told);
  const commands = new Set(told?.map((line) => line.split(" ")[1]));
  const titles = (reference.match(/^### .+/gm) ?? []).join();
  expect([...commands].filter((command) => !titles.includes(command as string))).toEqual([]);
});

describe("wrong usage", () => {
  test.each([
    ["no command", []],
    ["an unknown command", ["explode"]],
    ["no path", ["inspect"]],
    ["two paths where one is meant", ["inspect", "a", "b"]],
    ["one snapshot", ["compare", "a"]],
    ["an unknown flag", ["inspect", "a", "--jsn"]],
    ["reduce without a place to write", ["reduce", "a", "--rank", "4"]],
    ["reduce by two rules", ["reduce", "a", "--rank", "4", "--energy", "0.9", "--out", "b"]],
    ["a rank that is none", ["reduce", "a", "--rank", "0", "--out", "b"]],
    ["a ratio below 1", ["reduce", "a", "--sv-ratio", "0.5", "--out", "b"]],
    ["extract by a rule of kohya's", ["extract", "a", "c", "--sv-fro", "0.9", "--out", "b"]],
    ["extract of one model", ["extract", "a", "--rank", "4", "--out", "b"]],
  ])("%s ends with 2 and says how it goes", (_, args) => {
    const { status, stdout, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("checkpoint-explorer inspect PATH");
  });

  test("a path that is not there ends with 1", () => {
    const { status, json } = run("inspect", "nowhere.safetensors", "--json");
    expect(status).toBe(1);
    expect(json().problems).toMatchObject([{ code: "NotFound" }]);
  });
});
