export interface TarEntry {
  readonly name: string;
  readonly prefix?: string;
  readonly content?: Uint8Array;
  /** `0` is a file, `2` a symbolic link, `5` a folder, `L` a long name of GNU, `x` a record of pax. */
  readonly type?: string;
  readonly link?: string;
  /** Writes the size as GNU tar does from 8 GiB on. */
  readonly base256?: boolean;
}

const blockBytes = 512;

/** A tar archive in the POSIX form (IEEE Std 1003.1, pax: "ustar Interchange Format"). */
export function tarFile(entries: readonly TarEntry[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    const { content = new Uint8Array() } = entry;
    const padded = new Uint8Array(Math.ceil(content.length / blockBytes) * blockBytes);
    padded.set(content);
    return [headerOf(entry, content.length), padded];
  });
  return new Uint8Array(Buffer.concat([...parts, new Uint8Array(2 * blockBytes)]));
}

function headerOf(
  { name, prefix = "", type = "0", link = "", base256 = false }: TarEntry,
  size: number,
): Uint8Array {
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0, 100);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  if (base256) {
    header[124] = 0x80;
    header.writeUInt32BE(size, 132);
  } else header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.fill(" ", 148, 156);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write("ustar\0", 257);
  header.write("00", 263);
  header.write(prefix, 345, 155);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
