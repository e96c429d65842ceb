import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { JoinedParameter } from "./joinedParameter";
import { momentName } from "./joinedParameter";
import type { ZeroModel, ZeroPart } from "./zeroModel";

/** What all parts of the model hold together. */
export interface MergedModel {
  readonly parameters: readonly JoinedParameter[];
  readonly others: readonly Tensor[];
  readonly copies: readonly Tensor[];
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * Parts of a pipeline hold other parameters each; parts of tensor parallelism hold a slice of the same ones, which are
 * shown by the rank of the model where nothing says how they were cut.
 */
export function mergeModelParts(
  models: readonly ZeroModel[],
  _parts: readonly ZeroPart[],
  report: (problem: Problem) => void,
): MergedModel {
  const [only] = models;
  if (only !== undefined && models.length === 1) return only;
  const counts = new Map<string, number>();
  for (const model of models) {
    for (const name of new Set(namesIn(model))) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const several = [...counts].filter(([, count]) => count > 1);
  const [example] = several;
  if (example !== undefined) {
    const message = `${formatCount(several.length)} tensors, such as ${quote(example[0])}, are in ${formatCount(models.length)} parts of the model (mp_rank): each part's own is shown, because how they were cut is not told.`;
    report({ severity: "info", code: "ModelParts", message });
  }
  const rename = (model: ZeroModel) => {
    const prefix = `mp_rank_${String(model.modelRank).padStart(2, "0")}.`;
    return (name: string) => ((counts.get(name) ?? 0) > 1 ? prefix + name : name);
  };
  return {
    parameters: models.flatMap((model) => {
      const own = rename(model);
      return model.parameters.map((parameter) => renamed(parameter, own(parameter.name)));
    }),
    others: models.flatMap((model) => {
      const own = rename(model);
      return model.others.map((tensor) => ({ ...tensor, name: own(tensor.name) }));
    }),
    copies: models.flatMap((model) => {
      const own = rename(model);
      return model.copies.map((tensor) => ({ ...tensor, name: own(tensor.name) }));
    }),
    aliases: new Map(
      models.flatMap((model) => {
        const own = rename(model);
        return [...model.aliases].map(([alias, kept]) => [own(alias), own(kept)] as const);
      }),
    ),
  };
}

function namesIn({ parameters, others, copies, aliases }: ZeroModel): string[] {
  return [
    ...parameters.map(({ name }) => name),
    ...others.map(({ name }) => name),
    ...copies.map(({ name }) => name),
    ...aliases.keys(),
  ];
}

function renamed(parameter: JoinedParameter, name: string): JoinedParameter {
  if (name === parameter.name) return parameter;
  const { master, moments } = parameter;
  return {
    ...parameter,
    name,
    master: master && { ...master, name },
    moments: new Map([...moments].map(([key, tensor]) => [key, { ...tensor, name: momentName(name, key) }])),
  };
}
