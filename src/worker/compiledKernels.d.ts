/** What the plugin of src/kernels/compileKernels.mjs puts into a bundle. */
declare module "compiled-kernels" {
  /** A WebAssembly module for WasmKernels. */
  export const kernelBytes: Uint8Array;
  /** One for WasmProducts where the host has relaxed SIMD. */
  export const relaxedProductBytes: Uint8Array;
}
