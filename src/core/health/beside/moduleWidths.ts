import { joinPath } from "../../bytes/paths";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { OpenedFiles } from "../../checkpoint/openedFiles";
import { type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import { maxConfigBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import { settingsIn } from "./settingsIn";

/**
 * Widths of a module that do not fit what comes in: the pooling's that of the transformer, a dense layer's settings its
 * own weight.
 */
export function moduleWidths(
  type: string,
  name: string,
  settings: JsonObject,
  { config }: Pick<FolderContext, "config">,
  tensors: readonly Tensor[],
): readonly Problem[] {
  const fault = (message: string): Problem[] => [
    { severity: "error", code: "ModuleDisagrees", message: `Module ${name}: ${message}` },
  ];
  if (type === "Pooling") {
    const said =
      jsonNumber(settings.get("word_embedding_dimension")) ?? jsonNumber(settings.get("embedding_dimension"));
    const hidden = jsonNumber(config?.value.get("hidden_size"));
    if (said === undefined || hidden === undefined || said === hidden) return [];
    return fault(
      `its config.json says vectors of ${formatCount(said)} (word_embedding_dimension), the transformer's hidden_size is ${formatCount(hidden)}: modules of two models lie together, and vectors come out at another width than is said.`,
    );
  }
  const weight = tensors.find((one) => one.name === "linear.weight" && one.shape.length === 2);
  if (type !== "Dense" || weight === undefined) return [];
  const [out, inner] = [jsonNumber(settings.get("out_features")), jsonNumber(settings.get("in_features"))];
  if ((out === undefined || out === weight.shape[0]) && (inner === undefined || inner === weight.shape[1]))
    return [];
  return fault(
    `its config.json says ${formatCount(inner ?? 0)} in_features and ${formatCount(out ?? 0)} out_features, linear.weight is ${formatShape(weight.shape)}: sentence-transformers cannot load it (size mismatch).`,
  );
}

/** Architectures that look positions up in a table, and fail beyond its end. */
const positioned = /^(?:bert|roberta|xlm-roberta|camembert|electra|albert|distilbert|mpnet)$/;

/** Texts that are cut at more tokens than the transformer has positions for. */
export async function sequenceLength(
  opened: OpenedFiles,
  { folder, files, config }: FolderContext,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const name = "sentence_bert_config.json";
  const rows = jsonNumber(config?.value.get("max_position_embeddings"));
  const isPositioned = positioned.test(jsonString(config?.value.get("model_type")) ?? "");
  if (rows === undefined || !isPositioned || !files.some((file) => file.name === name)) return [];
  const path = joinPath(folder, name);
  const said = jsonNumber(
    (await settingsIn(opened.files, path, maxConfigBytes, signal))?.get("max_seq_length"),
  );
  if (said === undefined || said <= rows) return [];
  const message = `${name} cuts texts at ${formatCount(said)} tokens (max_seq_length), and the transformer has ${formatCount(rows)} positions (max_position_embeddings): longer texts fail with an index out of range.`;
  return [{ severity: "warning", code: "SequenceTooLong", message, file: path }];
}
