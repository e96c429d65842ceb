import type { Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { quoteSome } from "../text/quote";

/** diffusers names a row by its token; the web UI, sd-scripts and SDXL's two encoders in these ways. */
const rowName = /^(?:<.+>|string_to_param\.(.+)|emb_params|clip_[lg])$/;

/** "Textual inversion: <cat>": rows of an embedding that were trained for new tokens, and no model. */
export function textualInversion(tensors: readonly Tensor[]): string | undefined {
  const rows = tensors.filter(({ name, shape }) => rowName.test(name) && shape.length <= 2);
  if (rows.length === 0 || rows.length < tensors.length) return undefined;
  const named = rows.map(({ name }) => rowName.exec(name)?.[1] ?? name).filter((name) => name !== "*");
  const tokens = named.filter((name) => !/^(?:emb_params|clip_[lg])$/.test(name));
  if (tokens.length === 0) return "Textual inversion of a token";
  return `Textual inversion of ${plural(tokens.length, "token")}: ${quoteSome(tokens)}`;
}
