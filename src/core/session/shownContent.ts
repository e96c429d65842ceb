import {
  type ContentNode,
  type ContentPage,
  type ContentPath,
  contentPage,
  rootNode,
} from "../content/contentTree";
import type { FileContent } from "../formats/format";
import { maxShownNameLength } from "../problem/limits";

/** Some of the children of a value, for a page; the whole value as well where the path is empty. */
export function shownContentPage(
  content: FileContent,
  path: ContentPath,
  from: number,
): ContentPage | undefined {
  const page = contentPage(content, path, from);
  if (page === undefined) return undefined;
  const root = path.length === 0 ? { root: shortened(rootNode(content)) } : {};
  return { ...page, ...root, nodes: page.nodes.map(shortened) };
}

/** Keys and names are as long as a file wants them, and a page of them is one message. */
function shortened(node: ContentNode): ContentNode {
  const { key, text, tensor } = node;
  return {
    ...node,
    key: key.slice(0, maxShownNameLength),
    text: text.slice(0, maxShownNameLength),
    ...(tensor === undefined ? {} : { tensor: tensor.slice(0, maxShownNameLength) }),
  };
}
