import { kernelBytes, relaxedProductBytes } from "compiled-kernels";
import { useRowMergers } from "../core/base/rowMerger";
import { usePanelProducts } from "../core/linalg/panels";
import { WasmProducts } from "../kernels/wasmProducts";
import { WasmRowMerger } from "../kernels/wasmRowMerger";

/** Products and merges of this thread with SIMD, where the host has it, from the first one on. */
export function useFastProducts(): void {
  usePanelProducts(() => WasmProducts.create(relaxedProductBytes, kernelBytes));
  useRowMergers(() => WasmRowMerger.create(kernelBytes));
}
