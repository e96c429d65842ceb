import { join } from "node:path";
import { projectRoot } from "./projectRoot";
import { buildExtension, packExtension, readManifest } from "./vscode/packExtension";

/** `npm run package`: builds and packs the extension. */
const { name, version } = readManifest();
const file = `${name}-${version}.vsix`;
if (!buildExtension()) process.exit(1);
const { sizeBytes, listing } = packExtension(join(projectRoot, file));
console.log(listing);
console.log(`${file}: ${(sizeBytes / 1024).toFixed(1)} KiB`);
