import { realNames } from "../realNames";
import { adapterSample, factorlessSample, measurableSample } from "./adapterSample";
import { distributedSample } from "./distributedSample";
import type { EditorSample } from "./editorSample";
import { mixtureSample, modelSample, shardSample } from "./modelSamples";
import { namedAdapter, namedModel } from "./namedSamples";
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
  handWrittenSample,
  largeOptimizerSample,
  maliciousSample,
  optimizerSample,
  trainingFileSample,
} from "./torchSamples";

/** The checkpoints that the fake host can show. Functions: only the one asked for is made. */
export const editorSamples = {
  adapter: adapterSample,
  distributed: distributedSample,
  factorless: factorlessSample,
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
  optimizer: () => optimizerSample(),
  emptyOptimizer: emptyOptimizerSample,
  eightBit: eightBitSample,
  largeOptimizer: largeOptimizerSample,
  trainingFile: trainingFileSample,
  handWritten: handWrittenSample,
  malicious: maliciousSample,
  numbers: numbersSample,
  peft7b: () => namedAdapter("adapter of PEFT for a model of 7B"),
  kohya: () => namedAdapter("LoRA of kohya"),
  deepseek: () => namedModel("experts of DeepSeek"),
  diffusers: () => namedModel("UNet of diffusers"),
  optimizerOfUNet: () => optimizerSample(realNames["UNet of diffusers"]),
  optimizerTensors: () => namedModel("state of an optimizer"),
} satisfies Record<string, () => EditorSample>;

export type SampleName = keyof typeof editorSamples;
