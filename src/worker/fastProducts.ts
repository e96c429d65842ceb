import { kernelBytes, relaxedProductBytes } from "compiled-kernels";
import { useRowMergers } from "../core/base/rowMerger";
import { usePanelProducts } from "../core/linalg/panels";
import { WasmKernels } from "../kernels/wasmKernels";
import { WasmProducts } from "../kernels/wasmProducts";
import { WasmRowMerger } from "../kernels/wasmRowMerger";
import { useNumberKernels } from "./numbers/plainReading";

/** Products, merges and measurements of this thread with SIMD, where the host has it, from the first one on. */
export function useFastProducts(): void {
  usePanelProducts(() => WasmProducts.create(relaxedProductBytes, kernelBytes));
  useNumberKernels(() => WasmKernels.create(kernelBytes));
  useRowMergers(() => WasmRowMerger.create(kernelBytes));
}
