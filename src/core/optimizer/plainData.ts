import { ForeignValue } from "../formats/contentValue";
import { mappingOf, sequenceOf } from "../formats/contentView";
import type { FileContent, FormatId } from "../formats/format";
import { keyText } from "../formats/pythonText";
import type { Tensor } from "../tensors/tensor";
import { isDataName, isParameterWord, mayBeParameter } from "./tensorWords";

/** What a file of tensors without a model is: the parts of a data set, features, predictions. */
export function isPlainData({ root, tensors }: FileContent): boolean {
  const given = tensors.get(root);
  if (given !== undefined) return given.layout?.requiresGrad !== true;
  const dict = mappingOf(root);
  if (dict === undefined) return sequenceOf(root) !== undefined;
  // Python 2 wrote keys as bytes: b'data'.
  const names = [...dict.entries()]
    .filter(([, value]) => tensors.has(value))
    .map(([key]) => keyText(key).replace(/^b'(.*)'$/, "$1"));
  if (names.length > 0 && names.every(isDataName)) return true;
  // A table of values under names that nobody gives a parameter: `mean` and `std`, words, speakers.
  const isTable = names.length > 0 && names.length * 2 >= dict.size;
  const all = [...tensors.values()];
  const isTrained = all.some(({ layout }) => layout?.requiresGrad === true);
  if (isTable && !isTrained && !names.some(mayBeParameter)) return true;
  // Arrays of NumPy and JAX deep in a structure, of which no part has a name that a model or a parameter has.
  const isOfNumpy = [...tensors.keys()].every(
    (value) => value instanceof ForeignValue && /^(?:numpy|jax)\./.test(value.qualifiedName),
  );
  return (
    names.length === 0 &&
    all.length > 0 &&
    isOfNumpy &&
    !all.some(({ name }) => name.split(".").some(isParameterWord))
  );
}

/** A file of arrays whose format says nothing of what they are for. */
export interface ArrayFile {
  readonly format: FormatId;
  readonly name: string;
  readonly tensors: readonly Tensor[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** `np.savez` counts what it is given no name for, and people count datasets. */
const counted = /^(?:arr_)?\d+$/;

/** Keras says which layers a file holds, by attributes or by the names of its groups. */
const ofKeras = /^(?:layer_names|weight_names|model_config|keras_version|backend)\d*$/;
const kerasVariable = /(?:^|\/)vars\/\d+$/;

/** Says whose the file is: of single cells (anndata), netCDF, MATLAB, tables of PyTables and pandas. */
const ofOthers =
  /^(?:encoding-type|_NCProperties|Conventions|PYTABLES_FORMAT_VERSION|pandas_version)$|@(?:pandas_type|encoding-type|h5sparse_format)$/;

/**
 * Whether files of arrays (NumPy's and HDF5, and safetensors of integers alone) are data and no model: measurements, features, episodes. They hold
 * anything, and the names alone tell. Where those are numbers, or a file has one array, its own name does.
 */
export function holdsArraysOnly({ format, name, tensors, metadata }: ArrayFile): boolean {
  if (format === "safetensors") return holdsIntegersOnly(tensors);
  if (tensors.length === 0 || (format !== "npy" && format !== "npz" && format !== "hdf5")) return false;
  // What Equinox's users call the leaves of a model.
  if (/\.eqx$/i.test(name)) return false;
  const fileWords = name.replace(/\.\w+$/, "").split(/[.\s-]/);
  if (format === "npy" || tensors.every((tensor) => counted.test(tensor.name)))
    return !fileWords.some(isParameterWord) || tensors.every(({ dtype }) => !isLearned(dtype));
  if (format === "npz") {
    const names = tensors.map((tensor) => tensor.name);
    return (
      names.every(isDataName) ||
      isTableOfColumns(tensors) ||
      !names.some((each) => /[./<]/.test(each) || isParameterWord(each))
    );
  }
  if ([...metadata.keys()].some((key) => ofOthers.test(key))) return true;
  if ([...metadata.keys()].some((key) => ofKeras.test(key))) return false;
  return !tensors.some(
    (tensor) => kerasVariable.test(tensor.name) || tensor.name.split(/[/.]/).some(isParameterWord),
  );
}

/** Token ids, masks and indices: no integer of these is trained, and none bears a name of a model's part, as packed weights do. */
function holdsIntegersOnly(tensors: readonly Tensor[]): boolean {
  return (
    tensors.length > 0 &&
    tensors.every(({ dtype }) => /^(?:[IU](?:16|32|64)|BOOL)$/.test(dtype)) &&
    !tensors.some(({ name }) => name.split(/[/.]/).some(isParameterWord))
  );
}

/** Three or more arrays of one axis and length: what was measured at the same moments, `theta` beside `time`. */
function isTableOfColumns(tensors: readonly Tensor[]): boolean {
  const [first] = tensors;
  const rows = first?.shape[0] ?? 0;
  return (
    tensors.length >= 3 &&
    rows > 1 &&
    tensors.every(({ shape }) => shape.length === 1 && shape[0] === rows) &&
    tensors.some(({ name }) => !isParameterWord(name))
  );
}

/** What a training changes is no integer, but for codes of packed weights. */
function isLearned(dtype: string): boolean {
  return /^(?:F|BF|C|I8|U8)/.test(dtype);
}
