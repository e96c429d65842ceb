import { describe, expect, it } from "vitest";
import { latin1, little, text } from "../pickle/latin1";
import { byName, read, readerOf } from "./torchFixtures";
import { call, dict, floatBytes, global, hooks, int, ints, torchArchive, tuple } from "./torchPickle";

const magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
const system = (littleEndian: boolean) =>
  `\x80\x02${dict({ little_endian: littleEndian ? "\x88" : "\x89" })}.`;

interface LegacyParts {
  readonly object: string;
  readonly storages: readonly (readonly [key: string, elements: number, data: Uint8Array])[];
  readonly littleEndian?: boolean;
  readonly protocol?: number;
}

/** Five pickles and the storages, as torch before 1.6 wrote them. */
function legacyFile({ object, storages, littleEndian = true, protocol = 1001 }: LegacyParts): Uint8Array {
  const keys = `](${storages.map(([key]) => text(key)).join("")}e`;
  const pickles = [
    magic,
    `\x80\x02${int(protocol)}.`,
    system(littleEndian),
    `\x80\x02${object}.`,
    `\x80\x02${keys}.`,
  ];
  const data = storages.flatMap(([, elements, bytes]) => [latin1(little(elements, 8)), bytes]);
  return new Uint8Array(Buffer.concat([...pickles.map(latin1), ...data]));
}

/** With the sixth member that older versions wrote: a part of another storage, or None. */
function storage(key: string, size: number, view = "N"): string {
  return `${tuple(text("storage"), global("torch.FloatStorage"), text(key), text("cpu"), int(size), view)}Q`;
}

const tensor = (reference: string, size: number, offset = 0) =>
  call("torch._utils._rebuild_tensor_v2", reference, int(offset), ints(size), ints(1), "\x89", hooks);

describe("a file of torch before 1.6", () => {
  it("has its storages in the order of its keys", async () => {
    const object = dict({ a: tensor(storage("11", 2), 2), b: tensor(storage("22", 3), 3) });
    const bytes = legacyFile({
      object,
      storages: [
        ["22", 3, floatBytes(3, 4, 5)],
        ["11", 2, floatBytes(1, 2)],
      ],
    });
    const parsed = await read(bytes);
    expect(parsed).toMatchObject({ format: "torch-legacy", problems: [] });
    const reader = readerOf(bytes);
    expect(await reader.read(byName(parsed).get("a") as never)).toEqual(floatBytes(1, 2));
    expect(await reader.read(byName(parsed).get("b") as never)).toEqual(floatBytes(3, 4, 5));
  });

  it("may have storages that are parts of others", async () => {
    const part = storage("root", 4, tuple(text("view"), int(1), int(2)));
    const bytes = legacyFile({
      object: dict({ w: tensor(part, 2) }),
      storages: [["root", 4, floatBytes(1, 2, 3, 4)]],
    });
    const parsed = await read(bytes);
    expect(await readerOf(bytes).read(parsed.tensors[0] as never)).toEqual(floatBytes(2, 3));
    const beyond = storage("root", 4, tuple(text("view"), int(3), int(2)));
    const broken = legacyFile({ object: tensor(beyond, 2), storages: [["root", 4, floatBytes(1, 2, 3, 4)]] });
    expect((await read(broken)).problems.map(({ code }) => code)).toEqual(["TensorWithoutBytes"]);
  });

  it("may have been written by a big-endian machine", async () => {
    const swapped = floatBytes(1.5);
    const bytes = legacyFile({
      object: tensor(storage("0", 1), 1),
      storages: [["0", 1, swapped.reverse()]],
      littleEndian: false,
    });
    expect(await readerOf(bytes).read((await read(bytes)).tensors[0] as never)).toEqual(floatBytes(1.5));
  });

  it("names classes of containers together with their source", async () => {
    const container = `${tuple(text("module"), global("mine.Net"), text("net.py"), text("class Net: pass"))}Q`;
    const state = dict({
      _parameters: dict({ w: tensor(storage("0", 1), 1) }),
      _modules: "}",
      _buffers: "}",
    });
    const bytes = legacyFile({ object: `${container})\x81${state}b`, storages: [["0", 1, floatBytes(7)]] });
    const parsed = await read(bytes);
    expect(parsed.tensors.map(({ name }) => name)).toEqual(["w"]);
    expect(parsed.content?.root).toMatchObject({ qualifiedName: "mine.Net" });
  });

  it("says what is wrong with its keys and its protocol", async () => {
    const codes = async (parts: LegacyParts) =>
      (await read(legacyFile(parts))).problems.map(({ code }) => code);
    const object = tensor(storage("0", 1), 1);
    expect(await codes({ object, storages: [["0", 1, floatBytes(1)]], protocol: 1002 })).toEqual([
      "UnknownTorchProtocol",
    ]);
    expect(await codes({ object, storages: [["9", 1, floatBytes(1)]] })).toContain("UnknownStorage");
    expect(await codes({ object, storages: [] })).toContain("TensorWithoutBytes");
  });

  it("is read in bytes inside of a plain pickle, and so is an archive", async () => {
    const legacy = legacyFile({ object: storage("0", 2), storages: [["0", 2, floatBytes(5, 6)]] });
    const archive = torchArchive(storage("0", 2), { 0: floatBytes(7, 8) });
    for (const [inner, values] of [
      [legacy, floatBytes(5, 6)],
      [archive, floatBytes(7, 8)],
    ] as const) {
      const binary = `B${little(inner.length, 4)}${Buffer.from(inner).toString("latin1")}`;
      const pickle = `\x80\x03${dict({ w: tensor(call("torch.storage._load_from_bytes", binary), 2) })}.`;
      const bytes = latin1(pickle);
      const parsed = await read(bytes, "tensor.pkl");
      expect(parsed.format).toBe("pickle");
      expect(await readerOf(bytes).read(parsed.tensors[0] as never)).toEqual(values);
    }
  });

  it("inside of a pickle that is damaged lists no tensor, and says why", async () => {
    const pickle = `\x80\x03${dict({ w: tensor(call("torch.storage._load_from_bytes", "C\x03abc"), 2) })}.`;
    const parsed = await read(latin1(pickle), "tensor.pkl");
    expect(parsed.tensors).toEqual([]);
    // Torch would unpickle bytes that could not be looked into.
    expect(parsed.problems[0]?.code).toBe("DangerousImport");
    expect(parsed.problems[1]?.message).toContain("A storage inside the pickle");
  });
});
