import { baseName } from "../bytes/paths";
import type { Problem } from "../problem/problem";

/** A finding whose sentence begins with the file that it is about, for lists over several files. */
export function namesItsFile(problem: Problem): Problem {
  const { file, message } = problem;
  const name = file === undefined ? "" : baseName(file);
  if (name === "" || message.includes(name)) return problem;
  const rest = /^(?:The file|This) (.*)$/s.exec(message)?.[1];
  return { ...problem, message: rest === undefined ? `${name}: ${message}` : `${name} ${rest}` };
}
