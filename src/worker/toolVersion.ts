/** Version in package.json, which the build puts in (esbuild.mjs); tests run from the sources. */
export const toolVersion = process.env.CHECKPOINT_EXPLORER_VERSION ?? "from source";
