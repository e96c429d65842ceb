import { maxNestedPickleBytes, maxNestedPickleDepth, maxNestedPickles } from "../../problem/limits";
import { type FoundValues, looksLikePickle } from "./foundValues";
import { type ImportFinding, judgeImports } from "./importReport";
import { latin1Bytes } from "./pickleText";
import { type PickleValue, PyBytes } from "./pickleValue";
import { encodedText } from "./pickleView";
import { unpickle } from "./unpickle";

interface Payload {
  readonly bytes: Uint8Array;
  readonly where: string;
  readonly depth: number;
}

/**
 * Imports of pickles that a value holds as bytes. Only some function that the outer pickle names would load them,
 * but that function may be one that loads pickles for good reasons, so its name alone does not tell.
 */
export function nestedImports(found: FoundValues, where: string | undefined): ImportFinding[] {
  const findings: ImportFinding[] = [];
  const pending = payloadsIn(found, where, 1);
  let bytes = 0;
  for (let count = 0; count < maxNestedPickles; count++) {
    const payload = pending.shift();
    if (payload === undefined) break;
    bytes += payload.bytes.length;
    if (bytes > maxNestedPickleBytes) break;
    const { inner, found: imports } = readPickles(payload);
    findings.push(...imports);
    if (payload.depth >= maxNestedPickleDepth) continue;
    for (const values of inner) pending.push(...payloadsIn(values, payload.where, payload.depth + 1));
  }
  return findings;
}

/** A torch file of before 1.6 is several pickles in a row. */
function readPickles({ bytes, where }: Payload): { inner: FoundValues[]; found: ImportFinding[] } {
  const inner: FoundValues[] = [];
  const found: ImportFinding[] = [];
  for (let start = 0, count = 0; start < bytes.length && count < maxNestedPickles; count++) {
    const { failure, imports, end, found: values } = unpickle(bytes, { start });
    // What fails may be no pickle at all, but bytes that begin like one.
    if (failure === undefined || imports.length > 0) found.push(...judgeImports(imports, where));
    inner.push(values);
    if (failure !== undefined) break;
    start = end;
  }
  return { inner, found };
}

function payloadsIn(found: FoundValues, where: string | undefined, depth: number): Payload[] {
  const inner = "a pickle inside the pickle";
  const place = where === undefined ? inner : `${inner} of ${where}`;
  const payloads = [...found.payloads, ...found.byteCalls].slice(0, maxNestedPickles).map(payloadBytes);
  return payloads.flatMap((bytes) => {
    return bytes !== undefined && looksLikePickle(bytes) ? [{ bytes, where: place, depth }] : [];
  });
}

function payloadBytes(value: PickleValue): Uint8Array | undefined {
  if (value instanceof PyBytes) return value.bytes;
  const text = encodedText(value);
  return typeof text === "string" && text.charCodeAt(0) === 0x80 ? latin1Bytes(text) : undefined;
}
