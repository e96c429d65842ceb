import type { Handlers } from "../../../../src/protocol/channel";
import type { CompareHostCalls } from "../../../../src/protocol/compareSurface";

type BaseCalls = "baseModel" | "chooseBaseModel" | "compareWithBase" | "intruders";

/** The extension where no base model is known before the user chooses one; it has a weight of one module alone. */
export function fakeBases(): Pick<Handlers<CompareHostCalls>, BaseCalls> {
  const chosen = new Map<string, string>();
  let module = "";
  return {
    baseModel: ({ path }) => chosen.get(path),
    chooseBaseModel: ({ path }) => {
      chosen.set(path, "/models/chosen");
      return chosen.get(path);
    },
    compareWithBase: () => ({
      modules: [{ module, weight: `${module}.weight`, norm: 0.246, baseNorm: 20, ratio: 0.0123 }],
      ratio: 0.0312,
      problems: [],
    }),
    intruders: ({ module: asked }) => {
      module = asked;
      const direction = { singularValue: 9.31, cosine: 0.12, bound: 0, verdict: "intruder" as const };
      return { exact: true, directions: [direction], compared: 256 };
    },
  };
}
