import { CheckpointError } from "../problem/checkpointError";
import { formatBytes } from "../text/quantities";
import { quote } from "../text/quote";
import type { FormatId } from "./format";

/** Names the kind of a file from its first bytes, for files that no reader claims. Names are hints: they lie. */
export function recogniseKind(head: Uint8Array, fileName: string): FormatId {
  if (startsWith(head, "PK\x03\x04")) return zipKind(head, fileName);
  if (startsWith(head, "GGUF")) return "gguf";
  if (hdf5Offsets.some((offset) => startsWith(head.subarray(offset), "\x89HDF\r\n\x1a\n"))) return "hdf5";
  if (startsWith(head, "\x93NUMPY")) return "npy";
  // The magic number 0x1950a86a20f9469cfc6c as a pickled LONG1, with or without a frame before it, or as text.
  if (contains(head.subarray(0, 32), "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"))
    return "torch-legacy";
  if (startsWith(head, "L119547037146038801333356L\n")) return "torch-legacy";
  if (head[0] === 0x80 && head[1] !== undefined && head[1] >= 2 && head[1] <= 5) return "pickle";
  return "unknown";
}

/** Where a superblock may stand: a user block before it has 512 bytes or a power of two beyond (HDF5 spec II.A). */
const hdf5Offsets = [0, 512, 1024, 2048, 4096, 8192];

/** torch names its members `<root>/data.pkl`, NumPy `name.npy`; the first member shows in the head. */
function zipKind(head: Uint8Array, fileName: string): FormatId {
  if (contains(head, "/constants.pkl") || contains(head, "/code/")) return "torchscript";
  if (contains(head, "/data.pkl") || contains(head, "/byteorder") || contains(head, "/version"))
    return "torch-zip";
  if (contains(head.subarray(0, 512), ".npy") || fileName.toLowerCase().endsWith(".npz")) return "npz";
  return "zip";
}

/** Texts that stand for a file which was not fetched, or were saved in front of it. */
const pointers: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  {
    pattern: /^(?:\.\.\/)*(?:\.git\/annex|\/annex)\/objects\//,
    message: "This is a pointer of git-annex, not the weights themselves. Run `git annex get` to fetch them.",
  },
  {
    pattern: /^(?:md5: [\da-f]+\s+frozen: .*\s+)?outs:\s+- (?:md5|hash|etag|size|path): /,
    message: "This is a pointer of DVC, not the weights themselves. Run `dvc pull` to fetch them.",
  },
  {
    pattern: /^HTTP\/\d(?:\.\d)? \d{3}\b/,
    message:
      "The file begins with the headers of an HTTP answer: they were saved with what was fetched. Fetch it again without them.",
  },
];

/** What servers of files answer in plain text in place of one, all of it printable. */
const serverText =
  /^(?:\d{3}:? )?(?:entry not found|repository not found|not found|file not found|forbidden|unauthorized|access (?:to .{1,200} is restricted|denied)|invalid (?:username|credentials|token|request)|bad request|internal server error|bad gateway|service unavailable|gateway time-?out|too many requests|rate limit)[ -~\s]*$/i;

/**
 * Says in plain words what a file is that only looks like a checkpoint: a Git LFS pointer, or an error page that
 * was saved under the model's name. Undefined when it is none of these.
 */
export function diagnoseImpostor(head: Uint8Array): CheckpointError | undefined {
  if (startsWith(head, "version https://git-lfs")) return describeLfsPointer(head);
  const pointer = pointers.find(({ pattern }) => pattern.test(latin1(head.subarray(0, 200))));
  if (pointer !== undefined) return new CheckpointError("PointerFile", pointer.message, 0);
  const text = latin1(head.subarray(0, 512))
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .trimStart();
  if (
    /^<(?:!doctype|html)|^<\?xml[^>]*>\s*(?:<!--.*?-->\s*)*<(?:!doctype )?html|^<\?xml[^>]*>\s*<Error>/is.test(
      text,
    )
  ) {
    const title = /<title>([^<]{1,80})/i.exec(text)?.[1];
    const quoted = title === undefined ? "" : ` ("${title.trim()}")`;
    const message = `This is a web page${quoted}, saved under the name of a checkpoint. The download failed: fetch it again.`;
    return new CheckpointError("WebPage", message, 0);
  }
  if (/^<\?xml/i.test(text)) {
    const isOpenVino = /<net\s/.test(text);
    const message = isOpenVino
      ? "This is an OpenVINO network without its weights, which stand in the .bin file beside it. It is recognised, and not read here."
      : "This is an XML file, not a checkpoint.";
    return new CheckpointError("UnsupportedFormat", message, 0);
  }
  if (/^\{\s*"(error|message|detail)"/.test(text)) {
    const message = `This is a server's error message, not a checkpoint: ${text.slice(0, 120)}. Fetch the file again.`;
    return new CheckpointError("ServerError", message, 0);
  }
  if (serverText.test(text)) {
    const shown = text.slice(0, 120).trim();
    const message = `This is what a server answered, ${JSON.stringify(shown)}, saved under the name of a checkpoint. The download failed: fetch it again.`;
    return new CheckpointError("ServerError", message, 0);
  }
  if (startsWith(head, "SQLite format 3\0")) return describeSqlite(head);
  if (startsWith(head, "7z\xbc\xaf\x27\x1c")) {
    const message = "This is a 7z archive, into which nothing here can look. Unpack it only if you trust it.";
    return new CheckpointError("SevenZip", message, 0);
  }
  return diagnoseTar(head);
}

/** The first page lists the tables with the text that made each (sqlite.org/fileformat2.html §2.6). */
function describeSqlite(head: Uint8Array): CheckpointError {
  const tables = [...latin1(head).matchAll(/CREATE TABLE (?:IF NOT EXISTS )?["`[]?(\w{1,64})/gi)]
    .map(([, name]) => name ?? "")
    .filter((name, at, all) => !name.startsWith("sqlite_") && all.indexOf(name) === at);
  const has = (...names: readonly string[]) => names.every((name) => tables.includes(name));
  const owner = has("metrics", "experiments", "runs")
    ? " of MLflow, with the metrics of its runs"
    : has("trials", "studies")
      ? " of Optuna, with its trials"
      : has("metrics")
        ? " with a table of metrics, as trackio keeps its runs"
        : "";
  const listed = tables.length === 0 ? "" : ` Its tables: ${tables.slice(0, 8).map(quote).join(", ")}.`;
  const message = `This is an SQLite database${owner}. It is recognised, and not opened here.${listed}`;
  return new CheckpointError("SqliteDatabase", message, 0);
}

const tarMagicOffset = 257;
const tarBlockBytes = 512;

/** torch before 0.1.10 (2017) wrote a tar of these. */
const oldTorchMembers: ReadonlySet<string> = new Set(["sys_info", "pickle", "tensors", "storages"]);

function diagnoseTar(head: Uint8Array): CheckpointError | undefined {
  if (!startsWith(head.subarray(tarMagicOffset), "ustar")) return undefined;
  const names: string[] = [];
  for (let at = 0; at + tarBlockBytes <= head.length && names.length < 8; ) {
    const block = head.subarray(at, at + tarBlockBytes);
    if (!startsWith(block.subarray(tarMagicOffset), "ustar")) break;
    // The settings of pax stand in front of the members that they are for.
    if (!/[gx]/.test(latin1(block.subarray(156, 157))))
      names.push(latin1(block.subarray(0, 100)).replace(/\0.*$/s, ""));
    const size = Number.parseInt(latin1(block.subarray(124, 136)), 8);
    if (!Number.isSafeInteger(size) || size < 0) break;
    at += tarBlockBytes * (1 + Math.ceil(size / tarBlockBytes));
  }
  if (names.some((name) => oldTorchMembers.has(name))) {
    const message =
      "This is a file of torch before 0.1.10 (2017), a tar archive whose headers are damaged. " +
      "Fetch it again, or load it with torch in Python, if you trust it, and save it again.";
    return new CheckpointError("OldTorchTar", message, 0);
  }
  const first = names[0] === undefined || names[0] === "" ? "" : ` Its first member is ${quote(names[0])}.`;
  const message = `This is a tar archive, not a checkpoint.${first} Unpack it and open what is in it.`;
  return new CheckpointError("TarArchive", message, 0);
}

/** A file with nothing in it, for files of which nothing else is known. */
export function diagnoseBlank(head: Uint8Array): CheckpointError | undefined {
  if (head.length === 0) {
    const message = "The file is empty (0 bytes). The save was interrupted before anything was written.";
    return new CheckpointError("EmptyFile", message, 0);
  }
  if (head.length >= 16 || latin1(head).trim() !== "") return undefined;
  const message = `The file holds ${formatBytes(head.length)} of white space and nothing else. The save or the download failed.`;
  return new CheckpointError("BlankFile", message, 0);
}

/** https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: `version`, `oid`, `size` lines. */
function describeLfsPointer(head: Uint8Array): CheckpointError {
  const size = /^size (\d{1,15})$/m.exec(latin1(head.subarray(0, 1024)))?.[1];
  const real = size === undefined ? "" : ` The real file has ${formatBytes(Number(size))}.`;
  const message = `This is a Git LFS pointer, not the weights themselves.${real} Run \`git lfs pull\` in the repository to fetch it.`;
  return new CheckpointError("GitLfsPointer", message, 0);
}

/**
 * A binary file that went through a text conversion: every byte from 0x80 became U+FFFD, so the whole is valid
 * UTF-8 and holds EF BF BD. Only asked once reading has failed: text files may hold it rightly.
 */
export function isTextMangled(bytes: Uint8Array): boolean {
  if (!contains(bytes, "\xef\xbf\xbd")) return false;
  try {
    // A stream, because the sample may end inside a character.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

export function textMangledError(): CheckpointError {
  const message =
    "The file was damaged by a text conversion: its bytes above 0x7F were replaced. " +
    "Mark such files as binary in .gitattributes and fetch an undamaged copy.";
  return new CheckpointError("TextMangled", message, 0);
}

function startsWith(bytes: Uint8Array, magic: string): boolean {
  if (bytes.length < magic.length) return false;
  for (let index = 0; index < magic.length; index++) {
    if (bytes[index] !== magic.charCodeAt(index)) return false;
  }
  return true;
}

function contains(bytes: Uint8Array, needle: string): boolean {
  const first = needle.charCodeAt(0);
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (startsWith(bytes.subarray(at), needle)) return true;
  }
  return false;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
