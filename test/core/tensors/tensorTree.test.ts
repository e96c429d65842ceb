import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { inNameOrder, type NameSeparator, separatorOf } from "../../../src/core/tensors/nameOrder";
import type { TensorTable } from "../../../src/core/tensors/tensorTable";
import { TensorTree, type TreeNode } from "../../../src/core/tensors/tensorTree";
import { deepSeek } from "../../support/made/largeModels";
import { byteSizeOf } from "../../support/made/safetensorsFile";
import { allRows, tableOf, tableOfNames, tensor } from "./tensors";

// Ends what hangs; the tests take less than a second each on a quiet machine.
vi.setConfig({ testTimeout: 60_000 });

const everything = () => true;
const nothing = () => false;

function treeOf(table: TensorTable, rows = allRows(table)): TensorTree {
  return new TensorTree(table, rows, table.separator);
}

/** One line a node: indented label, with a slash behind a module. */
function outline(nodes: readonly TreeNode[]): string[] {
  return nodes.map(
    ({ depth, label, tensorRow }) => `${"  ".repeat(depth)}${label}${tensorRow === undefined ? "/" : ""}`,
  );
}

/** The same tree made the obvious way: nested Maps, then chains of only children joined. */
interface Branch {
  readonly modules: Map<string, Branch>;
  readonly tensors: string[];
}

function naiveOutline(names: readonly string[], separator: NameSeparator): Set<string> {
  const root: Branch = { modules: new Map(), tensors: [] };
  for (const name of names) {
    const parts = name.split(separator);
    const leaf = parts.pop() ?? "";
    let branch = root;
    for (const part of parts) {
      const next = branch.modules.get(part) ?? { modules: new Map(), tensors: [] };
      branch.modules.set(part, next);
      branch = next;
    }
    branch.tensors.push(leaf);
  }
  const lines = new Set<string>();
  const visit = (branch: Branch, path: string, depth: number) => {
    for (const leaf of branch.tensors) lines.add(`${depth}|tensor|${path}|${leaf}`);
    for (const [part, module] of branch.modules) {
      let [label, inner] = [part, module];
      while (inner.tensors.length === 0 && inner.modules.size === 1) {
        for (const [next, child] of inner.modules) [label, inner] = [`${label}${separator}${next}`, child];
      }
      if (inner.tensors.length === 1 && inner.modules.size === 0) {
        lines.add(`${depth}|tensor|${path}|${label}${separator}${inner.tensors[0]}`);
      } else {
        lines.add(`${depth}|module|${path}|${label}|${countOf(inner)}`);
        visit(inner, `${path}${label}${separator}`, depth + 1);
      }
    }
  };
  visit(root, "", 0);
  return lines;
}

function countOf({ modules, tensors }: Branch): number {
  return tensors.length + [...modules.values()].reduce((sum, module) => sum + countOf(module), 0);
}

function linesOf(tree: TensorTree, separator: NameSeparator): Set<string> {
  const lines = new Set<string>();
  const visit = (parent: TreeNode | undefined, path: string) => {
    for (const node of tree.children(parent)) {
      const { depth, label, tensorRow, from, to } = node;
      if (tensorRow !== undefined) lines.add(`${depth}|tensor|${path}|${label}`);
      else {
        lines.add(`${depth}|module|${path}|${label}|${to - from}`);
        visit(node, `${path}${label}${separator}`);
      }
    }
  };
  visit(undefined, "");
  return lines;
}

describe("TensorTree", () => {
  const names = [
    "model.embed.weight",
    "model.layers.0.attn.q.weight",
    "model.layers.0.attn.q.bias",
    "model.layers.0.attn.k.weight",
    "model.layers.1.attn.q.weight",
    "model.layers.10.attn.q.weight",
    "model.layers.2.attn.q.weight",
    "lm_head.weight",
    "scale",
  ];

  it("shows modules with their parts, natural order, chains of only children as one row", () => {
    expect(outline(treeOf(tableOfNames(names)).visibleNodes(everything))).toEqual([
      "lm_head.weight",
      "model/",
      "  embed.weight",
      "  layers/",
      "    0.attn/",
      "      k.weight",
      "      q/",
      "        bias",
      "        weight",
      "    1.attn.q.weight",
      "    2.attn.q.weight",
      "    10.attn.q.weight",
      "scale",
    ]);
  });

  it("shows of a closed module only itself, and opens by path", () => {
    const tree = treeOf(tableOfNames(names));
    expect(outline(tree.visibleNodes(nothing))).toEqual(["lm_head.weight", "model/", "scale"]);
    expect(outline(tree.visibleNodes((path) => path === "model"))).toEqual([
      "lm_head.weight",
      "model/",
      "  embed.weight",
      "  layers/",
      "scale",
    ]);
    expect(outline(tree.visibleNodes((path) => path !== "model"))).toHaveLength(3);
  });

  it("sums what lies below a module", () => {
    const table = tableOf(
      inNameOrder([
        tensor("a.x.w", { shape: [2, 3], byteSize: 24 }),
        tensor("a.x.b", { shape: [], byteSize: 2 }),
        tensor("a.y", { shape: [0], byteSize: 0 }),
        tensor("b", { shape: [100], byteSize: 50 }),
      ]),
    );
    const rows = treeOf(table).visibleNodes(everything);
    expect(
      rows.map(({ path, parameters, byteSize, from, to }) => [path, parameters, byteSize, to - from]),
    ).toEqual([
      ["a", 7, 26, 3],
      ["a.x", 7, 26, 2],
      ["a.x.b", 1, 2, 1],
      ["a.x.w", 6, 24, 1],
      ["a.y", 0, 0, 1],
      ["b", 100, 50, 1],
    ]);
  });

  it("keeps the sums of the others where one shape is impossible", () => {
    const table = tableOf([
      tensor("a.bad", { shape: Array.from({ length: 30 }, () => 2 ** 60) }),
      tensor("a.good", { shape: [3] }),
      tensor("b.x", { shape: [5] }),
      tensor("b.y", { shape: [7] }),
    ]);
    expect(
      treeOf(table)
        .visibleNodes(nothing)
        .map(({ parameters }) => parameters),
    ).toEqual([3, 12]);
  });

  it("takes a tensor and a module of one name for two nodes", () => {
    const nodes = treeOf(tableOfNames(["a", "a.b", "a.c"])).visibleNodes(everything);
    expect(nodes.map(({ path, tensorRow }) => [path, tensorRow])).toEqual([
      ["a", 0],
      ["a", undefined],
      ["a.b", 1],
      ["a.c", 2],
    ]);
  });

  it.each([
    [
      ["", "a"],
      ["", "a"],
    ],
    [
      [".", "..", ".a"],
      ["/", "  ", "  .", "  a"],
    ],
    [
      ["a.", "a.b"],
      ["a/", "  ", "  b"],
    ],
    [
      ["a..b", "a..c"],
      ["a./", "  b", "  c"],
    ],
    [
      ["__proto__.x", "__proto__.y", "constructor"],
      ["__proto__/", "  x", "  y", "constructor"],
    ],
  ])("shows the odd names %j", (odd, lines) => {
    expect(outline(treeOf(tableOfNames(odd)).visibleNodes(everything))).toEqual(lines);
  });

  it("shows only the rows that a filter left", () => {
    const table = tableOfNames(names);
    const rows = allRows(table).filter((row) => table.name(row).includes("q.weight"));
    const tree = treeOf(table, rows);
    expect(outline(tree.visibleNodes(everything))).toEqual([
      "model.layers/",
      "  0.attn.q.weight",
      "  1.attn.q.weight",
      "  2.attn.q.weight",
      "  10.attn.q.weight",
    ]);
    expect(tree.visibleNodes(everything).map(({ tensorRow }) => tensorRow)).toEqual([undefined, ...rows]);
    expect(treeOf(table, new Uint32Array()).visibleNodes(everything)).toEqual([]);
  });

  it("is the tree that nested maps would make, for any names", () => {
    const part = fc.constantFrom("a", "b", "layers", "0", "1", "01", "10", "x1a", "x1b", "", "w-1", "é");
    const name = fc.array(part, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { selector: (parts) => parts.join("."), maxLength: 25 }),
        fc.boolean(),
        (lists, slash) => {
          const used = lists.map((parts) => parts.join(slash ? "/" : "."));
          const separator = separatorOf(used);
          const table = tableOfNames(used);
          const tree = treeOf(table);
          expect(linesOf(tree, separator)).toEqual(naiveOutline(used, separator));
          const shown = tree.visibleNodes(everything).flatMap(({ tensorRow }) => tensorRow ?? []);
          expect(shown).toEqual([...allRows(table)]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("the tree of a model with 89,088 tensors", () => {
  const table = tableOf(
    inNameOrder(
      deepSeek().flatMap((shard, fileIndex) =>
        shard.tensors.map((spec) => {
          const { name, dtype, shape } = spec;
          return tensor(name, { dtype, shape, byteSize: byteSizeOf(spec), fileIndex });
        }),
      ),
    ),
  );
  const tree = treeOf(table);

  it("counts every parameter and byte", () => {
    const [root, ...others] = tree.children(undefined);
    expect(others).toEqual([]);
    // 58 layers × 256 experts × 3 matrices of 2048 × 7168, and one scale for each block of 128 × 128.
    const weights = 58 * 256 * 3 * 2048 * 7168;
    const scales = 58 * 256 * 3 * 16 * 56;
    expect(root).toMatchObject({
      path: "model.layers",
      from: 0,
      to: 89_088,
      parameters: weights + scales,
      byteSize: weights + 4 * scales,
    });
  });

  it("has each layer and expert as a node, in natural order", () => {
    const [root] = tree.children(undefined);
    const layers = tree.children(root);
    expect(layers.map(({ label }) => label)).toEqual(
      Array.from({ length: 58 }, (_, layer) => `${layer}.mlp.experts`),
    );
    const experts = tree.children(layers[57]);
    expect(experts.map(({ label }) => label)).toEqual(
      Array.from({ length: 256 }, (_, expert) => `${expert}`),
    );
    expect(experts.every(({ from, to }) => to - from === 6)).toBe(true);
    const projections = tree.children(experts[255]);
    expect(projections.map(({ label }) => label)).toEqual(["down_proj", "gate_proj", "up_proj"]);
    expect(tree.children(projections[0]).map(({ label }) => label)).toEqual(["weight", "weight_scale_inv"]);
  });

  it("shows all nodes when all is open", () => {
    const nodes = tree.visibleNodes(everything);
    // 1 root, 58 layers, 58 × 256 experts, three projections in each, and the tensors.
    expect(nodes).toHaveLength(1 + 58 + 58 * 256 + 58 * 256 * 3 + 89_088);
    expect(nodes.filter(({ tensorRow }) => tensorRow !== undefined)).toHaveLength(89_088);
    expect(Math.max(...nodes.slice(0, 1000).map(({ depth }) => depth))).toBe(4);
  });

  it("shows a flat file with 500,000 tensors without a stack overflow", () => {
    const flat = tableOf(Array.from({ length: 500_000 }, (_, index) => tensor(`t${index}`)));
    expect(treeOf(flat).visibleNodes(everything)).toHaveLength(500_000);
  });
});
