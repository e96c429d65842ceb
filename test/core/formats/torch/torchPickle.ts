import { type ZipMember, zipFile } from "../../../support/made/zipFile";
import { latin1, little, text } from "../pickle/latin1";

/** Pickles as torch writes them, piece by piece, for what torch 1.13 cannot write itself. */

export const int = (value: number) => `J${little(value, 4)}`;
export const tuple = (...items: readonly string[]) => `(${items.join("")}t`;
export const global = (name: string) =>
  `c${name.slice(0, name.lastIndexOf("."))}\n${name.slice(name.lastIndexOf(".") + 1)}\n`;
export const call = (name: string, ...args: readonly string[]) => `${global(name)}${tuple(...args)}R`;
export const dict = (entries: Readonly<Record<string, string>>) =>
  `}(${Object.entries(entries)
    .map(([key, value]) => text(key) + value)
    .join("")}u`;
export const ints = (...values: readonly number[]) => tuple(...values.map(int));
export const hooks = call("collections.OrderedDict");

export function storage(className: string, key: string, size: number, location = "cpu"): string {
  return `${tuple(text("storage"), global(className), text(key), text(location), int(size))}Q`;
}

export function tensorV2(
  storageText: string,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
  metadata = "",
): string {
  const args = [storageText, int(offset), ints(...shape), ints(...strides), "\x89", hooks, metadata];
  return call("torch._utils._rebuild_tensor_v2", ...args);
}

/** A vector of floats. */
export const floats = (key: string, count: number) =>
  tensorV2(storage("torch.FloatStorage", key, count), [count], [1]);

/** An archive of torch with one pickle and storages by key. */
export function torchArchive(
  pickle: string,
  storages: Readonly<Record<string, Uint8Array>> = {},
  more: readonly ZipMember[] = [],
): Uint8Array<ArrayBuffer> {
  return zipFile([
    { name: "m/data.pkl", data: latin1(`\x80\x02${pickle}.`), descriptor: true },
    ...Object.entries(storages).map(([key, data]) => ({ name: `m/data/${key}`, data, padding: 23 })),
    ...more,
    { name: "m/version", data: latin1("3\n") },
  ]);
}

export const floatBytes = (...values: readonly number[]) => new Uint8Array(new Float32Array(values).buffer);
