import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../support/projectRoot";
import { cliFolder } from "./cliFolder";

const { run } = cliFolder();

describe("compare of models", () => {
  const models = join(projectRoot, "test", "fixtures", "diff");
  const fixture = (name: string) => join(models, name);
  const expected = JSON.parse(readFileSync(fixture("modelExpected.json"), "utf8"));

  test("tells of every tensor whether it changed, and by how much, as numpy does", () => {
    const { status, stderr, json } = run(
      "compare",
      fixture("model.safetensors"),
      fixture("tuned.safetensors"),
      "--json",
    );
    expect([status, stderr]).toEqual([0, ""]);
    const { tensors } = json();
    expect(tensors).toHaveLength(10);
    const changed = tensors.filter((tensor: { status: string }) => tensor.status !== "equal");
    expect(changed).toMatchObject([{ name: expected.tensor, status: "changed", changed: 1 }]);
    for (const key of ["maxAbs", "relativeL2", "cosine"]) {
      expect(changed[0][key]).toBeCloseTo(expected[key], 6);
    }
    expect(tensors[0]).toMatchObject({ status: "equal", maxAbs: 0, relativeL2: 0, cosine: 1 });
  });

  test("finds the same tensors in a torch file with other names, and its tied weights", () => {
    const { status, json } = run("compare", fixture("model.safetensors"), fixture("wrapped.pt"), "--json");
    expect(status).toBe(0);
    const { tensors, problems } = json();
    expect(tensors.map((tensor: { status: string }) => tensor.status)).toEqual(Array(11).fill("equal"));
    expect(tensors.find(({ name }: { name: string }) => name === "module.lm_head.weight")).toMatchObject({
      tiedTo: "model.embed.weight",
    });
    expect(problems.map(({ code }: { code: string }) => code)).toEqual([
      "NamesAligned",
      "TiedTensors",
      "NamesNotInterchangeable",
    ]);
  });

  test("several against the first and against their left neighbour", () => {
    const { json } = run(
      "compare",
      fixture("model.safetensors"),
      fixture("tuned.safetensors"),
      fixture("training.pt"),
      "--json",
    );
    const { tensors } = json();
    const tensor = tensors.find(({ name }: { name: string }) => name === expected.tensor);
    expect(tensor.pairs).toMatchObject([
      { a: 0, b: 1, status: "changed" },
      { a: 0, b: 2, status: "changed" },
      { a: 1, b: 2, status: "equal", maxAbs: 0 },
    ]);
    expect(tensors.filter(({ status }: { status: string }) => status === "added")).toHaveLength(2);
  });

  test("statuses by dtype and shape, without values where nobody wants them read", () => {
    const paths = [fixture("a.safetensors"), fixture("b.safetensors")] as const;
    const { json } = run("compare", ...paths, "--json", "--no-values");
    const byName = new Map(json().tensors.map((tensor: { name: string }) => [tensor.name, tensor]));
    expect(byName.get("f32")).toEqual({
      name: "f32",
      status: "same layout",
      layouts: ["F32 [37, 29]", "F32 [37, 29]"],
    });
    expect(byName.get("bf16_of_f32")).toMatchObject({ status: "dtype" });
    expect(byName.get("turned")).toMatchObject({ status: "shape", transposed: true });
    expect([byName.get("gone"), byName.get("new")]).toMatchObject([
      { status: "removed" },
      { status: "added" },
    ]);
  });

  test("a table with the largest change first", () => {
    const { stdout } = run("compare", fixture("model.safetensors"), fixture("tuned.safetensors"));
    expect(stdout).toMatch(/^model\.layers\.1\.q_proj\.weight +changed +0\.4995 +0\.5 +0\.9201 +100 % /m);
    expect(stdout).toContain("9 tensors are equal.");
  });
});
