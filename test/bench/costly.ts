/**
 * `npm run bench:costly [-- NAME]`: what `inspect --json` takes for small files that ask for much, each in a process of
 * its own, slowest first. Needs `npm run build`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CostlyFile, type CostlyFolder, costlyFiles } from "../fuzz/costlyFiles";
import { costlyFolders } from "../fuzz/costlyFolders";
import { projectRoot } from "../support/projectRoot";
import { printTable } from "./measure";

/** What no file of less than a megabyte may take. */
const mostSeconds = 2;
const mostMegabytes = 300;
/** A process that takes longer is ended. */
const patienceMs = 120_000;

/** Prints its own use behind all output. The peak of Linux leaves out what the process was forked from. */
const tellUse = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeSync } from "node:fs";
  process.on("exit", () => {
    const { userCPUTime, maxRSS } = process.resourceUsage();
    let kilobytes = maxRSS;
    try {
      kilobytes = Number(/VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "latin1"))[1]);
    } catch {}
    writeSync(2, "\\nUSE " + userCPUTime / 1e6 + " " + kilobytes / 1000);
  });
`)}`;

interface Cost {
  readonly name: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly megabytes: number;
  readonly printed: number;
  readonly codes: string;
}

/** Writes it, inspects it, and forgets it. */
function measure(folder: string, { name, make }: CostlyFile | CostlyFolder): Cost {
  const made = make();
  const place = join(folder, name);
  const files =
    made instanceof Uint8Array
      ? [[place, made] as const]
      : Object.entries(made).map(([path, bytes]) => [join(place, path), bytes] as const);
  for (const [path, bytes] of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  const program = join(projectRoot, "dist", "cli.js");
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", tellUse, program, "inspect", place, "--json"],
    {
      encoding: "utf8",
      maxBuffer: 1_000_000_000,
      timeout: patienceMs,
    },
  );
  rmSync(place, { recursive: true });
  const [, seconds = Number.NaN, megabytes = Number.NaN] =
    /\nUSE (\S+) (\S+)$/.exec(stderr)?.map(Number) ?? [];
  const codes = new Set([...stdout.matchAll(/"code": *"(\w+)"/g)].map(([, code]) => code));
  return {
    name,
    bytes: files.reduce((sum, [, bytes]) => sum + bytes.length, 0),
    seconds,
    megabytes,
    printed: stdout.length,
    codes: [...codes].slice(0, 3).join(" ") || (stdout === "" ? `${stderr.slice(0, 60)}` : ""),
  };
}

const isDear = ({ seconds, megabytes }: Cost) => !(seconds <= mostSeconds && megabytes <= mostMegabytes);

const [, , wanted = ""] = process.argv;
const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-costly-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const costs: Cost[] = [];
for (const file of [...costlyFiles, ...costlyFolders].filter(({ name }) => name.includes(wanted)))
  costs.push(measure(folder, file));
costs.sort(
  (a, b) =>
    (Number.isNaN(b.seconds) ? Number.POSITIVE_INFINITY : b.seconds) -
    (Number.isNaN(a.seconds) ? Number.POSITIVE_INFINITY : a.seconds),
);
printTable(
  ["file", "kB", "user s", "peak MB", "printed kB", "told"],
  costs.map((cost) => [
    `${cost.name}${isDear(cost) ? " (!)" : ""}`,
    (cost.bytes / 1000).toFixed(0),
    cost.seconds.toFixed(2),
    cost.megabytes.toFixed(0),
    (cost.printed / 1000).toFixed(0),
    cost.codes,
  ]),
);
const dear = costs.filter(isDear).length;
console.log(
  `\n${costs.length} files, ${dear} beyond ${mostSeconds} s of the processor or ${mostMegabytes} MB.`,
);
