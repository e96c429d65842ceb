import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors } from "../../problem/limits";
import { fieldsIn } from "../onnx/protobuf";

/** An object of Python that was saved, and what hangs on it. */
export interface ObjectNode {
  /** Attributes, places in lists and keys of dicts, with the number of the object there. */
  readonly children: readonly (readonly [name: string, node: number])[];
  /** Set where the object is a variable: under which key its value stands, and what the variable calls itself. */
  readonly variable?: { readonly key: string; readonly ownName: string };
}

/** Objects of a large SavedModel; each takes about 30 bytes. */
const maxNodes = 4 * maxCollectedTensors;
const decoder = new TextDecoder();

/**
 * Reads the value of `_CHECKPOINTABLE_OBJECT_GRAPH` as it lies in a shard: its length, a checksum of that, and the text
 * (`tensor_bundle.cc`, WriteStringTensor), which is a TrackableObjectGraph (`trackable_object_graph.proto`: 1 nodes {1
 * children {1 node_id, 2 local_name}, 2 attributes {1 name, 2 full_name, 3 checkpoint_key}}).
 * @throws CheckpointError where it is damaged.
 */
export function readObjectGraph(stored: Uint8Array): readonly ObjectNode[] {
  let at = 0;
  while ((stored[at] ?? 0) >= 0x80) at++;
  const nodes: ObjectNode[] = [];
  for (const { number, bytes } of fieldsIn(stored.subarray(at + 1 + checksumBytes))) {
    if (number !== 1) continue;
    if (nodes.length >= maxNodes)
      throw new CheckpointError("TooManyNodes", "The graph of objects has more of them than any checkpoint.");
    nodes.push(readNode(bytes));
  }
  return nodes;
}

const checksumBytes = 4;

function readNode(message: Uint8Array): ObjectNode {
  const children: [string, number][] = [];
  let variable: ObjectNode["variable"];
  for (const { number, bytes } of fieldsIn(message)) {
    if (number === 1) {
      const child: [string, number] = ["", 0];
      for (const field of fieldsIn(bytes)) {
        if (field.number === 1) child[1] = field.value;
        if (field.number === 2) child[0] = decoder.decode(field.bytes);
      }
      children.push(child);
    } else if (number === 2) {
      const texts = new Map<number, string>();
      for (const field of fieldsIn(bytes)) texts.set(field.number, decoder.decode(field.bytes));
      if (texts.get(1) === "VARIABLE_VALUE")
        variable = { key: texts.get(3) ?? "", ownName: texts.get(2) ?? "" };
    }
  }
  return variable === undefined ? { children } : { children, variable };
}
