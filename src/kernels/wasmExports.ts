/** What the files of assembly export that measure and compare. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  countBytes(length: number): void;
  foldBytes(): void;
  foldWords(): void;
  countWords(length: number): void;
  takeTable(table: number, size: number): number;
  measureF32(count: number): void;
  measureFiniteF32(count: number): void;
  countZerosF32(count: number): number;
  measureF64(count: number): void;
  measureFiniteF64(count: number): void;
  countPairs(blocks: number, apart: number): void;
  expandCodes(cells: number, cellCodes: number, bits: number, combining: number): void;
  measureRuns64(runs: number): void;
  areHalvesFinite(blocks: number, blockBytes: number, offset: number): number;
  setLevels(): void;
  emptySlots(): void;
  measureQ4K(blocks: number): void;
  measureQ4_0(blocks: number): void;
  measureQ4_1(blocks: number): void;
  measureIQ4NL(blocks: number): void;
  measureIQ4XS(blocks: number): void;
  measureQ5K(blocks: number): void;
  measureQ6K(blocks: number): void;
  measureQ5_0(blocks: number): void;
  measureQ5_1(blocks: number): void;
  measureQ2K(blocks: number): void;
  measureQ3K(blocks: number): void;
  measureQ8_0(blocks: number): void;
  compareF32(count: number): void;
  compareBf16(count: number): void;
  compareF16(count: number): void;
  compareF64(count: number): void;
  compareFiniteF32(count: number): void;
  compareFiniteBf16(count: number): void;
  compareFiniteF16(count: number): void;
}
