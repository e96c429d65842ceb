import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { llama7b, mixtureOfExperts } from "../support/made/largeModels";
import { type VscodeConnection, withVscode } from "../support/vscode/withVscode";
import { Workbench } from "../support/vscode/workbench";
import { ContentWatch } from "./firstContent";
import { formatMs, median, printTable } from "./measure";
import { packOneSentence } from "./oneSentence";
import { writeSparse } from "./sparseModels";

/**
 * `npm run bench:open [-- --peer FILE.vsix ...] [--rounds N]`: from a click on a file in the explorer of a real VS Code to
 * the first of its content on the page: the first file after the window has loaded, a later small one, and one of
 * 23,040 tensors. Another VS Code takes turns with it, whose extension shows one sentence and reads nothing, and one more for each
 * peer. Each file is opened once, so that nobody shows what is kept from before.
 */
const { values: options } = parseArgs({
  options: { peer: { type: "string", multiple: true }, rounds: { type: "string" } },
});
const rounds = Math.max(1, Number(options.rounds ?? 9) || 9);

/** Before a click: what VS Code itself does after it has loaded, and after an editor was closed. */
const afterLoadMs = 4000;
const afterCloseMs = 700;
/** Between the mouse's coming and its click: less than a hand takes. */
const hoverMs = 100;

/** How our side is called. */
const ours = "ours";

const what = ["first", "later", "huge"] as const;
type What = (typeof what)[number];

/** Only who has read the file can say this: how many tensors there are, or what one is called. */
const content = /\b291\b|\b23[,.\s]?040\b|model\.layers\.\d+\./;
/** Whoever shows nothing until then has failed. */
const mostMs = 30_000;
const mostFailures = 3;

const nameOf = (kind: What, round: number) => `${kind}-${round}.safetensors`;

async function writeModels(folder: string): Promise<void> {
  const small = llama7b().map(({ name, dtype, shape }) => ({
    ...{ name, dtype },
    shape: shape.map((size) => size / 32),
  }));
  const like = { metadata: { format: "pt" }, align: 8 };
  for (let round = 1; round <= rounds; round++)
    for (const kind of what) {
      const tensors = kind === "huge" ? mixtureOfExperts() : small;
      await writeSparse(join(folder, nameOf(kind, round)), { ...like, tensors });
    }
}

/** The editor that the installed extension has for such files, which need not be the one that VS Code would take. */
function editorOf(home: string): string {
  for (const name of readdirSync(join(home, "extensions"))) {
    if (name.startsWith(".") || name.endsWith(".json")) continue;
    const manifest = JSON.parse(readFileSync(join(home, "extensions", name, "package.json"), "utf8"));
    const editors: readonly { readonly viewType: string; readonly selector: unknown }[] =
      manifest.contributes?.customEditors ?? [];
    const found = editors.find(({ selector }) => JSON.stringify(selector).includes("safetensors"));
    if (found !== undefined) return found.viewType;
  }
  throw new Error("The extension has no editor for safetensors files.");
}

class Side {
  readonly timesMs: Readonly<Record<What, number[]>> = { first: [], later: [], huge: [] };
  /** What it showed nothing of is not clicked again. */
  private readonly failed = new Set<What>();
  /** By which text of its page each of its files counts as shown, the first time. */
  readonly judgedBy = new Map<What, string>();
  /** Rounds that ended before all was clicked. */
  failures = 0;
  isLeftOut = false;

  private constructor(
    readonly name: string,
    readonly workbench: Workbench,
    private readonly watch: ContentWatch,
  ) {}

  /** In a folder of its own: two windows write their settings there. */
  static async open(name: string, parent: string, { server, browserEndpoint }: VscodeConnection) {
    const workspace = join(parent, name);
    mkdirSync(workspace);
    await writeModels(workspace);
    const settings = { "workbench.editorAssociations": { "*.safetensors": editorOf(server.home) } };
    const window = { workspace, inPlace: true, viewport: { width: 1400, height: 1000 }, settings };
    const workbench = await Workbench.open(window, { server, browserEndpoint });
    return new Side(name, workbench, await ContentWatch.of(workbench.page, content));
  }

  async measure(round: number): Promise<void> {
    await this.workbench.reload();
    await delay(afterLoadMs);
    for (const kind of what) {
      if (this.failed.has(kind)) continue;
      const timeMs = await this.click(kind, round);
      if (timeMs !== undefined) this.timesMs[kind].push(timeMs);
      else await this.fail(kind);
      await this.workbench.closeAllEditors();
      await delay(afterCloseMs);
    }
  }

  private async click(kind: What, round: number): Promise<number | undefined> {
    const row = this.workbench.treeItem(new RegExp(`^${nameOf(kind, round)}`)).first();
    await row.hover();
    await delay(hoverMs);
    const seen = await this.watch.timeOf(() => row.click(), mostMs);
    if (seen !== undefined && !this.judgedBy.has(kind)) this.judgedBy.set(kind, seen.text);
    return seen?.timeMs;
  }

  private async fail(kind: What): Promise<void> {
    const picture = await this.workbench.screenshot(`open-${this.name}-${kind}`);
    if (this.name === ours) throw new Error(`Nothing of a file was shown; see ${picture}.`);
    this.failed.add(kind);
    await this.workbench.page.keyboard.press("Escape"); // what it says of that may be a dialog
    console.log(`${this.name} shows nothing of ${nameOf(kind, 1)}; see ${picture}.`);
  }
}

function report(sides: readonly Side[]): void {
  const words: Readonly<Record<What, string>> = {
    first: "first file, 291 tensors",
    later: "later file, 291 tensors",
    huge: "later file, 23,040 tensors",
  };
  const rows = what.map((kind) => {
    const times = sides.map(({ timesMs }) => timesMs[kind]);
    const cells = times.flatMap((of) =>
      of.length === 0
        ? ["none", ""]
        : [formatMs(median(of)), `${formatMs(Math.min(...of))} to ${formatMs(Math.max(...of))}`],
    );
    const [own = [], ...others] = times;
    const ratios = others.map((of) => (of.length === 0 ? "" : (median(own) / median(of)).toFixed(2)));
    return [words[kind], ...cells, ...ratios];
  });
  const [, ...peers] = sides;
  const header = ["click to content, ms", ...sides.flatMap(({ name }) => [name, "least to most"])];
  printTable([...header, ...peers.map(({ name }) => `ours of ${name}`)], rows);
}

/**
 * On a busy machine VS Code itself now and then answers too late: the next round loads it anew. A peer that goes on
 * failing is left out, and named; without ours there is nothing to tell.
 */
async function measure(side: Side, round: number): Promise<void> {
  if (side.isLeftOut) return;
  try {
    await side.measure(round);
  } catch (error) {
    console.log(`${side.name} failed in round ${round}: ${firstLine(error)}`);
    if (++side.failures < mostFailures) return;
    if (side.name === ours) throw error;
    side.isLeftOut = true;
    console.log(`${side.name} is left out from here on.`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}

async function bench(parent: string, connections: readonly (readonly [string, VscodeConnection])[]) {
  const sides: Side[] = [];
  try {
    for (const [name, connection] of connections) {
      try {
        sides.push(await Side.open(name, parent, connection));
      } catch (error) {
        if (name === ours) throw error;
        console.log(`${name} is left out: ${firstLine(error)}`);
      }
    }
    for (let round = 1; round <= rounds; round++) {
      // Who is first in a round is last in the next.
      for (const side of round % 2 === 0 ? [...sides].reverse() : sides) await measure(side, round);
    }
    report(sides);
    for (const { name, judgedBy } of sides)
      console.log(
        `${name} is judged by ${[...judgedBy].map(([kind, text]) => `${kind}: ${text}`).join("; ")}.`,
      );
    console.log(`Load at the end ${loadavg()[0]?.toFixed(1)}.`);
  } catch (error) {
    // Of a window that is gone there is none, and the reason is what counts.
    for (const { name, workbench } of sides)
      console.error(`See ${await workbench.screenshot(`open-${name}`).catch(() => "no picture")}`);
    throw error;
  } finally {
    for (const { workbench } of sides) await workbench.close().catch(() => undefined);
  }
}

const parent = mkdtempSync(join(tmpdir(), "checkpoint-explorer-open-"));
const connections: [string, VscodeConnection][] = [];

/** A VS Code for each of the packed extensions, all of them running until the end. */
async function withPeers(peers: readonly string[]): Promise<void> {
  const [peer, ...others] = peers;
  if (peer === undefined) return bench(parent, connections);
  const name = basename(peer, ".vsix");
  let isStarted = false;
  const next = async (theirs: VscodeConnection) => {
    isStarted = true;
    connections.push([name, theirs]);
    await withPeers(others);
  };
  try {
    await withVscode(`open-${name}`, next, resolve(peer));
  } catch (error) {
    if (isStarted) throw error;
    console.log(`${name} is left out, its VS Code did not start: ${firstLine(error)}`);
    await withPeers(others);
  }
}

try {
  console.log(
    `Medians of ${rounds} rounds; ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}.`,
  );
  await withVscode("open", async (connection) => {
    connections.push([ours, connection]);
    await withPeers([packOneSentence(join(parent, "sentence-extension")), ...(options.peer ?? [])]);
  });
} finally {
  rmSync(parent, { recursive: true, force: true });
}
