import type { RunHostCalls, ValueQuestion } from "../runSurface";
import { chartParams, maxLines } from "./chartParams";
import { copied } from "./copied";
import { fields, list, nothing, number, type Params, path, text } from "./shapes";

const question = fields<ValueQuestion>({ run: text, key: text, step: number });

export const runParams: Params<RunHostCalls> = {
  ...chartParams,
  ready: nothing,
  open: fields({ path }),
  reload: nothing,
  copy: copied,
  addRuns: nothing,
  removeRun: fields({ run: text }),
  valuesAt: fields({ of: list(question, maxLines) }),
};
