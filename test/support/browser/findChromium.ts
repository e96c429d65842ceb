import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { projectRoot, scratchFolder } from "../projectRoot";

/** A Chromium that can be started, with what it needs in its environment. */
export interface ChromiumInstall {
  readonly executablePath: string;
  readonly env: Record<string, string>;
}

const commandNames = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"];
const applicationPaths = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];

function installedChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const onPath = folders.flatMap((folder) => commandNames.map((name) => join(folder, name)));
  return [...onPath, ...applicationPaths].find((file) => existsSync(file));
}

function environment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

/**
 * Unpacks the Chromium of the `@sparticuz/chromium` package. The package's own `executablePath()` unpacks into the
 * shared temporary folder and takes any file it finds there, half-written ones too, so here a folder of our own
 * is filled under another name and then renamed.
 */
async function unpackBundledChromium(): Promise<string> {
  const packageFolder = join(projectRoot, "node_modules", "@sparticuz", "chromium");
  const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as {
    version: string;
  };
  const folder = join(scratchFolder, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  const { inflate } = await import("@sparticuz/chromium");
  mkdirSync(scratchFolder, { recursive: true });
  const staging = mkdtempSync(join(scratchFolder, "unpacking-"));
  const temporary = process.env.TMPDIR;
  process.env.TMPDIR = staging; // where `inflate` writes
  try {
    const archives = ["chromium.br", "fonts.tar.br", "al2023.tar.br"];
    await Promise.all(archives.map((name) => inflate(join(packageFolder, "bin", name))));
  } finally {
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
  }
  writeFileSync(join(staging, "fonts.conf"), fontConfiguration(folder));
  try {
    renameSync(staging, folder);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another process was faster
  }
  return folder;
}

/** The system's fonts where there are any, and the package's own where there are none. */
function fontConfiguration(folder: string): string {
  const fontFolders = ["/usr/share/fonts", "/usr/local/share/fonts", join(folder, "fonts", "fonts")];
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
${fontFolders.map((each) => `  <dir>${each}</dir>`).join("\n")}
  <cachedir>${join(folder, "fonts-cache")}</cachedir>
</fontconfig>
`;
}

/** True where a shared library that the program needs, such as libnss3, is not installed. */
function lacksLibraries(executablePath: string): boolean {
  const { stdout, status } = spawnSync("ldd", [executablePath], { encoding: "utf8" });
  return status !== 0 || stdout.includes("not found");
}

/**
 * CHROME_PATH, else the headless Chromium of the `@sparticuz/chromium` package where it runs, else an installed
 * Chrome or Chromium. An installed one has a whole browser's interface behind each page and takes twice as long.
 */
export async function findChromium(): Promise<ChromiumInstall> {
  const named = process.env.CHROME_PATH;
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) throw new Error(`CHROME_PATH names ${named}, which does not exist.`);
    return { executablePath: named, env: environment() };
  }
  if (process.platform === "linux" && process.arch === "x64") return bundledChromium();
  const installed = installedChromium();
  if (installed !== undefined) return { executablePath: installed, env: environment() };
  throw new Error("No Chrome or Chromium was found. Install one, or name it in the variable CHROME_PATH.");
}

async function bundledChromium(): Promise<ChromiumInstall> {
  const folder = await unpackBundledChromium();
  const executablePath = join(folder, "chromium");
  const env = { ...environment(), FONTCONFIG_FILE: join(folder, "fonts.conf") };
  if (!lacksLibraries(executablePath)) return { executablePath, env };
  const libraries = [join(folder, "al2023", "lib"), process.env.LD_LIBRARY_PATH].filter((path) => path);
  return { executablePath, env: { ...env, LD_LIBRARY_PATH: libraries.join(delimiter) } };
}
