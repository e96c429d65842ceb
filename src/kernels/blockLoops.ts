import { iq4Levels } from "../core/tensors/ggmlBlocks";
import type { Exports } from "./wasmExports";

interface BlockLoop {
  readonly measure: Extract<keyof Exports, `measure${"Q" | "IQ"}${string}`>;
  /** Where a block has its scales of F16. */
  readonly halvesAt: readonly number[];
  /** Set for codes of 4 bits: what they stand for. */
  readonly levels?: Float32Array;
}

const codeLevels = Float32Array.from({ length: 16 }, (_, code) => code);

/** Types of blocks that have a loop of their own. */
export const blockLoops: ReadonlyMap<string, BlockLoop> = new Map<string, BlockLoop>([
  ["Q4_K", { measure: "measureQ4K", halvesAt: [0, 2], levels: codeLevels }],
  ["Q4_0", { measure: "measureQ4_0", halvesAt: [0], levels: codeLevels.map((code) => code - 8) }],
  ["Q4_1", { measure: "measureQ4_1", halvesAt: [0, 2], levels: codeLevels }],
  ["IQ4_NL", { measure: "measureIQ4NL", halvesAt: [0], levels: iq4Levels }],
  ["IQ4_XS", { measure: "measureIQ4XS", halvesAt: [0], levels: iq4Levels }],
  ["Q5_K", { measure: "measureQ5K", halvesAt: [0, 2] }],
  ["Q5_0", { measure: "measureQ5_0", halvesAt: [0] }],
  ["Q5_1", { measure: "measureQ5_1", halvesAt: [0, 2] }],
  ["Q2_K", { measure: "measureQ2K", halvesAt: [80, 82] }],
  ["Q3_K", { measure: "measureQ3K", halvesAt: [108] }],
  ["Q6_K", { measure: "measureQ6K", halvesAt: [208] }],
  ["Q8_0", { measure: "measureQ8_0", halvesAt: [0] }],
]);
