import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { cliFolder, floats } from "./cliFolder";

/** What files and people do to the command line that nobody would do on purpose. */
const { run, folder } = cliFolder();

/** Moves the cursor, colours, or turns the direction of writing. */
const control = /(?!\n)\p{Cc}|\p{Cf}/u;
const evil = "\u001b]0;owned\u0007\u009b2J\u202ereversed\u200b";

function write(name: string, content: Uint8Array | string): void {
  writeFileSync(join(folder, name), content);
}

describe("a file full of control characters", () => {
  const tensors = [{ name: `w${evil}`, dtype: "F32", shape: [1] }];
  const metadata = { [`note${evil}`]: evil };

  test.each([
    ["inspect", []],
    ["inspect", ["--json"]],
    ["verify", []],
    ["verify", ["--json"]],
  ])("%s %s prints none of them", (command, flags) => {
    write("evil.safetensors", safetensorsFile({ tensors, metadata, data: floats(Number.NaN) }));
    const { stdout, stderr } = run(command, "evil.safetensors", ...flags);
    expect(stdout).not.toBe("");
    expect(stdout + stderr).not.toMatch(control);
  });

  test("nor does an error that quotes the file, or the words of the user", () => {
    write("page.safetensors", `<html>${evil}<title>${evil}</title>`);
    for (const args of [
      ["inspect", "page.safetensors"],
      ["inspect", `nowhere${evil.replaceAll("\u0000", "")}`],
      [`explode${evil}`],
      ["inspect", `--${evil}`],
      ["runs", `nowhere${evil}\nFORGED`],
      ["merge", "page.safetensors", `page.safetensors:${evil}\nFORGED`, "--out", "merged"],
      ["reduce", "page.safetensors", "--rank", `1\nFORGED`, "--out", "reduced"],
    ]) {
      const { stdout, stderr } = run(...args);
      expect(stdout + stderr).not.toMatch(control);
      expect(stdout + stderr).not.toMatch(/^FORGED/m);
    }
  });

  test("JSON still reads back as it was", () => {
    write("evil.safetensors", safetensorsFile({ tensors, metadata, data: floats(1) }));
    const { tensors: rows } = run("inspect", "evil.safetensors", "--json").json();
    expect(rows[0].name).toBe(`w${evil}`);
  });
});

test("a name of a megabyte costs its own line and not that of every other", () => {
  const names = Array.from({ length: 200 }, (_, index) => `t${index}`);
  const tensors = ["x".repeat(1_000_000), ...names].map((name) => ({ name, dtype: "U8", shape: [0] }));
  write("wide.safetensors", safetensorsFile({ tensors, data: new Uint8Array(0) }));
  const { status, stdout } = run("inspect", "wide.safetensors");
  expect(status).toBe(0);
  expect(stdout.length).toBeLessThan(40_000);
  expect(stdout).toMatch(/x… \(\d+,\d+ more characters\)/);
});

test("strict fails on a warning, which is told either way", () => {
  const data = floats(1);
  write("model.safetensors", safetensorsFile({ tensors: [{ name: "w", dtype: "F32", shape: [1] }], data }));
  expect(run("verify", "model.safetensors", "--strict").status).toBe(0);
  mkdirSync(join(folder, "warned"), { recursive: true });
  writeFileSync(
    join(folder, "warned", "model.safetensors"),
    safetensorsFile({ tensors: [{ name: "w", dtype: "F32", shape: [1] }], data }),
  );
  writeFileSync(join(folder, "warned", "optimizer.pt.tmp"), "x");
  const { problems } = run("verify", "warned", "--json").json();
  expect(problems.map(({ severity }: { severity: string }) => severity)).toContain("warning");
  expect(run("verify", "warned", "--strict").status).toBe(1);
});

test("credentials are masked unless they are asked for", () => {
  const metadata = { hub_token: "hf_secret", pad_token: "<pad>" };
  write("keys.safetensors", safetensorsFile({ tensors: [], metadata, data: new Uint8Array(0) }));
  expect(run("inspect", "keys.safetensors", "--json").json().metadata).toEqual({
    hub_token: "••••••••",
    pad_token: "<pad>",
  });
  expect(run("inspect", "keys.safetensors", "--json", "--show-secrets").json().metadata).toEqual(metadata);
});

test.skipIf(process.platform === "win32")("a pipe where a file should be does not hang", () => {
  execFileSync("mkfifo", [join(folder, "pipe.safetensors")]);
  expect(run("inspect", "pipe.safetensors", "--json").status).toBe(1);
});

test("nothing is written into the folder that it is made from", () => {
  const tensors = [
    { name: "base_model.model.q_proj.lora_A.weight", dtype: "F32", shape: [2, 2] },
    { name: "base_model.model.q_proj.lora_B.weight", dtype: "F32", shape: [2, 2] },
  ];
  mkdirSync(join(folder, "adapter"));
  const weights = safetensorsFile({ tensors, data: floats(1, 0, 0, 1, 1, 0, 0, 1) });
  writeFileSync(join(folder, "adapter", "adapter_model.safetensors"), weights);
  const config = JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2, target_modules: ["q_proj"] });
  writeFileSync(join(folder, "adapter", "adapter_config.json"), config);
  const { status, json } = run("reduce", "adapter", "--rank", "1", "--out", "adapter/small", "--json");
  expect([status, json().problems[0].code]).toEqual([1, "InsideSource"]);
  expect(readdirSync(join(folder, "adapter")).sort()).toEqual([
    "adapter_config.json",
    "adapter_model.safetensors",
  ]);
});
