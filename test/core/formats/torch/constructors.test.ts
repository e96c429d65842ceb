import { describe, expect, it } from "vitest";
import { text } from "../pickle/latin1";
import { byName, read, readerOf } from "./torchFixtures";
import {
  call,
  dict,
  floatBytes,
  floats,
  global,
  hooks,
  int,
  ints,
  storage,
  tensorV2,
  torchArchive,
  tuple,
} from "./torchPickle";

const untyped = (key: string, bytes: number) => storage("torch.storage.UntypedStorage", key, bytes);

/** `_rebuild_tensor_v3`, which torch uses for dtypes without a storage class. */
const v3 = (dtype: string, shape: readonly number[], bytes: number) =>
  call(
    "torch._utils._rebuild_tensor_v3",
    untyped("0", bytes),
    int(0),
    ints(...shape),
    ints(...shape.map(() => 1)),
    "\x89",
    hooks,
    global(`torch.${dtype}`),
  );

async function readOne(pickle: string, storages: Readonly<Record<string, Uint8Array>> = {}) {
  const bytes = torchArchive(dict({ t: pickle }), storages);
  const parsed = await read(bytes);
  const tensors = byName(parsed);
  const tensor = tensors.get("t");
  return { bytes, parsed, tensors, tensor, reader: readerOf(bytes) };
}

describe("tensors of newer torch", () => {
  it.each([
    ["uint16", "U16", 2],
    ["uint32", "U32", 4],
    ["uint64", "U64", 8],
    ["complex32", "C32", 4],
    ["float8_e4m3fn", "F8_E4M3", 1],
    ["float8_e5m2", "F8_E5M2", 1],
    ["float8_e4m3fnuz", "F8_E4M3FNUZ", 1],
    ["float8_e5m2fnuz", "F8_E5M2FNUZ", 1],
    ["float8_e8m0fnu", "F8_E8M0", 1],
    ["uint4", "U4", 1],
    ["int7", "I7", 1],
    ["bits8", "BITS8", 1],
  ])("of dtype %s are %s", async (name, dtype, width) => {
    const data = Uint8Array.from({ length: 3 * width }, (_, at) => at + 1);
    const { tensor, reader } = await readOne(v3(name, [3], data.length), { 0: data });
    expect(tensor).toMatchObject({ dtype, shape: [3], byteSize: data.length });
    expect(await reader.read(tensor as never)).toEqual(data);
  });

  it("count 4-bit floats one by one, as safetensors does", async () => {
    const { tensor, reader } = await readOne(v3("float4_e2m1fn_x2", [2], 2), {
      0: Uint8Array.of(0x21, 0x43),
    });
    expect(tensor).toMatchObject({ dtype: "F4", shape: [4], byteSize: 2 });
    expect(await reader.read(tensor as never)).toEqual(Uint8Array.of(0x21, 0x43));
  });

  it("of an unknown dtype are objects", async () => {
    expect((await readOne(v3("float3", [2], 2))).tensor).toBeUndefined();
  });
});

describe("the constructor", () => {
  const data = { 0: floatBytes(1, 2, 3, 4) };

  it("_rebuild_tensor is read", async () => {
    const args = [storage("torch.FloatStorage", "0", 4), int(1), ints(2), ints(2)];
    const { tensor, reader } = await readOne(call("torch._utils._rebuild_tensor", ...args), data);
    expect(await reader.read(tensor as never)).toEqual(floatBytes(2, 4));
  });

  it("_rebuild_tensor_v2 is read with lazy conjugation and negation", async () => {
    const complex = (metadata: string) =>
      tensorV2(storage("torch.ComplexFloatStorage", "0", 2), [2], [1], 0, metadata);
    const conjugate = await readOne(complex(dict({ conj: "\x88" })), data);
    expect(await conjugate.reader.read(conjugate.tensor as never)).toEqual(floatBytes(1, -2, 3, -4));
    const negative = await readOne(complex(dict({ neg: "\x88" })), data);
    expect(await negative.reader.read(negative.tensor as never)).toEqual(floatBytes(-1, -2, -3, -4));
    const both = await readOne(complex(dict({ conj: "\x88", neg: "\x88" })), data);
    expect(await both.reader.read(both.tensor as never)).toEqual(floatBytes(-1, 2, -3, 4));
  });

  it.each(["_rebuild_parameter", "_rebuild_device_tensor_from_cpu_tensor", "_rebuild_xla_tensor"])(
    "%s is what is in it",
    async (name) => {
      const { tensor, reader } = await readOne(
        call(`torch._utils.${name}`, floats("0", 4), "\x88", hooks),
        data,
      );
      expect(tensor?.layout?.requiresGrad === true).toBe(name === "_rebuild_parameter");
      expect(await reader.read(tensor as never)).toEqual(data[0]);
    },
  );

  it("_rebuild_parameter_with_state shows tensors in the state", async () => {
    const state = dict({ extra: floats("1", 1), note: text("n") });
    const pickle = call("torch._utils._rebuild_parameter_with_state", floats("0", 4), "\x88", hooks, state);
    const { tensors } = await readOne(pickle, { ...data, 1: floatBytes(7) });
    expect([...tensors.keys()]).toEqual(["t", "t.extra"]);
  });

  it("_rebuild_from_type_v2 is the tensor that its function makes, and what was set on it", async () => {
    const inner = [storage("torch.FloatStorage", "0", 4), int(0), ints(4), ints(1), "\x89", hooks];
    const pickle = call(
      "torch._tensor._rebuild_from_type_v2",
      global("torch._utils._rebuild_tensor_v2"),
      global("mine.Sub"),
      tuple(...inner),
      dict({ scale: floats("1", 1) }),
    );
    const { tensors, reader } = await readOne(pickle, { ...data, 1: floatBytes(7) });
    expect([...tensors.keys()]).toEqual(["t", "t.scale"]);
    expect(await reader.read(tensors.get("t.scale") as never)).toEqual(floatBytes(7));
  });

  it("_rebuild_wrapper_subclass has a shape, and the tensors that it wraps", async () => {
    const args = [
      global("torchao.X"),
      global("torch.float32"),
      ints(2, 2),
      ints(2, 1),
      int(0),
      "N",
      "N",
      "\x89",
    ];
    const pickle = call(
      "torch._tensor._rebuild_from_type_v2",
      global("torch._utils._rebuild_wrapper_subclass"),
      global("torchao.X"),
      tuple(...args),
      dict({ codes: floats("0", 4) }),
    );
    const { tensor, tensors, reader, parsed } = await readOne(pickle, data);
    expect(tensor).toMatchObject({ dtype: "F32", shape: [2, 2], byteSize: 16 });
    await expect(reader.read(tensor as never)).rejects.toThrow(/wraps/);
    expect(await reader.read(tensors.get("t.codes") as never)).toEqual(data[0]);
    expect(parsed.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("_rebuild_meta_tensor_no_storage has a shape and no values", async () => {
    const args = [global("torch.bfloat16"), ints(3, 5), ints(5, 1), "\x89"];
    const { tensor, reader } = await readOne(call("torch._utils._rebuild_meta_tensor_no_storage", ...args));
    expect(tensor).toMatchObject({ dtype: "BF16", shape: [3, 5], byteSize: 30 });
    await expect(reader.read(tensor as never)).rejects.toThrow(/meta/);
  });

  it("_rebuild_nested_tensor shows the tensors that it is made of", async () => {
    const pickle = call(
      "torch._utils._rebuild_nested_tensor",
      floats("0", 4),
      floats("0", 2),
      floats("0", 2),
      int(0),
    );
    expect([...(await readOne(pickle, data)).tensors.keys()]).toEqual(["t.0", "t.1", "t.2"]);
  });

  it("_rebuild_qtensor of packed values reads the packed bytes", async () => {
    const scheme = tuple(global("torch.per_tensor_affine"), "G\x3f\xe0\0\0\0\0\0\0", int(0));
    const args = [storage("torch.QUInt4x2Storage", "0", 4), int(0), ints(4), ints(1), scheme, "\x89", hooks];
    const { tensor, reader } = await readOne(call("torch._utils._rebuild_qtensor", ...args), {
      0: Uint8Array.of(1, 2),
    });
    expect(tensor).toMatchObject({ dtype: "QUINT4x2", shape: [4], byteSize: 2 });
    expect(tensor?.layout?.quantisation).toMatchObject({ scale: 0.5 });
    expect(await reader.read(tensor as never)).toEqual(Uint8Array.of(1, 2));
  });

  it("_rebuild_sparse_tensor of blocks that are not read is listed without values", async () => {
    const layout = call("torch.serialization._get_layout", text("torch.sparse_bsr"));
    const parts = tuple(floats("0", 2), floats("0", 2), floats("0", 2), ints(2, 2));
    const { tensor, reader } = await readOne(
      call("torch._utils._rebuild_sparse_tensor", layout, parts),
      data,
    );
    expect(tensor).toMatchObject({ dtype: "F32", shape: [2, 2] });
    await expect(reader.read(tensor as never)).rejects.toThrow(/sparse_bsr/);
  });

  it("that is its own argument ends", async () => {
    const pickle = `${global("torch._utils._rebuild_parameter")}(]q\x05h\x05aItR`.replace("I", "N");
    expect((await readOne(pickle)).tensor).toBeUndefined();
  });
});

describe("names of tensors", () => {
  const data = { 0: floatBytes(1) };
  it.each([
    ["in a dict of dicts", dict({ a: dict({ b: floats("0", 1) }) }), ["a.b"]],
    ["in lists", `](${floats("0", 1)}](${floats("0", 1)}ee`, ["0", "1.0"]],
    ["under numbers", `}(K\x07${floats("0", 1)}u`, ["7"]],
    ["under tuples", `}(${ints(1, 2)}${floats("0", 1)}u`, ["(1, 2)"]],
    ["of a bare tensor", floats("0", 1), [""]],
    ["in an object", `${global("m.C")})\x81}${text("w")}${floats("0", 1)}sb`, ["w"]],
    ["in arguments", call("m.f", int(1), floats("0", 1)), ["1"]],
    ["in slots", `${global("m.C")})\x81N}${text("w")}${floats("0", 1)}s\x86b`, ["w"]],
    [
      "in a module",
      `${global("m.Net")})\x81${dict({
        training: "\x88",
        _parameters: dict({ w: floats("0", 1), none: "N" }),
        _buffers: dict({ b: floats("0", 1) }),
        _modules: dict({
          fc: `${global("m.Linear")})\x81${dict({ _parameters: dict({ weight: floats("0", 1) }), _modules: "}" })}b`,
        }),
      })}b`,
      ["w", "b", "fc.weight"],
    ],
  ])("%s are paths", async (_what, pickle, names) => {
    const { tensors } = await read(torchArchive(pickle, data));
    expect(tensors.map(({ name }) => name)).toEqual(names);
  });

  it("of one object under several keys are all listed", async () => {
    const { tensors } = await read(
      torchArchive(`}(${text("a")}${floats("0", 1)}q\x05${text("b")}h\x05u`, data),
    );
    expect(tensors.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(tensors[0]?.layout?.storage).toBe(tensors[1]?.layout?.storage);
  });

  it("in a cycle are listed once", async () => {
    const { tensors } = await read(
      torchArchive(`}q\x05(${text("self")}h\x05${text("w")}${floats("0", 1)}u`, data),
    );
    expect(tensors.map(({ name }) => name)).toEqual(["w"]);
  });
});
