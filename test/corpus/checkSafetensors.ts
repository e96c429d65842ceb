import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import type { Problem } from "../../src/core/problem/problem";
import type { Tensor } from "../../src/core/tensors/tensor";
import { nodeFiles } from "../../src/worker/nodeFiles";
import type { CorpusFile, CorpusFolder, ExpectedFile, ExpectedTensor } from "./corpusFolder";
import { Comparison, type Verdict } from "./verdict";

/** The error names of the reference reader (formats.md §1). */
const errorName =
  /HeaderTooSmall|HeaderTooLarge|InvalidHeaderLength|InvalidHeaderDeserialization|InvalidHeader|InvalidOffset|ValidationOverflow|MisalignedSlice|TensorInvalidInfo|MetadataIncompleteBuffer/;

interface Reason {
  readonly code: string;
  /** The tensor that the error names. */
  readonly tensor?: string | undefined;
}

/** Why a file must be refused, as the manifest's words say; undefined for a valid file. */
function reasonIn(expectation: string): Reason | undefined {
  const code = errorName.exec(expectation)?.[0];
  if (code !== undefined) return { code, tensor: /^InvalidOffset\((\w+)\)/.exec(expectation)?.[1] };
  if (expectation.includes("Git LFS pointer")) return { code: "GitLfsPointer" };
  if (expectation.includes("recursion limit")) return { code: "InvalidHeaderDeserialization" };
  return undefined;
}

export async function checkSafetensors(file: CorpusFile, corpus: CorpusFolder): Promise<Verdict> {
  const reason = reasonIn(file.expectation);
  const expected = corpus.expected(file.path);
  const comparison = new Comparison();
  const opened = await openOrError(file.absolutePath);
  if (reason !== undefined) {
    const problems = opened instanceof CheckpointError ? [opened.toProblem()] : opened.problems;
    compareReason(reason, problems, comparison);
    if (!(opened instanceof CheckpointError)) compareShown(opened, expected, comparison);
    return { outcome: "refused", reason: reason.code, differences: comparison.differences };
  }
  if (opened instanceof CheckpointError) {
    return { outcome: "agreed", differences: [`refused: ${opened.code}: ${opened.message}`] };
  }
  compareProblems(file, opened, comparison);
  await compareWhole(opened, expected ?? readPlainly(file.absolutePath), comparison);
  const note =
    expected === undefined ? { note: "no EXPECTED file: compared with JSON.parse of its header" } : {};
  return { outcome: "agreed", differences: comparison.differences, ...note };
}

interface PlainEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** A valid file whose names are no trouble to JavaScript, the short way. */
function readPlainly(path: string): ExpectedFile {
  const bytes = readFileSync(path);
  const header_len = Number(bytes.readBigUInt64LE(0));
  const start = 8 + header_len;
  const { __metadata__: metadata = null, ...entries } = JSON.parse(bytes.toString("utf8", 8, start));
  const tensors = Object.entries(entries as Record<string, PlainEntry>).map(
    ([name, entry]): ExpectedTensor => {
      const [begin, end] = entry.data_offsets;
      const sha256 = createHash("sha256")
        .update(bytes.subarray(start + begin, start + end))
        .digest("hex");
      return { path: [name], dtype: entry.dtype, shape: entry.shape, offsets: [begin, end], sha256 };
    },
  );
  return { kind: "safetensors", header_len, metadata, tensors };
}

export async function openOrError(path: string): Promise<Checkpoint | CheckpointError> {
  try {
    return await openCheckpoint(nodeFiles, path);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
}

/** The reason must be the first thing that is told, as the reference reader stops there. */
function compareReason({ code, tensor }: Reason, problems: readonly Problem[], comparison: Comparison): void {
  const [first] = problems.filter(({ severity }) => severity === "error");
  comparison.equal("reason", first?.code, code);
  if (tensor !== undefined) comparison.equal("tensor of the reason", first?.tensor, tensor);
  comparison.check(first?.message !== undefined && first.message !== "", "no message");
  comparison.check(first?.offset !== undefined, "no offset");
}

/** A valid file has no problems; one whose manifest says that it lists a name twice has a warning for that. */
function compareProblems(file: CorpusFile, { problems }: Checkpoint, comparison: Comparison): void {
  const expected = file.expectation.includes("duplicate keys") ? ["warning DuplicateKey"] : [];
  const found = problems.map(({ severity, code }) => `${severity} ${code}`);
  comparison.equal("problems", found, expected);
}

async function compareWhole(
  checkpoint: Checkpoint,
  expected: ExpectedFile,
  comparison: Comparison,
): Promise<void> {
  const { path, tensors, metadata } = checkpoint;
  comparison.equal("format", checkpoint.format, expected.kind);
  comparison.equal("metadata", [...metadata].sort(), Object.entries(expected.metadata ?? {}).sort());
  const found = byName(tensors);
  const wanted = expected.tensors ?? [];
  comparison.equal("number of tensors", tensors.length, wanted.length);
  const source = await nodeFiles.open(path);
  try {
    for (const each of wanted) {
      const name = each.path.join(".");
      const tensor = found.get(name);
      if (tensor === undefined) comparison.check(false, `tensor ${name} is missing`);
      else {
        compareTensor(tensor, each, expected.header_len ?? 0, comparison);
        comparison.equal(`sha256 of ${name}`, await hash(source, tensor), each.sha256);
      }
    }
  } finally {
    await source.close();
  }
}

/** What is shown of an invalid file must be what stands in it. */
function compareShown(
  { tensors }: Checkpoint,
  expected: ExpectedFile | undefined,
  comparison: Comparison,
): void {
  if (expected?.tensors === undefined) return;
  const wanted = new Map(expected.tensors.map((each) => [each.path.join("."), each]));
  for (const tensor of tensors) {
    const each = wanted.get(tensor.name);
    if (each === undefined) comparison.check(false, `tensor ${tensor.name} is made up`);
    else compareTensor(tensor, each, expected.header_len ?? 0, comparison);
  }
}

function compareTensor(
  tensor: Tensor,
  expected: ExpectedTensor,
  headerLength: number,
  comparison: Comparison,
): void {
  const { name, dtype, shape, offset, byteSize } = tensor;
  const [begin, end] = expected.offsets;
  comparison.equal(`dtype of ${name}`, dtype, expected.dtype);
  comparison.equal(`shape of ${name}`, shape, expected.shape);
  comparison.equal(`offset of ${name}`, offset, 8 + headerLength + begin);
  comparison.equal(`size of ${name}`, byteSize, Math.max(0, end - begin));
}

export function byName(tensors: readonly Tensor[]): ReadonlyMap<string, Tensor> {
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

const chunkBytes = 1 << 20;

async function hash(
  source: { read(offset: number, length: number): Promise<Uint8Array> },
  { offset, byteSize }: Tensor,
): Promise<string> {
  const sha256 = createHash("sha256");
  for (let done = 0; done < byteSize; done += chunkBytes) {
    sha256.update(await source.read(offset + done, Math.min(chunkBytes, byteSize - done)));
  }
  return sha256.digest("hex");
}
