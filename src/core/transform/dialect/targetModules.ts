import type { DialectId } from "../../adapter/dialects/dialect";
import { dottedPath } from "./flatPaths";

/** Dialects that an adapter is converted to. */
export type TargetDialect = "peft" | "kohya" | "diffusers" | "mlx";

/** A module of one of the networks of a pipeline. */
interface PlacedModule {
  /** As diffusers calls it: `unet`, `transformer`, `text_encoder_2`; undefined where the name does not say. */
  readonly network: string | undefined;
  /** Its path in that network, with dots. */
  readonly path: string;
}

/** Why a module has no name in the other dialect, as a sentence. */
export class UnnamedModuleError extends Error {}

const flatName = /^lora_(unet|te\d?|transformer|prior)_(.+)$/;
const networkName = /^(unet|transformer(?:_2)?|text_encoder(?:_\d)?|prior)\.(.+)$/;
/** The layouts of the models' authors, which diffusers calls otherwise. */
const authorsLayout = /^(?:input_blocks|middle_block|output_blocks|double_blocks|single_blocks)\b/;

/**
 * The names of an adapter's modules in another dialect.
 * @param known paths of the base model's modules, which tell what kohya's underscores were.
 * @param isOfOneModel whether the names are paths in one model, as PEFT's are, and not of the networks of a pipeline.
 * @throws UnnamedModuleError
 */
export function targetModules(
  modules: readonly string[],
  from: DialectId,
  to: TargetDialect,
  known: readonly string[] = [],
  isOfOneModel = false,
): readonly string[] {
  const byFlat = new Map(known.map((path) => [path.replaceAll(".", "_"), path]));
  const placed = modules.map((module) =>
    isOfOneModel && isModelsOwn(module, to)
      ? { network: undefined, path: module }
      : place(module, from, byFlat),
  );
  const networks = new Set(placed.map(({ network }) => network));
  const names = placed.map((module) => targetName(module, to, networks));
  const seen = new Map<string, string>();
  for (const [at, name] of names.entries()) {
    const other = seen.get(name);
    if (other !== undefined)
      throw new UnnamedModuleError(`${other} and ${modules[at]} would both be called ${name}.`);
    seen.set(name, modules[at] as string);
  }
  return names;
}

/**
 * Whether what looks like a network of a pipeline is a part of a model: language models, too, have a part that is called
 * transformer (GPT-2's `transformer.h.0`). For PEFT a path is what it is.
 */
function isModelsOwn(module: string, to: TargetDialect): boolean {
  const [, network = "", path = ""] = networkName.exec(module) ?? [];
  return (
    to === "peft" || (network.startsWith("transformer") && !/^(?:single_)?transformer_blocks\b/.test(path))
  );
}

function place(module: string, from: DialectId, byFlat: ReadonlyMap<string, string>): PlacedModule {
  const [, prefix, flat] = (from === "kohya" || from === "lycoris" ? flatName.exec(module) : null) ?? [];
  if (prefix !== undefined && flat !== undefined) {
    const path = byFlat.get(flat) ?? byFlat.get(`${prefix}_${flat}`) ?? dottedPath(flat);
    if (path === undefined)
      throw new UnnamedModuleError(
        `${module} is joined with underscores, and which of them were dots is not known. Name the model with --base.`,
      );
    const encoder = /^te(\d?)$/.exec(prefix);
    // te1 of SDXL and te of the models with one encoder are both diffusers' first.
    const number = encoder?.[1] === "1" ? "" : (encoder?.[1] ?? "");
    return { network: encoder === null ? prefix : `text_encoder${number === "" ? "" : `_${number}`}`, path };
  }
  const [, network, path] = networkName.exec(module) ?? [];
  return network === undefined || path === undefined || from === "mlx"
    ? { network: undefined, path: module }
    : { network, path };
}

function targetName(
  { network, path }: PlacedModule,
  to: TargetDialect,
  networks: ReadonlySet<string | undefined>,
): string {
  switch (to) {
    case "peft":
      if (networks.size > 1)
        throw new UnnamedModuleError(
          `It changes ${[...networks].join(" and ")}, and a PEFT adapter is of one model.`,
        );
      return path;
    case "mlx":
      if (path.startsWith("transformer."))
        throw new UnnamedModuleError(
          `${path} is named as transformers names it, and how mlx-lm names the modules of such models is not known here.`,
        );
      if (network !== undefined)
        throw new UnnamedModuleError(`MLX's adapters are of language models, and ${path} is of ${network}.`);
      return path;
    case "kohya":
      return `lora_${kohyaNetwork(network ?? networkOf(path), networks)}_${path.replaceAll(".", "_")}`;
    case "diffusers":
      if (authorsLayout.test(path))
        throw new UnnamedModuleError(
          `${path} is named as in the code of the model's authors, and diffusers has other modules. Its loader converts such files itself: load this one as it is.`,
        );
      return `${network ?? networkOf(path)}.${path}`;
  }
}

function kohyaNetwork(network: string, networks: ReadonlySet<string | undefined>): string {
  const encoder = /^text_encoder(?:_(\d))?$/.exec(network);
  if (encoder === null) return network;
  const isOneOfMany = [...networks].some((each) => each?.startsWith("text_encoder_"));
  return `te${encoder[1] ?? (isOneOfMany ? "1" : "")}`;
}

/** @throws UnnamedModuleError where the path is of none of the networks that these dialects are made for. */
function networkOf(path: string): string {
  if (
    authorsLayout.test(path) ||
    /^(?:down_blocks|up_blocks|mid_block|time_embedding|add_embedding|conv_in|conv_out)\b/.test(path)
  )
    return "unet";
  if (/^(?:single_)?transformer_blocks\b/.test(path)) return "transformer";
  if (/^text_model\b/.test(path)) return "text_encoder";
  throw new UnnamedModuleError(
    `${path} is no module of a UNet, a diffusion transformer or its text encoders, which are all that this dialect has names for.`,
  );
}
