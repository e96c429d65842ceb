import type { RunHostCalls, ValueQuestion } from "../runSurface";
import { chartParams, maxLines } from "./chartParams";
import { copied } from "./copied";
import { fields, list, nothing, number, type Params, path, shortText } from "./shapes";

const question = fields<ValueQuestion>({ run: shortText, key: shortText, step: number });

export const runParams: Params<RunHostCalls> = {
  ...chartParams,
  ready: nothing,
  open: fields({ path }),
  reload: nothing,
  copy: copied,
  addRuns: nothing,
  removeRun: fields({ run: shortText }),
  valuesAt: fields({ of: list(question, maxLines) }),
};
