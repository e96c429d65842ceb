import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { MapValue, TupleValue } from "../../../../src/core/formats/contentValue";
import { PyObject } from "../../../../src/core/formats/pickle/pickleValue";
import { unpickle } from "../../../../src/core/formats/pickle/unpickle";
import { latin1, little, text } from "./latin1";

/** How `torch.save` writes a state dict: protocol 2, and all that Python could be asked for again in the memo. */
class Writer {
  private memo = 0;

  kept(piece: string): string {
    return `${piece}r${little(this.memo++, 4)}`;
  }

  /** The first names what the others find in the memo. */
  stateDict(count: number, shape: string): Uint8Array {
    const known = new Map<string, number>();
    const shared = (piece: string) => {
      const at = known.get(piece);
      if (at !== undefined) return `j${little(at, 4)}`;
      known.set(piece, this.memo);
      return this.kept(piece);
    };
    const pairs = Array.from({ length: count }, (_, at) => {
      const name = this.kept(text(`model.layers.${at}.mlp.experts.weight`));
      const rebuild = shared("ctorch._utils\n_rebuild_tensor_v2\n");
      const start = `((${shared(text("storage"))}${shared("ctorch\nFloatStorage\n")}`;
      const id = this.kept(`${start}${this.kept(text(`${at}`))}${shared(text("cpu"))}K\x01t`);
      const sizes = this.kept(shape);
      const strides = this.kept(shape);
      const hooks = this.kept(`${shared("ccollections\nOrderedDict\n")})R`);
      const args = this.kept(`${id}QK\0${sizes}${strides}\x89${hooks}t`);
      return `${name}${rebuild}${this.kept(`${args}R`)}`;
    });
    return latin1(`\x80\x02${this.kept("}")}(${pairs.join("")}u.`);
  }
}

const count = 20_000;
const pickle = () => new Writer().stateDict(count, "K\x01\x85");

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

describe("the memory of a pickle", () => {
  it("suffices for a million tensors", () => {
    const { failure, value } = unpickle(pickle(), { budget: { opcodes: 1e7, retainedBytes: 900 * count } });
    expect(failure).toBeUndefined();
    expect((value as MapValue).size).toBe(count);
  });

  it("is counted as no less than it is", () => {
    const bytes = pickle();
    unpickle(bytes);
    const before = heapBytes();
    const unpickled = unpickle(bytes);
    const kept = heapBytes() - before;
    expect(unpickled.failure).toBeUndefined();
    expect(kept / count).toBeGreaterThan(200);
    const budget = { opcodes: 1e7, retainedBytes: kept };
    expect(unpickle(bytes, { budget }).failure?.code).toBe("PickleLimit");
  });

  it("holds the shapes that follow each other once", () => {
    const { value } = unpickle(pickle());
    const sizes = (value as MapValue).values.map((tensor) =>
      tensor instanceof PyObject ? (tensor.args as TupleValue).items[2] : undefined,
    );
    expect(new Set(sizes).size).toBe(1);
    expect((sizes[0] as TupleValue).items).toEqual([1]);
  });

  it("is not of tuples that hold more than whole numbers, and of booleans no numbers", () => {
    const [first, second, third] = (unpickle(latin1("(\x88\x85K\x01\x85\x88\x85t.")).value as TupleValue)
      .items;
    expect((first as TupleValue).items).toEqual([true]);
    expect((second as TupleValue).items).toEqual([1]);
    expect(third).not.toBe(first);
  });

  it.each(["values that are taken off again", "marks that are closed again"])("does not count %s", (what) => {
    const piece = what.startsWith("values") ? "N0" : "(1";
    const { failure } = unpickle(latin1(`${piece.repeat(10_000)}N.`), {
      budget: { opcodes: 1e6, retainedBytes: 100_000 },
    });
    expect(failure).toBeUndefined();
    const open = unpickle(latin1(`${what.startsWith("values") ? "N" : "("}`.repeat(10_000)), {
      budget: { opcodes: 1e6, retainedBytes: 100_000 },
    });
    expect(open.failure?.code).toBe("PickleLimit");
  });
});
