import { describe, expect, it } from "vitest";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { zipFile } from "../../../support/made/zipFile";
import { MemoryFiles } from "../../../support/memoryFiles";
import { dict, floatBytes, floats, torchArchive } from "./torchPickle";

/** `ScalarType.FLOAT` and `Layout.Strided` of torch/_export/serde/schema.py. */
const meta = (sizes: readonly number[], offset = 0, dtype = 7) => ({
  dtype,
  sizes: sizes.map((size) => ({ as_int: size })),
  strides: sizes.map((_, axis) => ({ as_int: sizes.slice(axis + 1).reduce((a, b) => a * b, 1) })),
  storage_offset: { as_int: offset },
  requires_grad: true,
  layout: 7,
});
const weight = (path: string, isParam: boolean, tensorMeta: object, isPickled = false) => ({
  path_name: path,
  is_param: isParam,
  use_pickle: isPickled,
  tensor_meta: tensorMeta,
});

/** As `torch.export.save(program, "m.pt2")` of torch 2.13 lays an archive out. */
function exported(config: object, payloads: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(value);
  return zipFile([
    ...Object.entries(payloads).map(([name, data]) => ({
      name: `m/data/weights/${name}`,
      data,
      padding: 23,
    })),
    { name: "m/data/weights/model_weights_config.json", data: text(JSON.stringify({ config })) },
    { name: "m/data/constants/model_constants_config.json", data: text('{"config": {}}') },
    { name: "m/models/model.json", data: text("{}") },
    { name: "m/archive_format", data: text("pt2") },
    { name: "m/archive_version", data: text("0") },
    { name: "m/byteorder", data: text("little") },
  ]);
}

async function opened(bytes: Uint8Array) {
  const files = new MemoryFiles({ "/m.pt2": bytes });
  const session = await CheckpointSession.open(files, "/m.pt2", () => undefined);
  return { session, summary: session.summary(), problems: await session.health() };
}

describe("a program of torch.export", () => {
  const payloads = { weight_0: floatBytes(1, 2, 3, 4, 5, 6), weight_1: floatBytes(7, 8) };
  const config = {
    "fc.weight": weight("weight_0", true, meta([2, 3])),
    // Tied: another name of the same member.
    "head.weight": weight("weight_0", true, meta([2, 3])),
    "fc.table": weight("weight_1", false, meta([2])),
    own: weight("weight_2", true, meta([2]), true),
  };
  const pickled = torchArchive(floats("0", 2), { 0: floatBytes(9, 10) });

  it("has the tensors of its model, and counts the parameters alone", async () => {
    const { session, summary, problems } = await opened(exported(config, { ...payloads, weight_2: pickled }));
    expect([summary.format, summary.kind, summary.parameterCount]).toEqual(["torch-export", "model", 8]);
    expect(problems).toEqual([]);
    const read = await Promise.all(
      session.checkpoint.tensors.map(async (tensor) => [
        tensor.name,
        [...new Float32Array((await session.withReader((reader) => reader.read(tensor))).slice().buffer)],
      ]),
    );
    expect(Object.fromEntries(read)).toEqual({
      "fc.table": [7, 8],
      "fc.weight": [1, 2, 3, 4, 5, 6],
      "head.weight": [1, 2, 3, 4, 5, 6],
      own: [9, 10],
    });
  });

  it.each([
    [
      "a member is missing",
      exported(config, { weight_1: payloads.weight_1, weight_2: pickled }),
      "TensorWithoutBytes",
    ],
    [
      "a member is too short",
      exported({ w: weight("weight_0", true, meta([4, 3])) }, payloads),
      "TensorWithoutBytes",
    ],
    ["its list is no list", exported([], payloads), "BadWeightsList"],
    [
      "a size is a symbol",
      exported({ w: weight("weight_0", true, { ...meta([2]), sizes: [{ as_expr: "s0" }] }) }, payloads),
      "UnreadableTensor",
    ],
    [
      "a dtype is unknown",
      exported({ w: weight("weight_0", true, meta([2], 0, 99)) }, payloads),
      "UnreadableTensor",
    ],
  ])("is not whole where %s", async (_, bytes, code) => {
    const { problems } = await opened(bytes);
    expect(problems.map((problem) => problem.code)).toContain(code);
  });

  it("that is cut is said to be cut", async () => {
    const whole = exported({ w: weight("weight_0", true, meta([2, 3])) }, payloads);
    await expect(opened(whole.slice(0, whole.length - 200))).rejects.toMatchObject({
      code: "NoZipDirectory",
    });
  });

  it("of torch 2.7 and older has its state dict as a torch file", async () => {
    const state = torchArchive(dict({ "fc.weight": floats("0", 2) }), { 0: floatBytes(1, 2) });
    const data = new TextEncoder().encode("8.2");
    const bytes = zipFile([
      { name: "serialized_exported_program.json", data: new TextEncoder().encode("{}") },
      { name: "serialized_state_dict.pt", data: state },
      { name: "version", data },
    ]);
    const { summary, problems } = await opened(bytes);
    expect([summary.kind, summary.parameterCount, problems]).toEqual(["model", 2, []]);
  });
});
