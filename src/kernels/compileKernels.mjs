/**
 * Compiles the AssemblyScript of assembly/ to WebAssembly, in memory: nothing is written, so that a clone without a
 * build runs its tests, and a build never holds an old kernel.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const folder = join(fileURLToPath(new URL(".", import.meta.url)), "assembly");
const pathOf = (name) => join(folder, name);
/** What these export, the module exports. */
const entries = [
  "measure.ts",
  "measureBlocks.ts",
  "measureDoubles.ts",
  "measureNibbles.ts",
  "expandCodes.ts",
  "compare.ts",
  "compareHalves.ts",
  "compareIntegers.ts",
  "compareMixed.ts",
  "widen.ts",
  "measureCells.ts",
  "measureByteCells.ts",
  "products.ts",
  "core.ts",
  "merge.ts",
].map(pathOf);

/** @returns {Promise<Uint8Array>} a WebAssembly module. @throws {Error} with the compiler's messages. */
export function compileKernels() {
  return compile(entries, "--enable simd");
}

/** The products alone, for hosts that multiply and add in one instruction (relaxed SIMD, V8 from 11.4 on). */
export function compileRelaxedProducts() {
  return compile(["products.ts", "core.ts"].map(pathOf), "--enable simd --enable relaxed-simd");
}

async function compile(files, features) {
  let bytes;
  const options = `--outFile numbers.wasm ${features} --optimizeLevel 3 --runtime stub --noAssert --use abort=`;
  const memory = "--memoryBase 4096 --initialMemory 241 --maximumMemory 241";
  const { error, stderr } = await asc.main([...files, ...options.split(" "), ...memory.split(" ")], {
    writeFile: (_name, contents) => {
      bytes = contents;
    },
  });
  if (error || bytes === undefined) throw new Error(`The kernels do not compile.\n${stderr.toString()}`);
  return bytes;
}

/** For esbuild: `import { kernelBytes, relaxedProductBytes } from "compiled-kernels"` gives the modules' bytes. */
export const kernelsPlugin = {
  name: "kernels",
  setup(build) {
    build.onResolve({ filter: /^compiled-kernels$/ }, ({ path }) => ({ path, namespace: "kernels" }));
    build.onLoad({ filter: /.*/, namespace: "kernels" }, async () => {
      const modules = {
        kernelBytes: await compileKernels(),
        relaxedProductBytes: await compileRelaxedProducts(),
      };
      const lines = Object.entries(modules).map(([name, bytes]) => {
        const text = Buffer.from(bytes).toString("base64");
        return `export const ${name} = Buffer.from("${text}", "base64");`;
      });
      return {
        contents: lines.join("\n"),
        loader: "js",
        watchFiles: [
          ...entries,
          ...[
            "blockCodes.ts",
            "floats.ts",
            "memory.ts",
            "nibbleBlocks.ts",
            "nibbleCounts.ts",
            "runSlots.ts",
            "runSums.ts",
            "smallBlocks.ts",
          ].map(pathOf),
        ],
      };
    });
  },
};
