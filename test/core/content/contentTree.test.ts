import { describe, expect, it } from "vitest";
import { type ContentNode, contentPage, rootNode } from "../../../src/core/content/contentTree";
import { sharedWrapperPrefix, withoutPrefix } from "../../../src/core/content/keyPrefixes";
import { settingsTable } from "../../../src/core/content/settingsTable";
import type { FileContent } from "../../../src/core/formats/format";
import { unpickle } from "../../../src/core/formats/pickle/unpickle";
import { describePickled } from "../../../src/core/formats/torch/describePickled";
import { latin1, text } from "../formats/pickle/latin1";
import { contentOf } from "../formats/torch/torchFixtures";

function contentFrom(pickle: string): FileContent {
  const { value } = unpickle(latin1(pickle));
  if (value === undefined) throw new Error("no value");
  return { root: value, tensors: new Map(), describe: describePickled };
}

function children(content: FileContent, path: readonly number[] = []): readonly ContentNode[] {
  return contentPage(content, path)?.nodes ?? [];
}

/** The node at a path of keys. */
function find(content: FileContent, ...keys: readonly string[]): ContentNode {
  let path: number[] = [];
  let node = rootNode(content);
  for (const key of keys) {
    const nodes = children(content, path);
    const at = nodes.findIndex((one) => one.key === key);
    if (at < 0) throw new Error(`no ${key} among ${nodes.map((one) => one.key).join(", ")}`);
    path = [...path, at];
    node = nodes[at] as ContentNode;
  }
  return node;
}

describe("the content tree", () => {
  it("opens level by level, and finds tensors everywhere", async () => {
    const content = await contentOf("training.pt");
    expect(rootNode(content)).toMatchObject({ key: "", type: "dict", text: "7 items", childCount: 7 });
    expect(children(content).map(({ key, type }) => [key, type])).toEqual([
      ["model", "OrderedDict"],
      ["optimizer", "dict"],
      ["scheduler", "dict"],
      ["iter_num", "int"],
      ["best_val_loss", "tensor"],
      ["config", "dict"],
      ["args", "Namespace"],
    ]);
    expect(find(content, "iter_num").text).toBe("3");
    expect(find(content, "model", "fc1.weight")).toEqual({
      key: "fc1.weight",
      type: "tensor",
      text: "F32 [6, 6]",
      childCount: 0,
      tensor: "model.fc1.weight",
    });
    expect(find(content, "optimizer", "state", "0", "exp_avg").tensor).toBe("optimizer.state.0.exp_avg");
    expect(find(content, "optimizer", "param_groups", "0", "weight_decay").text).toBe("0.01");
    expect(find(content, "optimizer", "param_groups", "1", "weight_decay").text).toBe("0.0");
  });

  it("masks credentials, wherever they stand", async () => {
    const content = await contentOf("training.pt");
    expect(find(content, "config", "hub_token").text).toBe("••••••••");
    expect(find(content, "args", "api_key").text).toBe("••••••••");
    const all = JSON.stringify([
      rootNode(content),
      ...[0, 1, 2, 3, 4, 5, 6].map((at) => contentPage(content, [at])),
    ]);
    expect(all).not.toContain("secret");
    const dict = contentFrom(`](}(${text("password")}${text("hunter2")}ue.`);
    expect(JSON.stringify([rootNode(dict), contentPage(dict, []), contentPage(dict, [0])])).not.toContain(
      "hunter2",
    );
    expect(
      JSON.stringify(settingsTable((await contentOf("training.pt")).root, describePickled)),
    ).not.toContain("secret");
  });

  it("says in one line what each kind of object is", async () => {
    const content = await contentOf("objects4.pkl");
    const lines = Object.fromEntries(
      children(content).map(({ key, type, text: line }) => [key, `${type}: ${line}`]),
    );
    expect(lines).toMatchObject({
      none: "None: None",
      bools: "list: [True, False]",
      str: "str: 'héllo ☃ 😀'",
      bytes: "bytes: b'\\x00\\xffabc'",
      bytearray: "bytearray: bytearray(b'xyz')",
      set: "set: {1, 2, 3}",
      ordered: "OrderedDict: 2 items",
      default: "defaultdict: 1 item",
      counter: "Counter: 4 items",
      deque: "deque: (1, 2, 3)",
      namespace: "Namespace: argparse.Namespace, 1 attribute",
      path: "PurePosixPath: /tmp/x",
      datetime: "datetime: 2024-05-06 07:08:09",
      date: "date: 2024-01-02",
      type: "function: builtins.dict",
      function: "function: builtins.len",
      np_f32: "F32: 1.5",
      np_bool: "BOOL: True",
      np_i64: "I64: 7",
      np_object: "ndarray: array of O8, shape (2,)",
      np_array: "tensor: F32 [2, 3]",
      complex: "complex: 1.0+2.0j",
      range: "range: range(0, 5, 1)",
    });
    expect(lines.enum).toMatch(/Color\.BLUE|Color\('b'\)/);
  });

  it("shows torch's own objects", async () => {
    const content = await contentOf("torch-objects.pt");
    expect(children(content).map(({ key, text: line }) => [key, line])).toEqual([
      ["device", "cuda:0"],
      ["dtype", "torch.bfloat16"],
      ["size", "(1, 2)"],
      ["layout", "torch.strided"],
      ["storage", "4 elements of I64 on cpu"],
      ["relu", "_VariableFunctionsClass.relu"],
    ]);
  });

  it("marks a value that contains itself, and goes no further", async () => {
    const content = await contentOf("objects4.pkl");
    const at = children(content).findIndex(({ key }) => key === "loop");
    expect(
      children(content, [at]).map(({ text: line, cycle, childCount }) => [line, cycle, childCount]),
    ).toEqual([
      ["1", undefined, 0],
      ["contains itself", true, 0],
    ]);
    // A path may still lead through it: it is finite.
    expect(contentPage(content, [at, 1, 1, 1])?.total).toBe(2);
  });

  it("collapses long runs of numbers", async () => {
    const content = await contentOf("rng.pth");
    expect(find(content, "python", "1")).toMatchObject({ type: "tuple", childCount: 625, collapsed: true });
    expect(find(content, "python", "1").text).toMatch(/^625 items: \(2147483648, /);
    expect(find(content, "numpy", "1")).toMatchObject({ type: "tensor", text: "U32 [624]" });
  });

  it("is given in pages", () => {
    const content = contentFrom(`](${"K\x01".repeat(450)}e.`);
    expect(contentPage(content, [])).toMatchObject({ first: 0, total: 450 });
    expect(contentPage(content, [])?.nodes).toHaveLength(200);
    expect(
      contentPage(content, [], 400)
        ?.nodes.map(({ key }) => key)
        .slice(0, 2),
    ).toEqual(["400", "401"]);
    expect(contentPage(content, [], 400)?.nodes).toHaveLength(50);
    expect(contentPage(content, [], 0, 1_000_000)?.nodes).toHaveLength(200);
    expect(contentPage(content, [], 1000)?.nodes).toEqual([]);
  });

  it.each([[[7]], [[0, 0]], [[-1]], [[0.5]]])("has nothing at a path that leads nowhere: %j", (path) => {
    expect(contentPage(contentFrom("](K\x01e."), path)).toBeUndefined();
  });
});

describe("prefixes of wrappers", () => {
  it.each([
    [["module.a", "module.b"], "module."],
    [["_orig_mod.module.a.w", "_orig_mod.module.b"], "_orig_mod.module."],
    [["base_model.model.model.q", "base_model.model.lm_head"], "base_model.model."],
    [["module.a", "b"], ""],
    [["modules.a"], ""],
    [[], ""],
  ])("of %j are %s", (names, prefix) => {
    expect(sharedWrapperPrefix(names)).toBe(prefix);
  });

  it("are taken from a name that has them", () => {
    expect(withoutPrefix("module.a", "module.")).toBe("a");
    expect(withoutPrefix("a", "module.")).toBe("a");
  });
});

describe("the table of settings", () => {
  it("begins with what people look for", async () => {
    const { root } = await contentOf("training.pt");
    const rows = settingsTable(root, describePickled);
    expect(rows.find(([key]) => key === "args.lr")).toEqual(["args.lr", "0.001"]);
    const args = unpickle(
      latin1(
        `ctransformers.training_args\nTrainingArguments\n)\x81}(${text("seed")}K\x01${text("zeta")}K\x02${text("lr_scheduler_type")}ctransformers.trainer_utils\nSchedulerType\n${text("linear")}\x85R${text("learning_rate")}G\x3f\xe0\0\0\0\0\0\0ub.`,
      ),
    ).value;
    expect(settingsTable(args ?? null, describePickled)).toEqual([
      ["learning_rate", "0.5"],
      ["lr_scheduler_type", "linear"],
      ["seed", "1"],
      ["zeta", "2"],
    ]);
  });
});
