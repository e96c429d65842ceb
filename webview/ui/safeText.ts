/**
 * Tensor names, paths and metadata come from files that anyone may have made. As text nodes they are never HTML;
 * what is left is text that lies about itself: control characters that hide, invisible ones that make two names
 * look the same, and bidirectional ones that turn what follows around. Each is shown as what it is.
 */
// U+FE0F only makes a character an emoji, so it stays.
const unsafe =
  /(?!\ufe0f)[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu;

export function safeText(text: string): string {
  return text.replace(unsafe, visibleForm);
}

/** A name may also be empty, which is legal and looks like nothing at all. */
export function safeName(name: string): string {
  return name === "" ? "(empty name)" : safeText(name);
}

function visibleForm(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\n") return "\u27e8newline\u27e9";
  if (character === "\t") return "\u27e8tab\u27e9";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/** The same for text that may have lines, such as a metadata value: line breaks and tabs stay. */
export function safeMultilineText(text: string): string {
  return text.replace(unsafe, (character) =>
    character === "\n" || character === "\t" ? character : visibleForm(character),
  );
}
