import type { ParameterShapes } from "./modelStates";

/** How DeepSpeed names an expert that a process has; each counts its own from 0 (runtime/engine.py `_save_moe_checkpoint`). */
const localExpert = /^(.*\.deepspeed_moe\.experts\.deepspeed_experts\.)(\d{1,6})(\..*)?$/;

/** Parameters of the experts of one expert-parallel rank, numbered over all ranks as in the experts' own files. */
export function expertNames(shapes: ParameterShapes, expertRank: number): ParameterShapes {
  const localCount = [...shapes.keys()].reduce((most, name) => {
    const number = localExpert.exec(name)?.[2];
    return number === undefined ? most : Math.max(most, Number(number) + 1);
  }, 0);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const [, before, number, behind = ""] = localExpert.exec(name) ?? [];
      // No name that tells its expert: the rank is then what tells them apart.
      if (before === undefined) return [`expert_rank_${expertRank}.${name}`, shape];
      return [`${before}${Number(number) + expertRank * localCount}${behind}`, shape];
    }),
  );
}
