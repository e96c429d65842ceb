import { methodName } from "../adapter/methods/methodTable";
import type { Files } from "../bytes/files";
import { CheckpointError } from "../problem/checkpointError";
import { faultsAmong, type Problem } from "../problem/problem";
import { CheckpointSession } from "../session/checkpointSession";
import { quote } from "../text/quote";
import { fitForPeft } from "./baseFit";
import { type BaseSearch, findBaseModel } from "./baseModel";
import { nameOfBase } from "./baseWeights";
import { fitByNames, hasNamesOfPeft } from "./fitByNames";

/** Where the base model of an adapter is. */
export interface BasePlace extends BaseSearch {
  /** Path that the user gave; else it is the base that the configuration names, where it is on this disk. */
  readonly given?: string | undefined;
  /** Says also that all is well, or that nothing was looked at: for who asked for a verdict. */
  readonly isTold?: boolean;
}

/** Whether an adapter fits its base model. Reads the directory of the base, never its tensors. */
export async function baseProblems(
  files: Files,
  session: CheckpointSession,
  { given, isTold = false, ...search }: BasePlace,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  if (session.adapter === undefined) return [];
  const path = given ?? (await findBaseModel(files, session, search));
  if (path === undefined) return isTold ? notHere(session) : [];
  try {
    const base = await CheckpointSession.open(files, path, () => undefined, signal);
    const isOfPeft = hasNamesOfPeft(session.adapter, session.checkpoint);
    if (!isOfPeft && !isTold) return [];
    const found = isOfPeft ? fitForPeft(session, base) : fitByNames(session, base);
    if (!isTold) return faultsAmong(found);
    return found.length === 0 ? notJudged(session, base) : found;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const { message } = error.toProblem();
    const severity = given === undefined ? "warning" : "error";
    return [
      { severity, code: "BaseUnreadable", message: `The base model ${path} cannot be read: ${message}` },
    ];
  }
}

/** Where it is not on this disk nothing was held against it, which is not the same as that it fits. */
function notHere({ adapter, adapterConfig }: CheckpointSession): readonly Problem[] {
  const name = adapterConfig?.baseModel;
  if (adapter?.dialect !== "peft" || adapter.carriesModel || name === undefined || name === "") return [];
  const message = `The base model ${quote(name)} is not on this disk: whether the adapter fits it was not looked at.`;
  return [{ severity: "info", code: "BaseNotHere", message }];
}

/** Nothing that was found is not that all is well: of some methods no tensor says which module it belongs to. */
function notJudged({ adapter }: CheckpointSession, { checkpoint }: CheckpointSession): readonly Problem[] {
  if (adapter === undefined || adapter.carriesModel) return [];
  const message = `Whether the adapter fits the base ${nameOfBase(checkpoint)} was not checked: no rule for ${methodName(adapter.method)} says where in this base its tensors belong.`;
  return [{ severity: "info", code: "BaseNotChecked", message }];
}
