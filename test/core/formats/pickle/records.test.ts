import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { type ContentValue, FloatValue, MapValue } from "../../../../src/core/formats/contentValue";
import { sequenceOf } from "../../../../src/core/formats/contentView";
import { PickleBudget } from "../../../../src/core/formats/pickle/pickleBudget";
import { PyGlobal, PyObject, PyPersistentId } from "../../../../src/core/formats/pickle/pickleValue";
import { TensorArgs } from "../../../../src/core/formats/pickle/records/tensorArgs";
import { type Unpickled, unpickle } from "../../../../src/core/formats/pickle/unpickle";
import { openArchive, pickleMember } from "../../../../src/core/formats/torch/torchArchive";
import { mutate, Random } from "../../../fuzz/mutate";
import { projectRoot } from "../../../support/projectRoot";
import { latin1, little, text } from "./latin1";

/** All that a pickle's run tells, with each object named by where it was met first: what is one is told as one. */
function told({ value, failure, imports, problems, end, protocol, found }: Unpickled): unknown {
  const seen = new Map<object, number>();
  const lines: unknown[] = [];
  const pending: object[] = [];
  const name = (some: ContentValue | undefined): unknown => {
    if (some === undefined || some === null || typeof some !== "object") return some;
    if (some instanceof FloatValue) return `float ${some.value}`;
    const known = seen.get(some) ?? seen.size;
    if (!seen.has(some)) pending.push(some);
    seen.set(some, known);
    return `#${known}`;
  };
  const describe = (some: object): unknown => {
    if (some instanceof PyGlobal) return ["global", some.qualifiedName];
    if (some instanceof PyPersistentId) return ["reference", name(some.id)];
    if (some instanceof MapValue) return ["dict", some.keys.map(name), some.values.map(name)];
    if (some instanceof PyObject) {
      const { callee, args, isInstance, state, kwargs, items, mapItems } = some;
      const parts = [callee, args, state, kwargs, mapItems].map(name);
      return ["object", isInstance, ...parts, items?.map(name)];
    }
    const items = sequenceOf(some as ContentValue);
    return items === undefined ? { ...some } : [some.constructor.name, items.map(name)];
  };
  const root = name(value);
  const walk = () => {
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) lines.push(describe(next));
  };
  const calls = found.byteCalls.map(name);
  walk();
  // Made of the arguments, where these were not made before.
  const ids = found.persistentIds.map((one) =>
    name(one instanceof TensorArgs && one.tuple() ? one.id : one.id),
  );
  walk();
  const why = failure && [failure.code, failure.message, failure.offset];
  return { root, calls, lines, ids, why, imports, problems, end, protocol };
}

/** Whoever resolves references himself has the pickle read opcode by opcode. */
const opcodeByOpcode = { resolvePersistentId: () => undefined };

function expectSame(bytes: Uint8Array, limits?: { opcodes: number; retainedBytes: number }): number {
  const budget = () => Object.assign(new PickleBudget(bytes.length), limits);
  const [own, reference] = [budget(), budget()];
  const records = unpickle(bytes, { budget: own });
  const slow = unpickle(bytes, { budget: reference, ...opcodeByOpcode });
  const count = records.found.persistentIds.filter((id) => id instanceof TensorArgs).length;
  expect(told(records)).toEqual(told(slow));
  expect(own.opcodes).toBe(reference.opcodes);
  return count;
}

async function pickleIn(name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(readFileSync(join(projectRoot, "test", "fixtures", "torch", name)));
  if (!name.endsWith(".pt")) return bytes;
  const archive = await openArchive(new MemoryByteSource(bytes), bytes.slice(0, 4096), undefined);
  const entry = pickleMember(archive);
  if (entry === undefined) throw new Error(`${name} holds no pickle`);
  const member = await archive.region(entry).open(archive.source);
  return member.read(0, member.size);
}

const genuine = [
  ...["protocol1", "protocol3", "protocol4", "protocol5", "module", "parameters", "views", "training"],
  ...["optimizers", "dtypes", "quantized", "sparse", "scripted"],
].map((name) => `${name}.pt`);

/** A state dict as `torch.save` writes it in some protocol, mostly: now and then something is written in another way. */
class Writer {
  private memo = 0;
  private readonly places = new Map<string, number>();

  constructor(
    private readonly random: Random,
    private readonly protocol: number,
    /** How often something is not as picklers write it, of 100. */
    private readonly oddities: number,
  ) {}

  pickle(tensors: number): Uint8Array {
    const dict = this.kept("}");
    const pairs = Array.from({ length: tensors }, (_, at) => {
      // Whatever was put into the memo is asked for again, in the middle of others.
      const again = this.isOdd() ? `${this.text(`again${at}`)}${this.get(this.random.below(this.memo))}` : "";
      return `${this.kept(this.text(`layers.${at}.weight`))}${this.tensor(at)}${again}`;
    });
    const asked = this.isOdd() ? `${this.text("asked")}(${this.all()}t` : "";
    return latin1(`\x80${String.fromCharCode(this.protocol)}${dict}(${pairs.join("")}${asked}u.`);
  }

  private tensor(at: number): string {
    const { random } = this;
    const rebuild = this.shared("ctorch._utils\n_rebuild_tensor_v2\n");
    const type = random.of(["FloatStorage", "FloatStorage", "HalfStorage", "LongStorage"]);
    const parts = `((${this.shared(this.text("storage"))}${this.shared(`ctorch\n${type}\n`)}`;
    const isTied = random.below(8) === 0;
    const key = random.of([`${at}`, `${at}`, `${at}`, "007", "key", "é", "123456789", ""]);
    const ofKey = isTied ? this.shared(this.text("0")) : this.kept(this.text(key));
    const place = this.shared(this.text(random.of(["cpu", "cpu", "cuda:0"])));
    const view = random.below(6) === 0 ? "N" : "";
    const id = this.kept(`${parts}${ofKey}${place}${this.number()}${view}t`);
    const sizes = `${id}Q${this.number()}${this.sizes()}${this.sizes()}${random.of(["\x88", "\x89", "\x89"])}`;
    const hooks = this.kept(`${this.shared("ccollections\nOrderedDict\n")})R`);
    const more = this.isOdd() ? random.of(["N", "K\x01", "}", ")", "0", "2", "("]) : "";
    return `${rebuild}${this.kept(`${this.kept(`${sizes}${hooks}${more}t`)}R`)}`;
  }

  private sizes(): string {
    const count = this.random.below(this.isOdd() ? 12 : 5);
    const items = Array.from({ length: count }, () => this.number()).join("");
    if (count === 0) return ")";
    return this.kept(count > 3 || this.isOdd() ? `(${items}t` : `${items}${"\x85\x86\x87"[count - 1]}`);
  }

  private number(): string {
    const { random } = this;
    const value = random.of([0, 1, 2, 3, 255, 256, 65_535, 65_536, 2 ** 31 - 1]);
    if (this.isOdd())
      return random.of([`J${little(2 ** 32 - 1, 4)}`, `\x8a\x05${little(2 ** 33, 5)}`, "\x88", "I7\n", "N"]);
    if (value > 65_535 || this.isOdd()) return `J${little(value, 4)}`;
    return value > 255 || this.isOdd() ? `M${little(value, 2)}` : `K${little(value, 1)}`;
  }

  private text(value: string): string {
    if (this.protocol >= 4 && !this.isOdd()) return `\x8c${String.fromCharCode(value.length)}${value}`;
    return text(value);
  }

  private shared(piece: string): string {
    const at = this.places.get(piece);
    if (at !== undefined && !this.isOdd()) return this.get(at);
    const kept = this.kept(piece);
    this.places.set(piece, this.memo - 1);
    return kept;
  }

  private kept(piece: string): string {
    if (this.isOdd()) return piece;
    const at = this.isOdd() ? this.memo + this.random.below(5) - 2 : this.memo;
    this.memo++;
    if (this.protocol >= 4) return `${piece}\x94`;
    return at < 256 && at >= 0 ? `${piece}q${String.fromCharCode(at)}` : `${piece}r${little(at >>> 0, 4)}`;
  }

  private get(at: number): string {
    return at < 256 ? `h${String.fromCharCode(at)}` : `j${little(at, 4)}`;
  }

  private all(): string {
    return Array.from({ length: this.memo }, (_, at) => this.get(at)).join("");
  }

  private isOdd(): boolean {
    return this.random.below(100) < this.oddities;
  }
}

const runs = Number(process.env.RECORD_RUNS ?? 400);

describe("tensors that are read at one go", () => {
  it.each(genuine)("are those of opcode by opcode: %s", async (name) => {
    expectSame(await pickleIn(name));
  });

  it("are all of which nothing is written for the first time", async () => {
    // Of eight tensors the first of each dtype names its class, and the first of all the function.
    expect(expectSame(await pickleIn("module.pt"))).toBe(6);
  });

  it("are the same of made state dicts, whatever is asked of the memo", () => {
    let records = 0;
    for (let run = 0; run < runs; run++) {
      const random = new Random(run);
      const oddities = random.of([0, 0, 1, 5]);
      records += expectSame(
        new Writer(random, random.of([2, 3, 4, 5]), oddities).pickle(1 + random.below(24)),
      );
    }
    expect(records).toBeGreaterThan(2 * runs);
  });

  it("are the same where the pickle is damaged", async () => {
    const samples = await Promise.all(genuine.map(pickleIn));
    for (let run = 0; run < 2 * runs; run++) {
      const random = new Random(1000 + run);
      const made = new Writer(random, random.of([2, 4]), random.of([0, 2])).pickle(8);
      const [bytes, other] = [random.of([made, random.of(samples)]), random.of(samples)];
      expectSame(mutate(bytes, other, random));
    }
  });

  it("cost the same, up to any limit", () => {
    for (let run = 0; run < runs; run++) {
      const random = new Random(5000 + run);
      const bytes = new Writer(random, random.of([2, 4]), 0).pickle(4 + random.below(8));
      const retainedBytes = random.below(12_000);
      expectSame(bytes, { opcodes: 10_000, retainedBytes });
      expectSame(bytes, { opcodes: random.below(400), retainedBytes: 1e6 });
    }
  });
});
