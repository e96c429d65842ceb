import type { Plugin } from "esbuild";

export function compileKernels(): Promise<Uint8Array>;
export function compileRelaxedProducts(): Promise<Uint8Array>;
export const kernelsPlugin: Plugin;
