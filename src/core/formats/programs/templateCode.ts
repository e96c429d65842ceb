import type { Problem } from "../../problem/problem";

/** Longer than any template; the longest of a published model has 20 kB. */
const maxTemplateLength = 1_000_000;

/** Attributes by which Python leads from any value to its modules. */
const hidden =
  /__(?:class|mro|bases?|subclasses|globals|builtins|init|new|import|getattribute|getattr|dict|module|self|func|code|closure|loader|spec|reduce|reduce_ex|call|enter|wrapped|annotations)__/g;
const otherWays: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["attributes by a name that is computed (|attr)", /\|\s*attr\s*\(/],
  ["other files (include, import, extends)", /\{%-?\s*(?:include|import|from|extends)\b/],
  ["commands (popen, system)", /\.\s*(?:popen|system|check_output)\s*\(/],
];

/**
 * A chat template is a program in Jinja, which programs that serve the model render. What an honest one has no use for
 * is named; whether it gets through depends on the sandbox of who renders it.
 */
export function templateProblem(subject: string, template: string, file?: string): Problem | undefined {
  const text = readable(template.slice(0, maxTemplateLength));
  const names = new Set([...text.matchAll(hidden)].map(([name]) => name));
  const told = [...names].slice(0, 5);
  for (const [what, pattern] of otherWays) if (pattern.test(text)) told.push(what);
  if (told.length === 0) return undefined;
  const message =
    `${subject} reaches for ${told.join(", ")}: so templates leave their sandbox and run Python where a program renders them ` +
    "without one (llama-cpp-python before 0.2.72, among others). It was not rendered here.";
  return {
    severity: "warning",
    code: "SuspiciousTemplate",
    message,
    ...(file === undefined ? {} : { file }),
  };
}

/** Texts as Jinja reads them: escapes are undone, and pieces that `~` or `+` join are put together. */
function readable(template: string): string {
  return template
    .replace(/\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})/g, (_, two?: string, four?: string) =>
      String.fromCharCode(Number.parseInt(two ?? four ?? "", 16)),
    )
    .replace(/\\137/g, "_")
    .replace(/(["'])\s{0,20}[~+]?\s{0,20}["']/g, "");
}
