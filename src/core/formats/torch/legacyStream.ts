import { type ByteRegion, SubRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import type { Problem } from "../../problem/problem";
import { formatBytes } from "../../text/quantities";
import { type ContentValue, MapValue } from "../contentValue";
import { sequenceOf, tupleItems } from "../contentView";
import type { ImportFinding } from "../importFinding";
import type { FoundValues } from "../pickle/foundValues";
import { judgeImports } from "../pickle/importReport";
import { PyGlobal } from "../pickle/pickleValue";
import { type Unpickled, unpickleFrom } from "../pickle/unpickle";
import { type StorageReference, storageReference, type TorchStorage, type ToStorage } from "./torchStorage";
import type { TorchStream } from "./torchStream";

const magicNumber = 0x1950a86a20f9469cfc6cn;
const currentProtocol = 1001;

/** Before each storage stands the number of its elements, as an i64. */
const storageHeaderBytes = 8;

/**
 * A file of torch before 1.6, which later versions still write on request (torch/serialization.py, `_legacy_save`):
 * five pickles (magic number, protocol, system, the object, keys of storages), then the storages in the order of
 * the keys.
 * @throws CheckpointError where not even the object can be shown.
 */
export async function readLegacyStream(
  source: ByteSource,
  region: ByteRegion,
  signal?: AbortSignal,
): Promise<TorchStream> {
  return new LegacyReader(source, region, signal).read();
}

export function isLegacyMagic(value: ContentValue | undefined): boolean {
  return value === magicNumber;
}

class LegacyReader {
  private position = 0;
  private readonly imports: ImportFinding[] = [];
  private readonly problems: Problem[] = [];
  private end: number | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly region: ByteRegion,
    private readonly signal?: AbortSignal,
  ) {}

  async read(): Promise<TorchStream> {
    const magic = await this.nextPickle();
    if (magic.failure !== undefined || !isLegacyMagic(magic.value)) {
      throw new CheckpointError("NotLegacyTorch", "The file does not begin with torch's magic number.", 0);
    }
    const protocol = await this.nextPickle();
    if (protocol.failure !== undefined) return this.importsOnly(protocol);
    this.checkProtocol(this.whole(protocol));
    const systemPickle = await this.nextPickle();
    if (systemPickle.failure !== undefined) return this.importsOnly(systemPickle);
    const system = this.whole(systemPickle);
    const isLittleEndian = !(system instanceof MapValue) || system.get("little_endian") !== false;
    const object = await this.nextPickle();
    const root = object.value;
    if (root === undefined) return this.importsOnly(object);
    if (object.failure !== undefined) this.problems.push(object.failure.toProblem());
    const keys = object.failure === undefined ? await this.readKeys() : [];
    const storages = this.locate(keys, referencesIn(object.found.persistentIds), !isLittleEndian);
    const findStorage = (reference: ToStorage) => find(reference, storages);
    return {
      root,
      stream: this.region,
      found: object.found,
      findStorage,
      imports: this.imports,
      problems: this.problems,
      end: this.end,
    };
  }

  /** What the file imports is told though nothing of it can be shown. */
  private importsOnly({ failure, found }: Unpickled): TorchStream {
    const reason = failure ?? new CheckpointError("EmptyPickle", "The file holds no object.");
    if (this.imports.length === 0) throw reason;
    const problems = [reason.toProblem(), ...this.problems];
    const { region: stream, imports } = this;
    return { root: null, stream, found, findStorage: () => undefined, imports, problems };
  }

  private async nextPickle(): Promise<Unpickled> {
    const options = { start: this.position, signal: this.signal, resolvePersistentId: containerClass };
    const unpickled = await unpickleFrom(this.source, options);
    this.position = unpickled.end;
    this.imports.push(...judgeImports(unpickled.imports));
    this.problems.push(...unpickled.problems);
    return unpickled;
  }

  private whole({ value, failure }: Unpickled): ContentValue {
    if (failure !== undefined) throw failure;
    return value ?? null;
  }

  private checkProtocol(protocol: ContentValue): void {
    if (protocol === currentProtocol) return;
    const message = `The file is of torch's protocol ${String(protocol)}; ${currentProtocol} is known.`;
    this.problems.push({ severity: "warning", code: "UnknownTorchProtocol", message });
  }

  private async readKeys(): Promise<readonly string[]> {
    const { value, failure } = await this.nextPickle();
    if (failure !== undefined) this.problems.push(failure.toProblem());
    return (sequenceOf(value) ?? []).map(String);
  }

  /** Every storage's place follows from the sizes before it; the sizes are in the object's references. */
  private locate(
    keys: readonly string[],
    references: ReadonlyMap<string, StorageReference>,
    bigEndian: boolean,
  ): ReadonlyMap<string, TorchStorage> {
    const located = new Map<string, TorchStorage>();
    let position = this.position;
    for (const key of keys) {
      const reference = references.get(key);
      if (reference === undefined) {
        this.reportUnknownKey(key, position);
        break;
      }
      const { byteSize, dtype, untyped } = reference;
      const start = position + storageHeaderBytes;
      position = start + byteSize;
      const missing = position - this.source.size;
      const bytes =
        missing <= 0
          ? { region: new SubRegion(this.region, start, byteSize) }
          : cutStorage(start, byteSize, this.source.size);
      located.set(key, { dtype, untyped, storage: { key, byteSize, bigEndian, ...bytes } });
    }
    this.checkEnd(position, keys, located);
    for (const [key, { dtype, untyped, byteSize }] of references) {
      if (located.has(key)) continue;
      const storage = {
        key,
        byteSize,
        bigEndian,
        region: undefined,
        absent: "The file ends before its storage.",
      };
      located.set(key, { dtype, untyped, storage });
    }
    return located;
  }

  private checkEnd(end: number, keys: readonly string[], located: ReadonlyMap<string, TorchStorage>): void {
    const missing = end - this.source.size;
    if (missing > 0) {
      const whole = keys.filter((key) => located.get(key)?.storage.absent === undefined).length;
      const message =
        `The file is cut: ${formatBytes(missing)} (${missing}) are missing, ${whole} of ${keys.length} storages ` +
        "are complete. The save or the download did not finish; copy it again or use an earlier checkpoint.";
      this.problems.push({ severity: "error", code: "TruncatedLegacy", message, offset: this.source.size });
    } else if (keys.length === located.size) this.end = end;
  }

  private reportUnknownKey(key: string, offset: number): void {
    const message = `The file holds storage ${key.slice(0, 40)}, to which nothing refers: what follows cannot be found.`;
    this.problems.push({ severity: "error", code: "UnknownStorage", message, offset });
  }
}

function cutStorage(start: number, byteSize: number, fileSize: number) {
  const there = formatBytes(Math.max(0, fileSize - start));
  return {
    region: undefined,
    absent: `Its storage has ${there} of ${formatBytes(byteSize)}: the file is cut.`,
  };
}

/** Containers were saved with their source: ('module', class, file, source). The class is what the pickle needs. */
function containerClass(id: ContentValue): ContentValue | undefined {
  const [tag, type] = tupleItems(id) ?? [];
  return tag === "module" && type instanceof PyGlobal ? type : undefined;
}

function referencesIn(ids: FoundValues["persistentIds"]): ReadonlyMap<string, StorageReference> {
  const references = new Map<string, StorageReference>();
  for (const id of ids) {
    const reference = storageReference(id);
    if (reference !== undefined && !references.has(reference.key)) references.set(reference.key, reference);
  }
  return references;
}

function find(reference: ToStorage, storages: ReadonlyMap<string, TorchStorage>): TorchStorage | undefined {
  const wanted = storageReference(reference);
  const found = wanted === undefined ? undefined : storages.get(wanted.key);
  if (wanted === undefined || found === undefined) return undefined;
  const { dtype, untyped, view } = wanted;
  return { dtype, untyped, storage: view === undefined ? found.storage : part(found.storage, view) };
}

/** Storages of torch before 0.4 could be parts of others. */
function part(
  storage: TorchStorage["storage"],
  { offsetBytes, byteSize }: NonNullable<StorageReference["view"]>,
): TorchStorage["storage"] {
  const { region } = storage;
  if (offsetBytes + byteSize > storage.byteSize) {
    return { ...storage, byteSize, region: undefined, absent: "It is a part beyond the end of its storage." };
  }
  return { ...storage, byteSize, region: region && new SubRegion(region, offsetBytes, byteSize) };
}
