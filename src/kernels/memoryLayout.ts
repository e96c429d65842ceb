/** Where things lie in the kernels' memory, as assembly/memory.ts has it. */
export const layout = {
  results: 0x400,
  levels: 0x500,
  codeLevels: 0x800,
  words: 0x10000,
  bytes: 0x60000,
  doubles: 0x100000,
  codesOut: 0x500000,
  countsOut: 0x900000,
  chunk: 0xd00000,
  otherChunk: 0xe00000,
  /** In the caches of a core, and read as fast as more at once; 1 MiB is there. */
  chunkBytes: 0x40000,
} as const;
