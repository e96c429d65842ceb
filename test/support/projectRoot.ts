import { join } from "node:path";

/**
 * The folder of package.json. Taken from the working directory, because this code runs from its source in Vitest
 * and from a bundle elsewhere in the scripts; every npm script starts in that folder.
 */
export const projectRoot = process.cwd();

/** Everything made by a run that nobody wants to keep: the VS Code server, its user data, copies of workspaces. */
export const scratchFolder = join(projectRoot, ".vscode-test");

/** Pictures, traces and reports of a test run. */
export const resultsFolder = join(projectRoot, "test-results");
