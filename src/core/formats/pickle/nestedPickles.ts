import { maxNestedPickleBytes, maxNestedPickleDepth, maxNestedPickles } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { latin1Bytes } from "../../text/latin1";
import { BytesValue, type ContentValue } from "../contentValue";
import type { ImportFinding } from "../importFinding";
import { type FoundValues, looksLikePickle } from "./foundValues";
import { judgeImports } from "./importReport";
import { encodedText } from "./pickleBytes";
import { unpickle } from "./unpickle";

interface Payload {
  readonly bytes: Uint8Array;
  readonly where: string;
  readonly depth: number;
}

export interface NestedImports {
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

/**
 * Imports of pickles that a value holds as bytes. Only some function that the outer pickle names would load them,
 * but that function may be one that loads pickles for good reasons, so its name alone does not tell.
 */
export function nestedImports(found: FoundValues, where: string | undefined): NestedImports {
  const imports: ImportFinding[] = [];
  const pending = payloadsIn(found, where, 1);
  let bytes = 0;
  let left = 0;
  for (let at = 0; at < pending.length; at++) {
    const payload = pending[at] as Payload;
    bytes += payload.bytes.length;
    if (at >= maxNestedPickles || bytes > maxNestedPickleBytes || payload.depth > maxNestedPickleDepth) {
      left++;
      continue;
    }
    const { inner, found: innerImports } = readPickles(payload);
    for (const finding of innerImports) imports.push(finding);
    for (const values of inner) {
      for (const next of payloadsIn(values, payload.where, payload.depth + 1)) pending.push(next);
    }
  }
  return { imports, problems: left === 0 ? [] : [limitReached(left)] };
}

function limitReached(left: number): Problem {
  const message =
    `${left} more pickles inside of pickles were not looked into: ${maxNestedPickles} of them, ` +
    `${maxNestedPickleDepth} levels and ${maxNestedPickleBytes} bytes in all are the limit. They can hold anything.`;
  return { severity: "warning", code: "NestedPickleLimit", message };
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
  const payloads = [...found.payloads, ...found.byteCalls].map(payloadBytes);
  return payloads.flatMap((bytes) => {
    return bytes !== undefined && looksLikePickle(bytes) ? [{ bytes, where: place, depth }] : [];
  });
}

function payloadBytes(value: ContentValue): Uint8Array | undefined {
  if (value instanceof BytesValue) return value.bytes;
  const text = encodedText(value);
  return typeof text === "string" && text.charCodeAt(0) === 0x80 ? latin1Bytes(text) : undefined;
}
