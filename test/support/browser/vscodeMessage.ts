/**
 * How VS Code 1.139 carries a message between an extension and a webview (extHostWebviewMessaging.ts, as found in
 * the installed workbench): JSON, with each ArrayBuffer replaced by a reference and shipped whole beside it. Views
 * are known by the name of their constructor, so that a Node Buffer and a DataView are not among them.
 */
const viewTypes = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
];

const referenceKey = "$$vscode_array_buffer_reference$$";

interface Reference {
  readonly index: number;
  readonly view?: { readonly type: string; readonly byteOffset: number; readonly byteLength: number };
}

export interface SerializedMessage {
  readonly message: string;
  readonly buffers: readonly ArrayBufferLike[];
}

export function serialize(message: unknown): SerializedMessage {
  const buffers: ArrayBufferLike[] = [];
  const indexOf = (buffer: ArrayBufferLike) =>
    buffers.includes(buffer) ? buffers.indexOf(buffer) : buffers.push(buffer) - 1;
  const text = JSON.stringify(message, (_key, value: unknown) => {
    if (value instanceof ArrayBuffer) return { [referenceKey]: true, index: indexOf(value) };
    if (!ArrayBuffer.isView(value) || !viewTypes.includes(value.constructor.name)) return value;
    const { byteOffset, byteLength } = value;
    const view = { type: value.constructor.name, byteOffset, byteLength };
    return { [referenceKey]: true, index: indexOf(value.buffer), view };
  });
  return { message: text, buffers };
}

function deserialize({ message, buffers }: SerializedMessage): unknown {
  const copies = buffers.map((buffer) => new Uint8Array(buffer).slice().buffer);
  return JSON.parse(message, (_key, value) => {
    if (typeof value !== "object" || value === null || !value[referenceKey]) return value;
    const { index, view } = value as Reference;
    const buffer = copies[index];
    if (view === undefined) return buffer;
    const View = (globalThis as unknown as Record<string, typeof Uint8Array>)[view.type];
    if (View === undefined || buffer === undefined) throw new Error("A reference to nothing");
    return new View(buffer, view.byteOffset, view.byteLength / View.BYTES_PER_ELEMENT);
  });
}

export function throughVsCode(message: unknown): unknown {
  return deserialize(serialize(message));
}

/** Bytes that cross. */
export function wireSize(message: unknown): number {
  const serialized = serialize(message);
  return serialized.message.length + serialized.buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
