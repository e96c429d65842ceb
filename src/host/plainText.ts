import { printableLines } from "../core/text/printable";

/**
 * Text that holds names and messages of strangers, for messages, quick picks and the tree. VS Code makes links of
 * `[x](command:…)` and icons of `$(x)` in some of these places, so neither is left as it was; what turns the direction
 * of writing or cannot be seen becomes its code.
 */
export function plainText(text: string): string {
  return printableLines(text).replaceAll("](", "] (").replaceAll("$(", "$ (");
}
