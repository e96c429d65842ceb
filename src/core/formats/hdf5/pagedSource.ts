import { type ByteSource, checkRange } from "../../bytes/byteSource";

const pageBytes = 16 * 1024;
const maxPages = 1024;

/**
 * A source whose bytes are fetched and kept by pages, oldest use first out. For formats whose directory is strewn over
 * the file in pieces of some bytes each, many of which lie side by side.
 */
export class PagedSource implements ByteSource {
  private readonly pages = new Map<number, Promise<Uint8Array>>();

  constructor(private readonly source: ByteSource) {}

  get size(): number {
    return this.source.size;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(this, offset, length);
    signal?.throwIfAborted();
    if (length > pageBytes) return this.source.read(offset, length, signal);
    const first = Math.floor(offset / pageBytes);
    const last = Math.floor((offset + Math.max(1, length) - 1) / pageBytes);
    const start = offset - first * pageBytes;
    const page = await this.page(first);
    if (first === last) return page.slice(start, start + length);
    const result = new Uint8Array(length);
    result.set(page.subarray(start));
    result.set((await this.page(last)).subarray(0, length - (page.length - start)), page.length - start);
    return result;
  }

  /** Not cancelled by one reader's signal: the next reader of the page wants it as well. */
  private page(index: number): Promise<Uint8Array> {
    let page = this.pages.get(index);
    this.pages.delete(index);
    if (page === undefined) {
      const offset = index * pageBytes;
      page = this.source.read(offset, Math.min(pageBytes, this.source.size - offset));
      const [oldest] = this.pages.keys();
      if (this.pages.size >= maxPages && oldest !== undefined) this.pages.delete(oldest);
    }
    this.pages.set(index, page);
    return page;
  }
}
