import type { BrokenLink } from "../bytes/files";
import { quote } from "../text/quote";
import { classifyEntry } from "./parts";

/** What trainers and people call a link to one of several checkpoints. */
const namedCheckpoint =
  /^(?:checkpoint|ckpt|global_?step|step|iter|epoch)[-_=]?(?:\d|last|latest|best|final)|(?:^|[-_.])(?:last|latest|best|final)(?:$|[-_.])/i;

/** Those of the links that lead nowhere which stand for a checkpoint or a part of one. */
export function lostParts(links: readonly BrokenLink[]): readonly BrokenLink[] {
  return links.filter(({ name }) => {
    const { part } = classifyEntry({ name, kind: "file" });
    return part === "other" || part === "log" ? part === "other" && namedCheckpoint.test(name) : true;
  });
}

/** A sentence about a link that leads nowhere. */
export function brokenLinkText({ name, target }: BrokenLink): string {
  return `${name} is a link to ${quote(target)}, which is not there.`;
}
