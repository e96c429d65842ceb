/** A sentence as it goes on after a colon; one that begins with the name of a file or a class keeps it as it is. */
export function uncapitalised(sentence: string): string {
  return /^[A-Z][a-z]*(?=[\s,.;:]|$)/.test(sentence)
    ? `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
    : sentence;
}
