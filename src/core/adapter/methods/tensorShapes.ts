import type { Tensor } from "../../tensors/tensor";

/**
 * The shape of each tensor of a module, by the end of its name, as PEFT makes them (tuners/METHOD/layer.py). A word is a
 * size that is the same wherever it stands: `r` the rank, `out` and `in` the weight's own, `set` a number of the
 * configuration. `_` is any size, `*` any number of further ones.
 */
export type ModuleShapes = Readonly<Record<string, string>>;

interface MethodShapes {
  /** Where a module may be made in several ways: the first that names all of its tensors counts. */
  readonly forms: readonly ModuleShapes[];
  /** Keys of the configuration that `set` may be, where it is not 0. */
  readonly setBy?: readonly string[];
}

const plainHada = { w1_a: "out r", w1_b: "r in", w2_a: "out r", w2_b: "r in" };
const tuckerHada = { t1: "r r *", w1_a: "r out", w1_b: "r _", t2: "r r *", w2_a: "r out", w2_b: "r _" };
const firstOfLokr = { w1: "_ _", w1_a: "_ r", w1_b: "r _" };
const spectrum = { spectrum: "set" };

const shapesOfMethod: ReadonlyMap<string, MethodShapes> = new Map<string, MethodShapes>([
  ["LOHA", { forms: [plainHada, tuckerHada] }],
  [
    "LOKR",
    {
      forms: [
        { ...firstOfLokr, w2: "_ _ *", w2_a: "_ r", w2_b: "r _" },
        { ...firstOfLokr, w2: "_ _ *", t2: "r r *", w2_a: "r _", w2_b: "r _" },
      ],
    },
  ],
  ["VERA", { forms: [{ lambda_b: "out", lambda_d: "r" }] }],
  ["HIRA", { forms: [{ A: "r in *", B: "out r *" }] }],
  ["HRA", { forms: [{ u: "in r" }] }],
  ["DELORA", { forms: [{ A: "r in", B: "out r", lambda: "_", w_norm: "in" }] }],
  ["RANDLORA", { forms: [{ lambda: "r n", gamma: "n _" }] }],
  ["C3A", { forms: [{ kernel: "_ _ set" }], setBy: ["block_size"] }],
  ["FOURIERFT", { forms: [spectrum], setBy: ["n_frequency"] }],
  ["WAVEFT", { forms: [spectrum], setBy: ["n_frequency"] }],
  ["VBLORA", { forms: [{ logits_A: "r _ set", logits_B: "_ r set" }], setBy: ["num_vectors"] }],
  ["DEFT", { forms: [{ P: "out r", R: "r in" }] }],
  ["POLY", { forms: [{ lora_A: "_ _ _ r", lora_B: "_ _ r _" }] }],
  ["BOFT", { forms: [{ R: "_ _ set set", s: "_ _" }], setBy: ["boft_block_size"] }],
  ["PVERA", { forms: [{ lambda_b: "out", lambda_d: "_" }] }],
  ["LILY", { forms: [{ A: "r in", B: "_ out", router: "*" }] }],
  ["PEANUT", { forms: [{ A: "r _", B: "_ r" }] }],
  ["TINYLORA", { forms: [{ A: "r in", B: "out r", P: "_ r r" }] }],
  ["MISS", { forms: [{ block: "r *" }] }],
  ["BONE", { forms: [{ block: "r *" }] }],
]);

const words: Readonly<Record<string, string>> = { LOHA: "hada", POLY: "poly", HIRA: "hira" };

/** A module of a method and its tensors by the end of their names, e.g. `w1_a` of `X.hada_w1_a`. */
export interface ShapedModule {
  /** As the file writes it. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The modules of a method of which it is known what shapes their tensors have; undefined for other methods. */
export function shapedModules(
  method: string,
  tensors: readonly Tensor[],
): readonly ShapedModule[] | undefined {
  if (!shapesOfMethod.has(method)) return undefined;
  const word = words[method] ?? method.toLowerCase();
  const pattern = new RegExp(`^(.+)\\.${word}_(?:embedding_)?(\\w+?)(?:\\.weight)?$`);
  const found = new Map<string, { path: string; tensors: Map<string, Tensor> }>();
  for (const tensor of tensors) {
    const [, path, end] = pattern.exec(tensor.name) ?? [];
    // Random matrices and banks that all modules share stand below no module.
    if (path === undefined || end === undefined || path === "base_model") continue;
    const module = found.get(path) ?? { path, tensors: new Map() };
    found.set(path, module.tensors.has(end) ? module : { path, tensors: module.tensors.set(end, tensor) });
  }
  return [...found.values()];
}

/** What one size of a module must be and is not. */
export interface OddSize {
  readonly tensor: Tensor;
  readonly word: string;
  readonly size: number;
  /** What it is elsewhere: in another tensor of the module, or in the configuration. */
  readonly expected: number;
  /** The tensor that has the expected size; undefined where the configuration says it. */
  readonly beside: Tensor | undefined;
}

/** The first size of a module that is at odds with its other tensors, or with the sizes that are known. */
export function oddSize(
  method: string,
  { tensors }: ShapedModule,
  known: ReadonlyMap<string, readonly number[]>,
): OddSize | undefined {
  const forms = shapesOfMethod.get(method)?.forms ?? [];
  const form = forms.find((shapes) => [...tensors.keys()].every((end) => end in shapes));
  if (form === undefined) return undefined;
  const seen = new Map<string, readonly [number, Tensor]>();
  for (const [end, tensor] of tensors) {
    const dims = (form[end] ?? "").split(" ");
    const isOpen = dims.at(-1) === "*";
    const count = isOpen ? dims.length - 1 : dims.length;
    // Another number of dimensions is another way of making it, which is not known.
    if (isOpen ? tensor.shape.length < count : tensor.shape.length !== count) return undefined;
    for (const [at, word] of dims.slice(0, count).entries()) {
      const size = tensor.shape[at] as number;
      if (word === "_") continue;
      const allowed = known.get(word);
      const [first] = allowed ?? [];
      if (first !== undefined && allowed?.includes(size) === false)
        return { tensor, word, size, expected: first, beside: undefined };
      const [other, beside] = seen.get(word) ?? [size, tensor];
      if (other !== size) return { tensor, word, size, expected: other, beside };
      seen.set(word, [size, tensor]);
    }
  }
  return undefined;
}

/** How many inputs or outputs a module changes, where one of its tensors tells. */
export function sideOf(method: string, { tensors }: ShapedModule, side: "in" | "out"): number | undefined {
  const forms = shapesOfMethod.get(method)?.forms ?? [];
  const form = forms.find((shapes) => [...tensors.keys()].every((end) => end in shapes));
  for (const [end, { shape }] of tensors) {
    const dims = (form?.[end] ?? "").split(" ");
    const at = dims.indexOf(side);
    if (at >= 0 && (dims.at(-1) === "*" || dims.length === shape.length)) return shape[at];
  }
  // Rotations of blocks: as many inputs as all blocks of a factor are wide.
  const [, blocks, size] = (method === "BOFT" && tensors.get("R")?.shape) || [];
  return side === "in" && blocks !== undefined && size !== undefined ? blocks * size : undefined;
}

/** The keys of the configuration that say the size called `set`. */
export function settingsOf(method: string): readonly string[] {
  return shapesOfMethod.get(method)?.setBy ?? [];
}
