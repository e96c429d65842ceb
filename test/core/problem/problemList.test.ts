import { describe, expect, it } from "vitest";
import type { Problem } from "../../../src/core/problem/problem";
import { compareProblems, worstSeverity } from "../../../src/core/problem/problem";
import { ProblemList } from "../../../src/core/problem/problemList";

function problem(code: string, severity: Problem["severity"] = "error"): Problem {
  return { severity, code, message: `${code}.` };
}

describe("ProblemList", () => {
  it("lists so many of each kind and counts the rest", () => {
    const list = new ProblemList(2);
    for (const code of ["A", "A", "A", "B", "A", "A"]) list.add(problem(code));
    expect(list.toArray().map(({ code, message }) => `${code} ${message}`)).toEqual([
      "A A.",
      "A A.",
      "B B.",
      "MoreProblems 3 more problems of the kind A not listed.",
    ]);
    expect([list.has("A"), list.has("B"), list.has("C")]).toEqual([true, true, false]);
  });

  it("says one in the singular, and nothing when all are listed", () => {
    const list = new ProblemList(1);
    list.add(problem("A"));
    expect(list.toArray()).toEqual([problem("A")]);
    list.add(problem("A"));
    expect(list.toArray()[1]).toEqual({
      severity: "info",
      code: "MoreProblems",
      message: "1 more problem of the kind A not listed.",
    });
  });

  it("describes only what it lists", () => {
    const list = new ProblemList(3);
    let described = 0;
    for (let count = 0; count < 1000; count++) {
      list.addLazily("A", () => {
        described++;
        return problem("A");
      });
    }
    expect(described).toBe(3);
    expect(list.toArray()[3]?.message).toContain("997 more");
  });

  it("cuts a tensor's name as the tensor table does", () => {
    const list = new ProblemList(1);
    list.add({ ...problem("A"), tensor: "x".repeat(5000) });
    expect(list.toArray()[0]?.tensor).toHaveLength(2000);
  });
});

describe("problems", () => {
  it("come worst first and keep their order otherwise", () => {
    const list = [
      problem("1", "info"),
      problem("2", "error"),
      problem("3", "warning"),
      problem("4", "error"),
    ];
    expect(list.sort(compareProblems).map(({ code }) => code)).toEqual(["2", "4", "3", "1"]);
  });

  it("have a worst severity", () => {
    expect(worstSeverity([])).toBeUndefined();
    expect(worstSeverity([problem("1", "info")])).toBeUndefined();
    expect(worstSeverity([problem("1", "info"), problem("2", "warning")])).toBe("warning");
    expect(worstSeverity([problem("2", "warning"), problem("3", "error")])).toBe("error");
  });
});
