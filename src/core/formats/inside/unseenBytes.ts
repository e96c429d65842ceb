import type { ImportFinding } from "../importFinding";

/** torch's function that unpickles what it is given. */
export const loadFromBytes = "torch.storage._load_from_bytes";

/** Bytes that torch would unpickle, and that could not be looked into: they can hold anything. */
export function unseenBytes(where: string | undefined): ImportFinding {
  return {
    global: `${loadFromBytes} (of bytes that cannot be looked into)`,
    verdict: "dangerous",
    count: 1,
    offset: 0,
    ...(where === undefined ? {} : { where }),
  };
}
