import type { Tensor } from "../../tensors/tensor";

/**
 * The shape of each tensor of a module, by the end of its name, as PEFT makes them (tuners/METHOD/layer.py). A word is a
 * size that is the same wherever it stands: `r` the rank, `out` and `in` the weight's own, `set` a number of the
 * configuration. `_` is any size, `*` any number of further ones. `n_skills·r` is the product of numbers of the
 * configuration. Numbers in the end of a name are `#`.
 */
export type ModuleShapes = Readonly<Record<string, string>>;

interface MethodShapes {
  /** Where a module may be made in several ways: the first that names all of its tensors counts. */
  readonly forms: readonly ModuleShapes[];
  /** Tensors that all modules share, which stand below `base_model.` alone. */
  readonly shared?: ModuleShapes;
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
  ["VERA", { forms: [{ lambda_b: "out", lambda_d: "r" }], shared: { A: "r _", B: "_ r" } }],
  ["HIRA", { forms: [{ A: "r in *", B: "out r *" }] }],
  ["HRA", { forms: [{ u: "in r" }] }],
  ["DELORA", { forms: [{ A: "r in", B: "out r", lambda: "_", w_norm: "in" }] }],
  [
    "RANDLORA",
    { forms: [{ lambda: "r n", gamma: "n _", A: "r _ _", B: "_ _ r" }], shared: { A: "r _ _", B: "_ _ r" } },
  ],
  ["C3A", { forms: [{ kernel: "_ _ set" }], setBy: ["block_size"] }],
  ["FOURIERFT", { forms: [spectrum], setBy: ["n_frequency"] }],
  ["WAVEFT", { forms: [spectrum], setBy: ["n_frequency"] }],
  [
    "VBLORA",
    {
      forms: [{ logits_A: "r _ set", logits_B: "_ r set" }],
      setBy: ["num_vectors"],
      shared: { vector_bank: "num_vectors·1 vector_length·1" },
    },
  ],
  ["UNILORA", { forms: [], shared: { theta_d: "theta_d_length·1" } }],
  ["DEFT", { forms: [{ P: "out r", R: "r in" }] }],
  [
    "POLY",
    {
      forms: [
        {
          lora_A: "n_splits·1 n_skills·1 _ r",
          lora_B: "n_splits·1 n_skills·1 r _",
          "router.module_logits": "n_tasks·1 n_splits·n_skills",
        },
      ],
    },
  ],
  ["BOFT", { forms: [{ R: "_ _ set set", s: "out _" }], setBy: ["boft_block_size"] }],
  ["PVERA", { forms: [{ lambda_b: "out", lambda_d: "2·r" }], shared: { A: "2·r _", B: "_ r" } }],
  ["LILY", { forms: [{ A: "r in", B: "num_B·r out", router: "num_B·1 r" }] }],
  ["PEANUT", { forms: [{ A: "r out", B: "out r", "encoders.#": "r r", "decoders.#": "r r" }] }],
  ["TINYLORA", { forms: [{ A: "r in", B: "out r", P: "u·1 r r" }], shared: { "v.#": "u·1", v: "u·1" } }],
  ["OFT", { forms: [{ R: "_ _" }] }],
  ["ROAD", { forms: [{ theta: "n", alpha: "n" }] }],
  ["SHIRA", { forms: [{ weight: "n", indices: "_ n" }] }],
  ["SUPERTUNING", { forms: [{ values: "n", indices: "n" }] }],
  ["FROD", { forms: [{ lambda_l: "_", lambda_s_values: "_" }] }],
  ["OSF", { forms: [{ "svd_params.U_low": "out k", "svd_params.S_low": "k", "svd_params.V_low": "k in" }] }],
  ["GRALORA", { forms: [{ A: "gralora_k·1 _ r", B: "gralora_k·1 r _" }] }],
  [
    "GLORA",
    {
      forms: [
        {
          "A.Xd": "out r",
          "A.Xu": "r in",
          "A.X": "*",
          "A.zeros": "out in",
          "B.Xd": "out r",
          "B.Xu": "r in",
          "B.X": "*",
          "B.zeros": "out in",
          "C.Xd": "in r",
          "C.Xu": "r _",
          "C.X": "in _",
          "C.zeros": "in _",
          "D.X": "*",
          "D.zeros": "out",
          "E.X": "*",
          "E.zeros": "out",
        },
      ],
    },
  ],
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
  const pattern = new RegExp(`^(.+)\\.${word}_(?:embedding_)?(\\w[\\w.]*?)(?:\\.weight)?$`);
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

/** The tensors that all modules of a method share, as one module of its own. */
export function sharedTensors(method: string, tensors: readonly Tensor[]): ShapedModule {
  const pattern = new RegExp(`^base_model\\.${method.toLowerCase()}_(\\w[\\w.]*)$`);
  const own = tensors.flatMap((tensor) => {
    const end = pattern.exec(tensor.name)?.[1];
    return end === undefined ? [] : [[end, tensor] as const];
  });
  return { path: "base_model", tensors: new Map(own) };
}

const numbered = (end: string) => end.replace(/\.\d+(?=\.|$)/g, ".#");

/** The first form that names all tensors of a module, by their ends as they stand. */
function formOf(
  method: string,
  tensors: ShapedModule["tensors"],
  isShared: boolean,
): ModuleShapes | undefined {
  const { forms = [], shared } = shapesOfMethod.get(method) ?? {};
  const own = isShared ? [shared ?? {}] : forms;
  return own.find((shapes) => [...tensors.keys()].every((end) => numbered(end) in shapes));
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

/**
 * The first size of a module that is at odds with its other tensors, or with the sizes that are known.
 * @param known What the configuration says of a word; nothing where it does not.
 */
export function oddSize(
  method: string,
  { tensors, path }: ShapedModule,
  known: (word: string) => readonly number[],
): OddSize | undefined {
  const form = formOf(method, tensors, path === "base_model");
  if (form === undefined) return undefined;
  const seen = new Map<string, readonly [number, Tensor]>();
  for (const [end, tensor] of tensors) {
    const dims = (form[numbered(end)] ?? "").split(" ");
    const isOpen = dims.at(-1) === "*";
    const count = isOpen ? dims.length - 1 : dims.length;
    // Another number of dimensions is another way of making it, which is not known.
    if (isOpen ? tensor.shape.length < count : tensor.shape.length !== count) return undefined;
    for (const [at, word] of dims.slice(0, count).entries()) {
      const size = tensor.shape[at] as number;
      if (word === "_") continue;
      const allowed = known(word);
      const [first] = allowed;
      if (first !== undefined && !allowed.includes(size))
        return { tensor, word, size, expected: first, beside: undefined };
      const [other, beside] = seen.get(word) ?? [size, tensor];
      if (other !== size) return { tensor, word, size, expected: other, beside };
      seen.set(word, [size, tensor]);
    }
  }
  return undefined;
}

/** How many inputs or outputs a module changes, where one of its tensors tells. */
export function sideOf(
  method: string,
  { tensors }: ShapedModule,
  side: "in" | "out",
  variant?: string,
): number | undefined {
  const form = formOf(method, tensors, false);
  for (const [end, { shape }] of tensors) {
    const dims = (form?.[numbered(end)] ?? "").split(" ");
    const at = dims.indexOf(side);
    if (at >= 0 && (dims.at(-1) === "*" || dims.length === shape.length)) return shape[at];
  }
  if (method === "ROAD" && side === "out") return outputsOfRoad(tensors.get("theta"), variant);
  if (method === "OFT" && side === "in") return inputsOfOft(tensors.get("R"));
  // Rotations of blocks: as many inputs as all blocks of a factor are wide.
  const [, blocks, size] = (method === "BOFT" && tensors.get("R")?.shape) || [];
  return side === "in" && blocks !== undefined && size !== undefined ? blocks * size : undefined;
}

/** How many angles there are for each output. */
const anglesOfRoad: ReadonlyMap<string, number> = new Map([
  ["road_1", 1 / 2],
  ["road_2", 1],
  ["road_4", 2],
]);

function outputsOfRoad(theta: Tensor | undefined, variant = ""): number | undefined {
  const [each, size] = [anglesOfRoad.get(variant), theta?.shape[0]];
  return each === undefined || size === undefined ? undefined : size / each;
}

/** Blocks of b · (b − 1) / 2 values rotate b inputs each; a single one may rotate all of them (block_share). */
function inputsOfOft(rotations: Tensor | undefined): number | undefined {
  const [blocks = 0, values = 0] = rotations?.shape ?? [];
  const size = (1 + Math.sqrt(1 + 8 * values)) / 2;
  return blocks < 2 || rotations?.shape.length !== 2 || !Number.isInteger(size) ? undefined : blocks * size;
}

/** Whether a rule knows all tensors of each module of a method, or what the modules share. */
export function isHeld(method: string, tensors: readonly Tensor[]): boolean {
  const modules = shapedModules(method, tensors) ?? [];
  const shared = sharedTensors(method, tensors).tensors;
  if (modules.length + shared.size === 0) return false;
  return (
    modules.every((module) => formOf(method, module.tensors, false) !== undefined) &&
    (shared.size === 0 || formOf(method, shared, true) !== undefined)
  );
}

/** Whether a size of the method's tensors is that of its rank. */
export function holdsRank(method: string): boolean {
  const { forms = [], shared = {} } = shapesOfMethod.get(method) ?? {};
  return [...forms, shared].some((shapes) =>
    Object.values(shapes).some((dims) => dims.split(/[ ·]/).includes("r")),
  );
}

/** The keys of the configuration that say the size called `set`. */
export function settingsOf(method: string): readonly string[] {
  return shapesOfMethod.get(method)?.setBy ?? [];
}
