import { rangeText } from "../adapter/adapterText";
import { baseName, parentPath } from "../bytes/paths";
import { isFolderFormat, type OutputFormat } from "./outputNames";

/** Where a new snapshot is kept, unless the user wants it elsewhere. */
export interface OutputPlace {
  readonly folder: string;
  /** Of the new folder, or with its ending of the new file. */
  readonly name: string;
}

/** Endings of a checkpoint that is one file, or the index of one in shards. */
const weightsFile =
  /\.(?:safetensors|bin|pt|pth|ckpt|pkl|gguf|npz|npy|keras|h5|hdf5|msgpack|onnx|nemo|tar)(?:\.index\.json)?$/;
const stepName = /^(?:checkpoint|ckpt|step|epoch|iter)[-_]?\d+$/i;
const numbered = /^(\d{1,3})([-_. ])/;
const reducedBefore = /[-_]rank-reduction(?:-r[\d-]+)?$/;

/**
 * Beside the snapshot it is made from and named by its stage: `01-svd` is followed by `02-rank-reduction-r4`. The
 * step checkpoints of a numbered stage are followed by the next stage, not by a step.
 * @param identity path that the source goes by (checkpointIdentity)
 */
export function reductionPlace(
  identity: string,
  format: OutputFormat,
  ranks: readonly number[],
): OutputPlace {
  const stage =
    ranks.length === 0 ? "rank-reduction" : `rank-reduction-r${rangeText(ranks).replace("–", "-")}`;
  const { folder, name } = modelPlace(identity, stage);
  return { folder, name: isFolderFormat(format) ? name : `${name}.safetensors` };
}

/** Of a snapshot that is a folder, beside the one it is made from and named by its stage. */
export function modelPlace(identity: string, stage: string): OutputPlace {
  const own = baseName(identity);
  const parent = parentPath(identity);
  const isFile = weightsFile.test(own);
  const isStep = !isFile && stepName.test(own) && numbered.test(baseName(parent));
  const [source, folder] = isStep ? [baseName(parent), parentPath(parent)] : [own, parent];
  const number = isFile ? null : numbered.exec(source);
  const stem = source.replace(weightsFile, "").replace(reducedBefore, "");
  return { folder, name: number === null ? `${stem}-${stage}` : `${nextNumber(number)}${stage}` };
}

/** Of a checkpoint that is saved in another format: a file beside a file, a folder beside a folder. */
export function conversionPlace(identity: string): OutputPlace {
  const own = baseName(identity);
  const folder = parentPath(identity);
  return weightsFile.test(own)
    ? { folder, name: `${own.replace(weightsFile, "")}.safetensors` }
    : { folder, name: `${own}-safetensors` };
}

/** Of an adapter that is extracted from a fine-tuned model: `out/tuned` gives `out/tuned-svd-r16`. */
export function extractionPlace(identity: string, ranks: string): OutputPlace {
  const stem = baseName(identity).replace(weightsFile, "");
  return { folder: parentPath(identity), name: `${stem}-svd-${ranks}` };
}

function nextNumber([, digits = "", separator = ""]: RegExpExecArray): string {
  return String(Number(digits) + 1).padStart(digits.length, "0") + separator;
}
