import { startWorker } from "../worker/startWorker";
import { runCommandLine } from "./commandLine";

/**
 * What `dist/worker.js` and `dist/cli.js` each call one of. They are one bundle, because both are made of the same core,
 * which the extension's package would else carry twice.
 */
export const engine = { startWorker, runCommandLine };
