import { describe, expect, it } from "vitest";
import { ModulePatterns } from "../../../src/core/adapter/modulePatterns";
import { readReference } from "./adapterFile";

interface PatternReference {
  readonly patternModules: readonly string[];
  /** The modules Python's re.match accepts, or null where Python refuses the key. */
  readonly patterns: readonly { readonly key: string; readonly matches: readonly string[] | null }[];
}

const { patternModules, patterns } = readReference() as PatternReference;

function patternsOf(...keys: string[]): ModulePatterns {
  return new ModulePatterns("rank_pattern", new Map(keys.map((key, i) => [key, i + 1])));
}

describe("ModulePatterns", () => {
  it.each(patterns)("matches $key as Python does", ({ key, matches }) => {
    const subject = patternsOf(key);
    const found = patternModules.filter((module) => subject.find(module) !== undefined);
    expect(found).toEqual(matches ?? []);
    expect(subject.problems).toHaveLength(matches === null ? 1 : 0);
  });

  it("takes the first key that matches, plain or not", () => {
    const module = "model.layers.0.self_attn.q_proj";
    expect(patternsOf("q_proj", ".*q_proj", module).find(module)).toBe(1);
    expect(patternsOf(".*v_proj", "(q|k)_proj", "q_proj").find(module)).toBe(2);
    expect(patternsOf(".*v_proj", module, "(q|k)_proj", "q_proj").find(module)).toBe(2);
    expect(patternsOf("^q_proj", `^${module}`, "q_proj").find(module)).toBe(2);
    expect(patternsOf("l.yers.0.self_attn.q_proj", "q_proj").find(module)).toBe(1);
    expect(patternsOf("k_proj").find(module)).toBeUndefined();
  });

  it("says which key is not usable, and goes on with the others", () => {
    const subject = patternsOf("*.q_proj", "(?<=x)q_proj", "(a)\\1", "q_proj");
    expect(subject.find("model.q_proj")).toBe(4);
    expect(subject.problems).toHaveLength(3);
    expect(subject.problems[0]).toMatchObject({ severity: "warning", code: "AdapterPattern" });
    expect(subject.problems[0]?.message).toContain('"*.q_proj" of rank_pattern');
    expect(subject.problems[1]?.message).toContain("not understood");
  });

  it("is not hung by expressions that backtrack exponentially", () => {
    const evil = ["(a+)+$", "(a|a)*$", "(a*)*b", "((a{1,9}){1,9}){1,9}$", "(.*)(.*)(.*)(.*)(.*)(.*)x"];
    const subject = patternsOf(...evil);
    expect(subject.find(`${"a".repeat(3000)}!`)).toBeUndefined();
  });

  it("stops at its budget and says so", () => {
    const subject = patternsOf("((.*)*)*x", "q_proj");
    for (let i = 0; i < 4000; i++) subject.find(`${"model.layers".repeat(50)}.${i}`);
    expect(subject.problems.map(({ message }) => message)).toEqual([
      "The regular expressions of rank_pattern take too long to match; the rest is ignored.",
    ]);
    expect(subject.find("model.q_proj")).toBe(2);
  });

  it("reaches the last of 89,000 experts with one honest expression, within its budget", () => {
    const subject = patternsOf(".*layers\\.(1388|1389|1390)\\..*");
    const name = (i: number) => `base_model.model.model.layers.${i >> 6}.mlp.experts.${i & 63}.gate_up_proj`;
    for (let i = 0; i < 89_000; i++) subject.find(name(i));
    expect(subject.find(name(88_999))).toBe(1);
    expect(subject.problems).toEqual([]);
  });

  it("bounds the length, the nesting, the repetition and the number of expressions", () => {
    for (const key of [
      `.*${"x".repeat(1000)}`,
      `${"(".repeat(40)}a${")".repeat(40)}`,
      "a{2000}",
      "a{1,5000}",
    ]) {
      expect(patternsOf(key).problems).toHaveLength(1);
    }
    const many = patternsOf(...Array.from({ length: 1200 }, (_, i) => `.*x${i}`));
    expect(many.problems[0]?.message).toContain("first 1000");
  });

  it("looks 10,000 modules up among 10,000 paths", () => {
    const modules = Array.from(
      { length: 10_000 },
      (_, i) => `model.layers.${i >> 3}.self_attn.p${i & 7}_proj`,
    );
    const subject = patternsOf(...modules);
    expect(modules.every((module, i) => subject.find(module) === i + 1)).toBe(true);
  });
});
