/**
 * One rule for every list of names. What all names begin with is said once, above the column. What is left is
 * shown whole where there is room, and else shortened segment by segment: first what tells no name from another
 * goes, then what tells is abbreviated as far as it still does. Numbers and the last segment stay.
 */
export class NameColumn {
  /** What all names begin with, up to a separator; empty where it would save little. */
  readonly prefix: string;
  /** Of the longest name without the prefix, in characters. */
  readonly longest: number;
  private root: Choice | undefined;

  constructor(
    private readonly count: number,
    private readonly nameAt: (index: number) => string,
    /** What stands before a name of a tree, in characters. Such names have no common beginning to be said once. */
    indentAt?: (index: number) => number,
  ) {
    this.prefix = indentAt === undefined ? sharedPrefix(count, nameAt) : "";
    let longest = 0;
    for (let index = 0; index < count; index++)
      longest = Math.max(longest, nameAt(index).length + (indentAt?.(index) ?? 0));
    this.longest = longest - this.prefix.length;
  }

  static of(names: readonly string[]): NameColumn {
    return new NameColumn(names.length, (index) => names[index] ?? "");
  }

  /** The name without the prefix, in at most `room` characters where that can be done. */
  shown(name: string, room: number): string {
    const rest = name.startsWith(this.prefix) ? name.slice(this.prefix.length) : name;
    if (rest.length <= room) return rest;
    this.root ??= this.choices();
    return shorten(segmentsOf(rest), this.root, room);
  }

  /** Characters below which names that differ may look alike. Of very many names some are asked. */
  least(): number {
    const every = Math.max(1, Math.ceil(this.count / mostNamesMeasured));
    let least = 0;
    for (let index = 0; index < this.count; index += every)
      least = Math.max(least, this.shown(this.nameAt(index), 0).length);
    return least;
  }

  /** Which segments follow which, over all names. */
  private choices(): Choice {
    const root: Choice = new Map();
    for (let index = 0; index < Math.min(this.count, mostNamesCompared); index++) {
      let choice = root;
      for (const text of segmentsOf(this.nameAt(index).slice(this.prefix.length))) {
        const next: Choice = choice.get(text) ?? new Map();
        choice.set(text, next);
        choice = next;
      }
    }
    return root;
  }
}

/** A choice of segments, and after each the choice of what follows. */
interface Choice extends Map<string, Choice> {}

/** Of more names no one reads what tells them apart, and the choices would take hundreds of megabytes. */
const mostNamesCompared = 200_000;
/** Names of a list are alike enough for so many to tell how much room all need. */
const mostNamesMeasured = 1000;
/** Less is not worth a reader's second look. */
const shortestPrefix = 6;
/** A prefix of fewer letters than this says nothing to a reader. */
const shortestAbbreviation = 3;
const ellipsis = "…";

function sharedPrefix(count: number, nameAt: (index: number) => string): string {
  if (count < 2) return "";
  const first = nameAt(0);
  let length = lastSeparator(first, first.length);
  for (let index = 1; index < count && length > 0; index++) {
    const name = nameAt(index);
    while (length > 0 && !name.startsWith(first.slice(0, length))) length = lastSeparator(first, length - 1);
  }
  return length < shortestPrefix ? "" : first.slice(0, length);
}

/** One past the last "." or "/" before `end`. A number that all share stays with the names: it says where they are. */
function lastSeparator(text: string, end: number): number {
  return Math.max(text.lastIndexOf(".", end - 1), text.lastIndexOf("/", end - 1)) + 1;
}

/** Kohya writes a module's path with underscores: there they separate, elsewhere they are part of a word. */
const flattened = /_\d+_/;

/** Each ends with its separator, where it has one. */
function segmentsOf(name: string): readonly string[] {
  const parts = name.match(/[^./]*[./]|[^./]+$/g) ?? [];
  return parts.flatMap((part) => (flattened.test(part) ? (part.match(/[^_]*_|[^_]+$/g) ?? []) : [part]));
}

/** Left segments go first: what stands at the right says most. */
function shorten(segments: readonly string[], root: Choice, room: number): string {
  const pieces = [...segments];
  const alternatives = alternativesOf(segments, root);
  const last = segments.length - 1;
  const isKept = (at: number) => at === last || /\d/.test(pieces[at] ?? "");
  for (let at = 0; at < last; at++) {
    if (isKept(at) || (alternatives[at]?.length ?? 0) > 1) continue;
    pieces[at] = ellipsis;
    const text = joined(pieces);
    if (text.length <= room) return text;
  }
  for (let at = 0; at < last; at++) {
    if (isKept(at) || pieces[at] === ellipsis) continue;
    pieces[at] = abbreviated(pieces[at] ?? "", alternatives[at] ?? []);
    const text = joined(pieces);
    if (text.length <= room) return text;
  }
  return joined(pieces);
}

/** What could stand in the place of each segment. */
function alternativesOf(segments: readonly string[], root: Choice): readonly (readonly string[])[] {
  let choice: Choice | undefined = root;
  return segments.map((text) => {
    const here = [...(choice?.keys() ?? [])];
    choice = choice?.get(text);
    return here;
  });
}

/** Neighbours that were left out are one ellipsis, which separates as well. */
function joined(pieces: readonly string[]): string {
  return pieces.join("").replace(/[._/]?…+/g, ellipsis);
}

/** The shortest beginning, or end, that no alternative shares; the segment itself where that saves nothing. */
function abbreviated(segment: string, alternatives: readonly string[]): string {
  const others = alternatives.filter((each) => each !== segment);
  const isTelling = (part: (text: string) => string) => {
    const own = part(segment);
    return others.every((other) => part(other) !== own);
  };
  const word = segment.replace(/[._/]$/, "");
  for (let length = shortestAbbreviation; length < word.length - 1; length++) {
    if (isTelling((text) => text.slice(0, length))) return segment.slice(0, length) + ellipsis;
    const tail = (text: string) => text.replace(/[._/]$/, "").slice(-length);
    if (isTelling(tail)) return ellipsis + tail(segment) + segment.slice(word.length);
  }
  return segment;
}
