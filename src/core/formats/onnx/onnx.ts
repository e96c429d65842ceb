import { ByteCursor } from "../../bytes/byteCursor";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors, maxListedProblems } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import type { StatedCodes } from "../../tensors/packed/statedCodes";
import type { Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import type { Format, OutsideValues, ParsedFile } from "../format";
import { diagnoseBlank } from "../recognise";
import { isSavedModel } from "../strangerMessages";
import { codesOfNode, statedByNode } from "./onnxCodes";
import { isQuantised, type OnnxNode, standingFor } from "./onnxQuantised";
import { readOnnxTensor, readPair, text } from "./onnxTensor";
import { damaged, fieldsOf, type ProtobufField } from "./protobuf";

/** Subgraphs of If, Loop and Scan nest; ten deep is far beyond what exporters write. */
const maxGraphDepth = 10;

/** Nodes that are looked into for constants and subgraphs. */
const maxNodes = 2_000_000;

/** https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: a ModelProto, which has no magic number. */
export const onnx: Format = {
  id: "onnx",
  extensions: [".onnx"],
  matches,
  parse,
};

/** `ir_version` as the first field, as every exporter writes it, then a producer, a graph or an operator set. */
function matches(head: Uint8Array, fileName: string): boolean {
  // Core ML's, a protobuf that begins alike.
  if (/\.mlmodel$/i.test(fileName)) return false;
  if (head[0] !== 0x08 || (head[1] ?? 0) < 1 || (head[1] ?? 0) > 64 || isSavedModel(head)) return false;
  return head[2] === 0x12 || head[2] === 0x3a || head[2] === 0x42;
}

interface Found {
  readonly tensors: Tensor[];
  readonly names: Set<string>;
  readonly problems: ProblemList;
  /** Values that stand in other files, by the names of their tensors. */
  readonly outside: Map<string, OutsideValues>;
  nodes: number;
  /** Operators of domains that are not ONNX's own, as `domain::operator`, and functions that the model brings along. */
  readonly operators: Set<string>;
  readonly functions: Set<string>;
  /** Parameters that tensors stand for, where nodes say so. */
  readonly standsFor: Map<string, number>;
  /** Nodes of quantised operators, with what the names of their graph begin with. */
  readonly quantised: { readonly node: OnnxNode; readonly prefix: string }[];
}

/** Domains of ONNX and of what every runtime of it has built in. */
const ownDomain =
  /^(?:ai\.onnx(?:\.ml|\.training|\.preview(?:\.training)?)?|com\.microsoft(?:\.\w+)?|org\.pytorch\.\w+)?$/;
/** Built in as well, but for what calls Python or loads a library. */
const callingOut = /^(?:PyOp|PyCustomOp|PythonOp|PythonOpGrad|EPContext)$/;
const maxOperators = 100;

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const cursor = new ByteCursor(source, signal);
  const metadata = new Map<string, string>();
  const found: Found = {
    tensors: [],
    names: new Set(),
    problems: new ProblemList(maxListedProblems),
    outside: new Map(),
    nodes: 0,
    operators: new Set(),
    functions: new Set(),
    standsFor: new Map(),
    quantised: [],
  };
  try {
    let hasGraph = false;
    for await (const field of fieldsOf(cursor, 0, source.size)) {
      hasGraph ||= field.number === 7 || field.number === 25;
      await readModelField(cursor, field, metadata, found);
    }
    if (!hasGraph) throw diagnoseBlank(head) ?? withoutGraph(source.size);
    // It is written behind the graph, and no runtime takes a model of version 3 or later without it.
    const hasOperators = [...metadata.keys()].some((key) => key.startsWith("opset"));
    if (!hasOperators && Number(metadata.get("ir_version")) >= 3)
      found.problems.add(withoutOperators(source.size));
  } catch (error) {
    if (!(error instanceof CheckpointError) || found.tensors.length === 0) throw error;
    // What was read before the damage can be shown.
    found.problems.add(error.toProblem());
  }
  addOperators(found);
  const aliases = new Map<string, string>();
  const { outside, standsFor } = found;
  const tensors = withCodes(found);
  return { tensors, metadata, aliases, outside, standsFor, problems: found.problems.toArray() };
}

const unreadCodes = "How the graph makes values of its codes is not read here, or differs from node to node.";

/** Tensors with what the nodes say of their codes. */
function withCodes({ tensors, quantised }: Found): readonly Tensor[] {
  if (quantised.length === 0) return tensors;
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const stated = new Map<Tensor, StatedCodes | undefined>();
  for (const { node, prefix } of quantised) {
    const find = (name = "") => (name === "" ? undefined : (byName.get(prefix + name) ?? byName.get(name)));
    const found = statedByNode(node, find);
    const unread = found === undefined ? codesOfNode(node, find) : undefined;
    if (unread !== undefined && !stated.has(unread)) stated.set(unread, undefined);
    if (found === undefined) continue;
    const isOther =
      stated.has(found.codes) && JSON.stringify(stated.get(found.codes)) !== JSON.stringify(found.stated);
    stated.set(found.codes, isOther ? undefined : found.stated);
  }
  return tensors.map((tensor) => {
    if (!stated.has(tensor)) return tensor;
    const codes = stated.get(tensor);
    return codes === undefined ? { ...tensor, unreadCodes } : { ...tensor, codes };
  });
}

function withoutGraph(size: number): CheckpointError {
  const message =
    "The file ends before the graph of the model. It was cut, or is no ONNX model: export it again, or fetch it again.";
  return new CheckpointError("NoGraph", message, size);
}

function withoutOperators(offset: number): Problem {
  const message =
    "The file names no set of operators, which stands behind the graph: it may be cut. Fetch it again.";
  return { severity: "warning", code: "NoOperatorSet", message, offset };
}

/** What a runtime must have a library or Python for is code of somebody else, that runs when the model is loaded. */
function addOperators({ operators, functions, problems }: Found): void {
  const told = [...operators].filter((name) => !functions.has(name));
  if (told.length === 0) return;
  const rest = told.length > 5 ? ` and ${told.length - 5} more` : "";
  const message = `The graph calls operators that are not ONNX's own: ${told.slice(0, 5).join(", ")}${rest}. A runtime runs them from a library or from Python that must be registered for them; load only one that you trust.`;
  problems.add(warning("CustomOperators", message));
}

/** ModelProto: 1 ir_version, 2 producer_name, 3 producer_version, 7 graph, 8 opset_import, 14 metadata_props, 25 functions. */
async function readModelField(
  cursor: ByteCursor,
  field: ProtobufField,
  metadata: Map<string, string>,
  found: Found,
) {
  if (field.number === 1) metadata.set("ir_version", String(field.value));
  else if (field.number === 2) metadata.set("producer_name", await text(cursor, field));
  else if (field.number === 3) metadata.set("producer_version", await text(cursor, field));
  else if (field.number === 7) await readGraph(cursor, field, "", 0, found);
  else if (field.number === 25 && field.wireType === 2) await readFunction(cursor, field, found);
  else if (field.number === 8 || field.number === 14) {
    const [key, value] = await readPair(cursor, field);
    if (field.number === 14) metadata.set(key, value);
    else metadata.set(key === "" ? "opset" : `opset ${key}`, value);
  }
}

/** FunctionProto: 1 name, 7 node, 10 domain. */
async function readFunction(cursor: ByteCursor, field: ProtobufField, found: Found): Promise<void> {
  let [name, domain] = ["", ""];
  for await (const part of fieldsOf(cursor, field.start, field.end)) {
    if (part.number === 1) name = await text(cursor, part);
    else if (part.number === 10) domain = await text(cursor, part);
    else if (part.number === 7) await readNode(cursor, part, "", 1, 0, found);
  }
  found.functions.add(`${domain}::${name}`);
}

/** GraphProto: 1 node, 5 initializer, 15 sparse_initializer. */
async function readGraph(
  cursor: ByteCursor,
  graph: ProtobufField,
  prefix: string,
  depth: number,
  found: Found,
): Promise<void> {
  if (graph.wireType !== 2) throw damaged(graph.start, "a number where a graph belongs");
  if (depth > maxGraphDepth) {
    found.problems.add(
      warning("GraphTooDeep", `Subgraphs more than ${maxGraphDepth} deep are not looked into.`),
    );
    return;
  }
  let constants = 0;
  for await (const field of fieldsOf(cursor, graph.start, graph.end)) {
    if (field.number === 5)
      await addTensor(cursor, field, prefix, `initializer_${found.tensors.length}`, found);
    else if (field.number === 15)
      found.problems.add(warning("SparseInitializer", "A sparse initializer is not shown.", field.start));
    else if (field.number === 1) constants += await readNode(cursor, field, prefix, depth, constants, found);
  }
}

/** NodeProto: 1 input, 2 output, 4 op_type, 7 domain, 5 attribute {1 name, 3 i, 5 t, 6 g, 11 graphs}. Returns how many constants it held. */
async function readNode(
  cursor: ByteCursor,
  node: ProtobufField,
  prefix: string,
  depth: number,
  constants: number,
  found: Found,
): Promise<number> {
  found.nodes++;
  if (found.nodes > maxNodes)
    throw new CheckpointError(
      "TooManyNodes",
      `The graph has more than ${formatCount(maxNodes)} nodes.`,
      node.start,
    );
  let [output, type, domain] = ["", "", ""];
  const attributes: ProtobufField[] = [];
  const inputs: ProtobufField[] = [];
  for await (const field of fieldsOf(cursor, node.start, node.end)) {
    if (field.number === 1) inputs.push(field);
    else if (field.number === 2 && output === "") output = await text(cursor, field);
    else if (field.number === 4) type = await text(cursor, field);
    else if (field.number === 7) domain = await text(cursor, field);
    else if (field.number === 5) attributes.push(field);
  }
  if ((!ownDomain.test(domain) || callingOut.test(type)) && found.operators.size < maxOperators)
    found.operators.add(`${domain}::${type}`);
  if (isQuantised(type)) await addQuantised(cursor, type, inputs, attributes, prefix, found);
  let added = 0;
  for (const attribute of attributes) {
    for await (const field of fieldsOf(cursor, attribute.start, attribute.end)) {
      if (field.number === 5 && type === "Constant" && field.wireType === 2) {
        const name = output === "" ? `constant_${constants + added}` : output;
        added += 1;
        await addTensor(cursor, field, prefix, name, found);
      } else if ((field.number === 6 || field.number === 11) && field.wireType === 2) {
        await readGraph(cursor, field, `${prefix}${output === "" ? type : output}/`, depth + 1, found);
      }
    }
  }
  return added;
}

/** Nodes beyond reason have more inputs. */
const maxNodeInputs = 1000;

async function addQuantised(
  cursor: ByteCursor,
  type: string,
  inputs: readonly ProtobufField[],
  attributes: readonly ProtobufField[],
  prefix: string,
  { standsFor, quantised }: Found,
): Promise<void> {
  const names: string[] = [];
  for (const input of inputs.slice(0, maxNodeInputs)) names.push(await text(cursor, input));
  const numbers = new Map<string, number>();
  for (const attribute of attributes) {
    let [name, value]: [string, number | undefined] = ["", undefined];
    for await (const field of fieldsOf(cursor, attribute.start, attribute.end)) {
      if (field.number === 1) name = await text(cursor, field);
      else if (field.number === 3 && field.wireType === 0) value = Number(field.value);
    }
    if (value !== undefined) numbers.set(name, value);
  }
  const node = { type, inputs: names, numbers };
  if (quantised.length < maxCollectedTensors) quantised.push({ node, prefix });
  for (const [name, count] of standingFor(node)) {
    // A subgraph may name what stands in the graph around it.
    standsFor.set(name, count);
    if (prefix !== "") standsFor.set(prefix + name, count);
  }
}

async function addTensor(
  cursor: ByteCursor,
  field: ProtobufField,
  prefix: string,
  fallback: string,
  found: Found,
) {
  if (found.tensors.length >= maxCollectedTensors)
    throw new CheckpointError(
      "TooManyTensors",
      `The file has more than ${formatCount(maxCollectedTensors)} tensors.`,
    );
  const { tensor, problem, outside } = await readOnnxTensor(cursor, field, fallback);
  if (problem !== undefined) found.problems.add(problem);
  if (tensor === undefined) return;
  const name = prefix + tensor.name;
  if (found.names.has(name)) {
    found.problems.add(
      warning("DuplicateName", `Two tensors are called ${name}; the first is shown.`, field.start),
    );
    return;
  }
  found.names.add(name);
  found.tensors.push({ ...tensor, name });
  if (outside !== undefined) found.outside.set(name, outside);
}

function warning(code: string, message: string, offset?: number): Problem {
  return { severity: "warning", code, message, ...(offset === undefined ? {} : { offset }) };
}
