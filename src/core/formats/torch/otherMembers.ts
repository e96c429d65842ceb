import type { ZipEntry } from "../../bytes/zipDirectory";
import { maxSmallMemberBytes } from "../../problem/limits";
import { numberIn } from "../../text/numberIn";
import type { ContentValue } from "../contentValue";
import { tupleItems } from "../contentView";
import { isFile } from "../inside/look";
import type { FoundValues } from "../pickle/foundValues";
import type { PyPersistentId } from "../pickle/pickleValue";
import { TensorArgs } from "../pickle/records/tensorArgs";
import type { TorchArchive } from "./torchArchive";

/** Texts that torch writes. They are short: a number, a word, or forty digits. */
const smallTexts =
  /(?:^|\/)(?:version|byteorder|\.format_version|\.storage_alignment|\.data\/serialization_id)$/;
const longestText = 64;

/** TorchScript's programs, and what tells their lines, which torch reads with a reader of its own that imports nothing. */
const code = /(?:^|\/)code\/.*\.py$|\.debug_pkl$/;

const storage = /(?:^|\/)(?:data|constants)\/(?=[^./]+$)/;

/**
 * Members of a torch archive that may hold a pickle besides the one that is shown: a second of the same name, constants
 * of TorchScript, arrays of objects, storages to which nothing refers, and whatever else was put there.
 */
export function otherMembers(
  { directory, folder }: TorchArchive,
  shown: ZipEntry | undefined,
  references: FoundValues["persistentIds"],
): readonly ZipEntry[] {
  const keys = new StorageKeys(references, directory.entries.length);
  const data = `${folder}data/`;
  return directory.entries.filter((entry) => {
    const { name, size } = entry;
    // Nearly all are storages that the pickle refers to; of a large model there are a hundred thousand.
    if (name.startsWith(data) && keys.hasEndOf(name, data.length)) return false;
    if (entry === shown || !isFile(entry) || code.test(name)) return false;
    if (smallTexts.test(name) && size <= Math.min(longestText, maxSmallMemberBytes)) return false;
    const found = name.startsWith(folder) ? storage.exec(name) : null;
    return found === null || !keys.hasEndOf(name, found.index + found[0].length);
  });
}

/** Keys that a pickle's references to storages give, as text or number. */
class StorageKeys {
  /** Whether each of the numbers that torch counts storages by is a key. */
  private readonly numbered: Uint8Array;
  private readonly named = new Set<string>();

  constructor(references: FoundValues["persistentIds"], members: number) {
    this.numbered = new Uint8Array(members);
    for (const reference of references) {
      const key = reference instanceof TensorArgs ? reference.key : keyIn(reference);
      if (typeof key === "number" && key >= 0 && key < members) this.numbered[key] = 1;
      else if (typeof key === "string" || typeof key === "number") this.add(String(key));
    }
  }

  private add(key: string): void {
    const number = numberIn(key, 0);
    if (number >= 0 && number < this.numbered.length) this.numbered[number] = 1;
    // With another folder in it, or an ending, it names no storage.
    else if (!key.includes(".") && !key.includes("/")) this.named.add(key);
  }

  /** Whether what a member's name has from `start` on is a key. */
  hasEndOf(name: string, start: number): boolean {
    const number = numberIn(name, start);
    if (number >= 0 && number < this.numbered.length) return this.numbered[number] === 1;
    return this.named.has(name.slice(start));
  }
}

function keyIn({ id }: PyPersistentId): ContentValue | undefined {
  return typeof id === "string" ? /'([^']{1,200})', '[^']{0,200}', \d/.exec(id)?.[1] : tupleItems(id)?.[2];
}
