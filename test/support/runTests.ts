import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { resultsFolder } from "./projectRoot";
import { buildExtension } from "./vscode/packExtension";

/**
 * `npm test [-- SUITE…] [VITEST OPTIONS]`: builds, runs the suites one after the other (the machine's cores are
 * for one browser at a time) and ends with one line that counts everything.
 */
const suites = ["unit", "webview", "e2e"] as const;
type Suite = (typeof suites)[number];

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Passed, but not at once: name and first failure of each. */
  readonly atSecond: readonly string[];
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly Assertion[];
  }[];
}

interface Assertion {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages: readonly string[];
}

function isSuite(name: string): name is Suite {
  return (suites as readonly string[]).includes(name);
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function countsOf(report: VitestReport | undefined, exitCode: number): Counts {
  const testResults = report?.testResults ?? [];
  // A file that does not even load has no tests to count, and must not pass for that.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  const failed = (report?.numFailedTests ?? 0) + broken.length;
  const atSecond = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status, failureMessages }) => status === "passed" && failureMessages.length > 0)
    .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0]?.split("\n")[0] ?? ""}`);
  return {
    atSecond,
    passed: report?.numPassedTests ?? 0,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed, // such as a set-up that failed, or an unhandled rejection
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  };
}

function runSuite(suite: Suite, options: readonly string[]): Counts {
  const report = join(resultsFolder, `${suite}.json`);
  rmSync(report, { force: true });
  const args = [
    "run",
    "--project",
    suite,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  console.log(`\n== ${suite} ==`);
  const vitest = join("node_modules", "vitest", "vitest.mjs");
  const started = Date.now();
  const { status } = spawnSync(process.execPath, [vitest, ...args, ...options], { stdio: "inherit" });
  seconds.set(suite, Math.round((Date.now() - started) / 1000));
  return countsOf(readReport(report), status ?? 1);
}

const seconds = new Map<Suite, number>();
const given = process.argv.slice(2);
const named = given.filter(isSuite);
const options = given.filter((argument) => !isSuite(argument));
const wanted: readonly Suite[] = named.length > 0 ? named : suites;
mkdirSync(resultsFolder, { recursive: true });
// Without a build the unit tests, which run from the sources, can still say what is wrong.
const isBuilt = buildExtension();
const counts = wanted.filter((suite) => isBuilt || suite === "unit").map((suite) => runSuite(suite, options));
if (!isBuilt) counts.push({ passed: 0, failed: 1, skipped: 0, atSecond: [] });
const sum = (key: "passed" | "failed" | "skipped") => counts.reduce((total, each) => total + each[key], 0);
const skipped = sum("skipped") > 0 ? `, ${sum("skipped")} skipped` : "";
const times = [...seconds].map(([suite, taken]) => `${suite} ${taken} s`).join(", ");
if (times !== "") console.log(`\n${times}`);
for (const each of counts.flatMap(({ atSecond }) => atSecond)) console.log(`at the second attempt: ${each}`);
console.log(`\n${sum("passed")} passed, ${sum("failed")} failed${skipped}`);
const ranNothing = sum("passed") + sum("failed") + sum("skipped") === 0;
if (ranNothing)
  console.log(`No test was run: no test file of ${wanted.join(", ")} is named ${options.join(" ")}.`);
process.exitCode = sum("failed") > 0 || ranNothing ? 1 : 0;
