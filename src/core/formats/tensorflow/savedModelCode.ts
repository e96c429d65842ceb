import { ByteCursor } from "../../bytes/byteCursor";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { fieldsOf, type ProtobufField } from "../onnx/protobuf";
import type { NamedCode } from "../programs/namedCode";

/** Nodes that are looked at; a large model has some ten thousand. */
const maxNodes = 1_000_000;
const maxOperatorLength = 100;

/** Operators that read, write or list files, talk to others, or call Python. What a restore itself needs is not among them. */
const telling =
  /^(?:ReadFile|WriteFile|MatchingFiles|PyFunc|PyFuncStateless|EagerPyFunc|WholeFileReader\w*|FixedLengthRecordReader\w*|TextLineReader\w*|LoadLibrary\w*|DebugIdentity\w*|RpcCall|TryRpc|CollectiveReduce\w*Send|DataServiceDataset\w*|IO>\w+|WriteSummary|CreateSummaryFileWriter|WriteAudioSummary|SaveDataset\w*|LoadDataset\w*|DumpTensor\w*)$/;

/**
 * What the graph of a SavedModel would do to files and Python when it is run (`saved_model.proto`: 2 meta_graphs,
 * `meta_graph.proto`: 2 graph_def, `graph.proto`: 1 node, 2 library; `function.proto`: 1 function, 3 node_def;
 * `node_def.proto`: 2 op).
 */
export async function savedModelCode(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<readonly NamedCode[]> {
  const cursor = new ByteCursor(source, signal);
  const found = new Set<string>();
  let nodes = 0;
  const below = async (
    outer: Pick<ProtobufField, "start" | "end">,
    path: readonly number[],
  ): Promise<void> => {
    const [wanted, ...rest] = path;
    for await (const field of fieldsOf(cursor, outer.start, outer.end)) {
      if (field.number !== wanted || field.wireType !== 2) continue;
      if (rest.length > 0) {
        await below(field, rest);
        continue;
      }
      const length = Math.min(field.end - field.start, maxOperatorLength);
      const operator = new TextDecoder().decode(await source.read(field.start, length, signal));
      if (telling.test(operator)) found.add(operator);
      if (++nodes > maxNodes) throw new CheckpointError("TooManyNodes", "The graph has too many nodes.");
    }
  };
  const whole = { start: 0, end: source.size };
  try {
    await below(whole, [2, 2, 1, 2]);
    await below(whole, [2, 2, 2, 1, 3, 2]);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
  }
  const by = "TensorFlow runs when the model is called: operators that reach files or Python";
  return [...found].map((name) => ({ name, key: "graph", by }));
}
