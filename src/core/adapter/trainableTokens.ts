import type { Tensor } from "../tensors/tensor";
import type { AdapterConfig } from "./adapterConfig";

/** Rows of an embedding that PEFT trained and keeps as they shall be (peft/tuners/trainable_tokens). */
export function isTokenRows({ name }: Pick<Tensor, "name">): boolean {
  return /\.trainable_tokens_delta\b/.test(name);
}

/** Which rows of an embedding are trained: those listed under its name, or for the input embedding. */
export function tokenRowsOf({ tokenRows }: AdapterConfig, path: string): readonly number[] | undefined {
  const named = [...tokenRows].find(([key]) => key === path || (key !== "" && path.endsWith(`.${key}`)));
  return named?.[1] ?? tokenRows.get("");
}
