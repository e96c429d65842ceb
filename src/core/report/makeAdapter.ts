import type { FileSink } from "../bytes/fileSink";
import type { Files } from "../bytes/files";
import { CheckpointSession } from "../session/checkpointSession";
import type { WritableDtype } from "../tensors/encode";
import { type ExtractResult, extractAdapter } from "../transform/extract";
import type { ExtractionRule } from "../transform/extractionRank";
import type { FactorWork } from "../transform/factorQueue";
import { type ReducedAdapter, reduceAdapter } from "../transform/reduce";
import { openReduceSource } from "../transform/reduceSource";
import type { ReductionOptions } from "../transform/reductionPlan";

/** Where results go, and what they say of their making. */
export interface MakeOptions extends FactorWork {
  readonly files: Files;
  readonly sink: FileSink;
  /** A folder; for kohya's and diffusers' adapters the file. */
  readonly out: string;
  readonly replace: boolean;
  readonly dtype?: WritableDtype;
  readonly toolVersion: string;
  readonly now: Date;
}

/** On the command line no user has set a stage: only files speak. */
const noUserStage = () => undefined;

/**
 * `reduce PATH`: opens, plans and writes.
 * @throws CheckpointError with a code: `NotFound`, `NotReducible`, `Exists`, `WrongResult`, …
 */
export async function reduceCheckpoint(
  path: string,
  options: ReductionOptions,
  make: MakeOptions,
): Promise<ReducedAdapter> {
  const { out, ...rest } = make;
  const session = await CheckpointSession.open(make.files, path, noUserStage, make.signal);
  const source = await openReduceSource(session, make);
  return reduceAdapter({ ...rest, source, options, path: out });
}

/**
 * `extract BASE TUNED`.
 * @throws CheckpointError with a code: `NotFound`, `NothingToExtract`, `Exists`, …
 */
export async function extractCheckpoint(
  basePath: string,
  tunedPath: string,
  rule: ExtractionRule,
  saveOthers: boolean,
  make: MakeOptions,
): Promise<ExtractResult> {
  const { out, ...rest } = make;
  const open = (path: string) => CheckpointSession.open(make.files, path, noUserStage, make.signal);
  const [base, tuned] = [await open(basePath), await open(tunedPath)];
  return extractAdapter({ ...rest, base, tuned, rule, saveOthers, path: out });
}
