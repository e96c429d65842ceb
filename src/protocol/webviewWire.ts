/**
 * VS Code carries webview messages as JSON with the ArrayBuffers taken out: NaN and infinities become null,
 * bigint throws, a Map becomes `{}`, and a subarray ships the whole buffer under it. These two put that right.
 *
 * What JSON lacks crosses as an object with one key that begins with `$`. Keys of ours that begin with `$` get
 * another `$` in front, so that no data can be taken for such an object, nor for VS Code's own
 * `$$vscode_array_buffer_reference$$`.
 */

const numberTag = "$number";
const bigintTag = "$bigint";
const undefinedTag = "$undefined";

export function encodeForWebview(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : { [numberTag]: String(value) };
  if (typeof value === "bigint") return { [bigintTag]: String(value) };
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof ArrayBuffer) return value;
  if (ArrayBuffer.isView(value)) return plainView(value);
  if (Array.isArray(value)) return value.map(encodeElement);
  if (value instanceof Map || value instanceof Set) {
    throw new TypeError("A Map or Set does not cross to a webview: send its entries as an array");
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key.startsWith("$") ? `$${key}` : key,
      encodeForWebview(member),
    ]),
  );
}

/** JSON leaves out members that are undefined, which is as good, but makes null of elements. */
function encodeElement(value: unknown): unknown {
  return value === undefined ? { [undefinedTag]: "" } : encodeForWebview(value);
}

export function decodeFromWebview(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value;
  if (Array.isArray(value)) return value.map(decodeFromWebview);
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && typeof only[1] === "string") {
    if (only[0] === numberTag) return Number(only[1]);
    if (only[0] === bigintTag && /^-?\d+$/.test(only[1])) return BigInt(only[1]);
    if (only[0] === undefinedTag) return undefined;
  }
  return Object.fromEntries(
    entries.map(([key, member]) => [key.startsWith("$$") ? key.slice(1) : key, decodeFromWebview(member)]),
  );
}

/** A view that is alone in its buffer and that VS Code knows by name, which Node's Buffer is not. */
function plainView(view: ArrayBufferView): unknown {
  if (view instanceof DataView) throw new TypeError("A DataView does not cross to a webview: send its bytes");
  if (view instanceof Uint8Array)
    return alone(view) && view.constructor === Uint8Array ? view : Uint8Array.from(view);
  if (alone(view)) return view;
  const Constructor = view.constructor as new (buffer: ArrayBuffer) => unknown;
  return new Constructor(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer);
}

function alone(view: ArrayBufferView): boolean {
  return view.byteLength === view.buffer.byteLength;
}
