import { RangeByteSource } from "../../bytes/byteRange";
import { FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import {
  maxCollectedTensors,
  maxListedProblems,
  maxSmallMemberBytes,
  maxTensorAxes,
} from "../../problem/limits";
import { ProblemList } from "../../problem/problemList";
import { assemble, type TensorPiece } from "../../tensors/assembly";
import { elementBytesOf } from "../../tensors/dtype";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { quote } from "../../text/quote";
import type { Format, ParsedFile } from "../format";
import { importProblems, mergeImports } from "../importFinding";
import { containerKind } from "../inside/containerKind";
import { Look } from "../inside/look";
import { jaxDtypes } from "../jaxDtypes";
import { optaxTensors, stepName } from "../orbax/optaxState";
import { trainingTree } from "../trainingTree";
import { damagedMsgpack, itemIn, type MsgpackItem, MsgpackWalk } from "./msgpackWalk";

/** `flax.serialization`, with which JAX's models were saved before Orbax, and Hugging Face's `flax_model.msgpack` are. */
export const flax: Format = {
  id: "flax",
  extensions: [".msgpack"],
  matches,
  parse,
};

/** LONG1 and SHORT_BINUNICODE: with these a pickle may begin that has a length where the map has a key. */
const asPickle: ReadonlySet<number> = new Set([0x8a, 0x8c]);

/** A map whose keys are texts, one of the first of which has another map, a list or an array behind it. */
function matches(head: Uint8Array): boolean {
  const first = head[0] ?? 0;
  const isMap = (first >= 0x81 && first <= 0x8f && !asPickle.has(first)) || first === 0xde || first === 0xdf;
  if (!isMap) return false;
  try {
    let { end: at } = itemIn(head, 0, 0);
    for (let entry = 0; entry < maxLeadingScalars; entry++) {
      const key = itemIn(head, at, 0);
      if (key.kind !== "text" || key.length === 0 || key.length > maxKeyBytes) return false;
      if (!head.subarray(key.start, key.end).every((byte) => byte >= 0x20)) return false;
      const value = itemIn(head, key.end, 0);
      if (value.kind === "map" || value.kind === "array" || value.kind === "extension") return true;
      at = value.end;
    }
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
  }
  return false;
}

/** A step, an epoch and the like may stand in front of the parameters. */
const maxLeadingScalars = 16;
const maxKeyBytes = 1000;

const ofArray = 1;
const ofScalar = 3;
const chunkedMark = "__msgpack_chunked_array__";
const maxDepth = 64;
const maxValues = 2000;
/** Of an array's shape and type; those of the most axes take 2.5 kB. */
const maxArrayHeadBytes = 4096;
const utf8 = new TextDecoder();

async function parse(source: ByteSource, _head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const reader = new FlaxReader(source, new MsgpackWalk(source, signal), new Look(source.size, signal));
  try {
    await reader.read([], await reader.walk.next());
  } catch (error) {
    if (!(error instanceof CheckpointError) || reader.tensors.length === 0) throw error;
    // What was read before the damage can be shown.
    reader.problems.add(error.toProblem());
  }
  const { tensors, metadata, problems, look } = reader;
  const imports = mergeImports(look.imports);
  for (const problem of [...importProblems(imports), ...look.foundProblems]) problems.add(problem);
  const sorted = optaxTensors(tensors);
  const stepKey = [...metadata.keys()].find((key) => stepName.test(key));
  const step = Number(metadata.get(stepKey ?? "") ?? Number.NaN);
  const progress = new Map([
    ...(sorted.progress ?? []),
    ...(Number.isSafeInteger(step) ? [["step", step] as const] : []),
  ]);
  const content = trainingTree(tensors, { ...sorted, progress });
  return {
    tensors,
    metadata,
    aliases: new Map(),
    ...(content === undefined ? {} : { content }),
    ...(imports.length === 0 ? {} : { imports }),
    problems: problems.toArray(),
  };
}

class FlaxReader {
  readonly tensors: Tensor[] = [];
  readonly metadata = new Map<string, string>();
  readonly problems = new ProblemList(maxListedProblems);

  constructor(
    private readonly source: ByteSource,
    readonly walk: MsgpackWalk,
    readonly look: Look,
  ) {}

  async read(path: readonly string[], item: MsgpackItem): Promise<void> {
    const name = path.join(".");
    if (path.length > maxDepth) throw damagedMsgpack(this.walk.at, "a tree that nests without an end");
    if (item.kind === "map") await this.readMap(path, item.count);
    else if (item.kind === "array")
      for (let at = 0; at < item.count; at++) await this.read([...path, String(at)], await this.walk.next());
    else if (item.kind === "extension") await this.readExtension(name, item);
    else if (item.kind === "bytes") await this.intoBytes(name, item);
    else if (this.metadata.size < maxValues) {
      if (item.kind === "text") this.metadata.set(name, await this.walk.text(item));
      else if (item.kind === "value" && item.value !== null) this.metadata.set(name, String(item.value));
    }
  }

  /** Bytes that are no array: msgpack-numpy keeps arrays of objects as pickles, and loads them. */
  private async intoBytes(
    name: string,
    span: { readonly start: number; readonly length: number },
  ): Promise<void> {
    const head = await this.walk.bytes(span, maxSmallMemberBytes);
    if (containerKind(head) === undefined) return;
    await this.look.intoSource(new RangeByteSource(this.source, span.start, span.length), quote(name));
  }

  private async readMap(path: readonly string[], count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const item = await this.walk.next();
      const key =
        item.kind === "text"
          ? await this.walk.text(item)
          : item.kind === "value"
            ? String(item.value)
            : undefined;
      if (key === undefined) throw damagedMsgpack(this.walk.at, "a key that is no text");
      if (key === chunkedMark) {
        await this.walk.next();
        await this.readChunked(path.join("."), count - 1);
        return;
      }
      await this.read([...path, key], await this.walk.next());
    }
  }

  private async readExtension(
    name: string,
    item: MsgpackItem & { readonly kind: "extension" },
  ): Promise<void> {
    const array = item.type === ofArray || item.type === ofScalar ? await this.arrayIn(item) : undefined;
    if (array === undefined) {
      await this.intoBytes(name, item);
      const message = `${quote(name)} is of a kind (${item.type}) that is not known: it is not shown.`;
      this.problems.add({ severity: "info", code: "UnknownExtension", message, offset: item.start });
      return;
    }
    this.add({ name, ...array, fileIndex: 0 });
  }

  /** An array is its shape, its type and its bytes, as a message of its own. */
  private async arrayIn({ start, length }: { readonly start: number; readonly length: number }) {
    const head = await this.walk.bytes({ start, length }, maxArrayHeadBytes);
    let at = start;
    const next = () => {
      const item = itemIn(head, at - start, start);
      at = item.end;
      return item;
    };
    const whole = next();
    if (whole.kind !== "array" || whole.count !== 3) return undefined;
    const axes = next();
    if (axes.kind !== "array" || axes.count > maxTensorAxes) return undefined;
    const shape: number[] = [];
    for (let axis = 0; axis < axes.count; axis++) {
      const size = next();
      if (size.kind !== "value" || typeof size.value !== "number") return undefined;
      shape.push(size.value);
    }
    const type = next();
    const data = next();
    const isSpan = data.kind === "bytes" || data.kind === "text";
    if (type.kind !== "text" || !isSpan || data.end > start + length) return undefined;
    const word = utf8.decode(head.subarray(type.start - start, type.end - start));
    const dtype = jaxDtypes.get(word) ?? word.slice(0, 60);
    const elementBytes = elementBytesOf(dtype);
    if (elementBytes === undefined) {
      const message = `An array is of the type ${quote(dtype)}, which is not known here: its values cannot be told.`;
      this.problems.addLazily("UnknownType", () => ({
        severity: "warning",
        code: "UnknownType",
        message,
        offset: start,
      }));
    }
    const byteSize = elementBytes === undefined ? data.length : elementCount(shape) * elementBytes;
    if (byteSize !== data.length || shape.some((size) => size < 0))
      throw damagedMsgpack(
        data.start,
        `an array of ${data.length} bytes whose shape and type need ${byteSize}`,
      );
    return { dtype, shape, byteSize, offset: data.start };
  }

  /** Arrays of more than a gigabyte are cut, each part a flat array: `shape` and `chunks` by their numbers. */
  private async readChunked(name: string, entries: number): Promise<void> {
    const shape: number[] = [];
    const parts: NonNullable<Awaited<ReturnType<FlaxReader["arrayIn"]>>>[] = [];
    for (let entry = 0; entry < entries; entry++) {
      await this.walk.next();
      const inner = await this.walk.next();
      if (inner.kind !== "map") throw damagedMsgpack(this.walk.at, "a cut array without its parts");
      for (let at = 0; at < inner.count; at++) {
        await this.walk.next();
        const part = await this.walk.next();
        if (part.kind === "value") shape.push(Number(part.value));
        else if (part.kind === "extension") {
          const array = await this.arrayIn(part);
          if (array !== undefined) parts.push(array);
        }
      }
    }
    const [first] = parts;
    if (first === undefined) throw damagedMsgpack(this.walk.at, "a cut array without its parts");
    let before = 0;
    const pieces = parts.map((part): TensorPiece => {
      const place = { kind: "flat" as const, first: before, count: elementCount(part.shape) };
      before += place.count;
      return { place, fileIndex: 0, region: new FileRegion(part.offset, part.byteSize), start: 0 };
    });
    const byteSize = parts.reduce((sum, part) => sum + part.byteSize, 0);
    const { dtype, offset } = first;
    this.add({ name, dtype, shape, byteSize, offset, fileIndex: 0, assembly: assemble(shape, pieces) });
  }

  private add(tensor: Tensor): void {
    if (this.tensors.length >= maxCollectedTensors)
      throw new CheckpointError("TooManyTensors", "The file has more arrays than any checkpoint.");
    this.tensors.push(tensor);
  }
}
