import { kernelBytes } from "compiled-kernels";
import { usePanelProducts } from "../core/linalg/panels";
import { WasmProducts } from "../kernels/wasmProducts";

/** Products of this thread with SIMD, where the host has it, from the first one on. */
export function useFastProducts(): void {
  usePanelProducts(() => WasmProducts.create(kernelBytes));
}
