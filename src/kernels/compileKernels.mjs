/**
 * Compiles the AssemblyScript of assembly/ to WebAssembly, in memory: nothing is written, so that a clone without a
 * build runs its tests, and a build never holds an old kernel.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const folder = join(fileURLToPath(new URL(".", import.meta.url)), "assembly");
/** What these export, the module exports. */
const entries = [
  "measure.ts",
  "measureBlocks.ts",
  "measureDoubles.ts",
  "measureNibbles.ts",
  "compare.ts",
  "products.ts",
  "merge.ts",
].map((name) => join(folder, name));

/** @returns {Promise<Uint8Array>} a WebAssembly module. @throws {Error} with the compiler's messages. */
export async function compileKernels() {
  let bytes;
  const options =
    "--outFile numbers.wasm --enable simd --optimizeLevel 3 --runtime stub --noAssert --use abort=";
  const memory = "--memoryBase 4096 --initialMemory 241 --maximumMemory 241";
  const { error, stderr } = await asc.main([...entries, ...options.split(" "), ...memory.split(" ")], {
    writeFile: (_name, contents) => {
      bytes = contents;
    },
  });
  if (error || bytes === undefined) throw new Error(`The kernels do not compile.\n${stderr.toString()}`);
  return bytes;
}

/** For esbuild: `import { kernelBytes } from "compiled-kernels"` gives the module's bytes. */
export const kernelsPlugin = {
  name: "kernels",
  setup(build) {
    build.onResolve({ filter: /^compiled-kernels$/ }, ({ path }) => ({ path, namespace: "kernels" }));
    build.onLoad({ filter: /.*/, namespace: "kernels" }, async () => {
      const text = Buffer.from(await compileKernels()).toString("base64");
      const contents = `export const kernelBytes = Buffer.from("${text}", "base64");`;
      return {
        contents,
        loader: "js",
        watchFiles: [
          ...entries,
          ...["blockCodes.ts", "floats.ts", "memory.ts"].map((name) => join(folder, name)),
        ],
      };
    });
  },
};
