import { GgufNames } from "../../names/ggufNames";
import type { CheckpointSession } from "../../session/checkpointSession";
import { ggufTwins } from "../../tensors/packed/ggufTwins";
import type { Tensor } from "../../tensors/tensor";
import { notConvertible } from "./notConvertible";

/** Tensors of a GGUF file as transformers names and keeps them. */
export interface TransformersNames {
  readonly tensors: readonly Tensor[];
  /** What was done, as a sentence. */
  readonly rule: string;
  /** Tensors that transformers has not, or whose order nobody knows: they stay as they are. */
  readonly kept: readonly string[];
}

/** @throws CheckpointError `NotConvertible` where it is no GGUF file of an architecture whose names are known. */
export function transformersNames(session: CheckpointSession, tensors: readonly Tensor[]): TransformersNames {
  const { checkpoint } = session;
  if (checkpoint.format !== "gguf")
    throw notConvertible(
      session,
      "Its tensors have no names of GGUF: --names transformers is for GGUF files.",
    );
  const names = GgufNames.of(checkpoint.metadata);
  const twins = names && ggufTwins(tensors, names);
  if (twins?.rule === undefined)
    throw notConvertible(
      session,
      "What transformers calls the tensors of this architecture of GGUF is not known here. Leave --names out to keep their names.",
    );
  const own = new Set(tensors.map(({ name }) => name));
  const kept = twins.tensors.flatMap(({ name }) => (own.has(name) ? [name] : []));
  return { tensors: twins.tensors, rule: twins.rule, kept };
}
