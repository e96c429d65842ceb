import { isDangerousGlobal } from "./dangerousGlobals";
import type { PickleImport } from "./importLog";
import { unpickle } from "./unpickle";

/** First opcodes of a protocol 0 or 1 that can lead to an import: `c`, `(` and containers. */
const textOpcodes = new Set([..."c(]}l)dI"].map((letter) => letter.charCodeAt(0)));

const plainName = /^[\w.]+$/;

/** What Python could import: numbers and source code that are read as opcodes name `\x17\x02=` or `mport os`. */
const pythonName = /^[\p{L}\p{N}\p{M}_]+(?:\.[\p{L}\p{N}\p{M}_]+)*$/u;

/**
 * Whether bytes begin a pickle. Protocols from 2 on say so, though in two bytes only, which the length field of a
 * safetensors file may hold as well: an opcode must follow. Earlier protocols say nothing; what imports something
 * by a name that Python could import is taken for one.
 */
export function isPickleHead(head: Uint8Array): boolean {
  if (head.length < 3) return false;
  if (head[0] === 0x80 && (head[1] as number) <= 5) return firstOpcodes.has(head[2] as number);
  if (!firstOpcodes.has(head[0] as number)) return false;
  const { imports, failure } = unpickle(head);
  // Whatever stands around it to look like text: no text imports a way to run code.
  if (imports.some(isWayToRunCode)) return true;
  if (!textOpcodes.has(head[0] as number)) return false;
  // A list of words may begin as an import does, and goes on as nothing that Python would carry out.
  if (failure !== undefined && failure.code !== "TruncatedPickle") return false;
  return (
    imports.length > 0 && imports.every(({ module, name }) => plainName.test(module) && plainName.test(name))
  );
}

/** By a name, not by a number of `copyreg`: of those Python has none, unless an import by name has made one. */
function isWayToRunCode({ module, name }: PickleImport): boolean {
  if (module === "copyreg" && /^extension_-?\d+$/.test(name)) return false;
  return pythonName.test(module) && pythonName.test(name) && isDangerousGlobal(module, name);
}

/** What may follow the protocol: a value, a frame, an import, an empty end, or another protocol. */
const firstOpcodes: ReadonlySet<number> = new Set([
  ...[..."(]}).cNKJMIFGLSTUVXBCPi"].map((letter) => letter.charCodeAt(0)),
  ...[0x80, 0x82, 0x83, 0x84, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x95, 0x96],
]);
