import { adapterSample, measurableSample } from "./adapterSample";
import type { EditorSample } from "./editorSample";
import { mixtureSample, modelSample, shardSample } from "./modelSamples";
import { numbersSample } from "./numbersSample";
import {
  brokenSample,
  deletedSample,
  emptySample,
  hostileSample,
  oneTensorSample,
  problemsSample,
} from "./oddSamples";
import {
  eightBitSample,
  emptyOptimizerSample,
  largeOptimizerSample,
  maliciousSample,
  optimizerSample,
  trainingFileSample,
} from "./torchSamples";

/** The checkpoints that the fake host can show. Functions: only the one asked for is made. */
export const editorSamples = {
  adapter: adapterSample,
  measurable: measurableSample,
  model: modelSample,
  shard: shardSample,
  mixture: mixtureSample,
  broken: brokenSample,
  deleted: deletedSample,
  hostile: hostileSample,
  oneTensor: oneTensorSample,
  empty: emptySample,
  problems: problemsSample,
  optimizer: optimizerSample,
  emptyOptimizer: emptyOptimizerSample,
  eightBit: eightBitSample,
  largeOptimizer: largeOptimizerSample,
  trainingFile: trainingFileSample,
  malicious: maliciousSample,
  numbers: numbersSample,
} satisfies Record<string, () => EditorSample>;

export type SampleName = keyof typeof editorSamples;
