import { baseName } from "../bytes/paths";
import { codeProblems } from "../formats/programs/namedCode";
import { settingsCode } from "../formats/programs/settingsCode";
import { templateProblem } from "../formats/programs/templateCode";
import { jsonIn } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import type { HealthSubject } from "./healthSubject";

/** Code that a file's own metadata names: a Keras model's description, the chat templates of a GGUF file. */
export function codeInside({ checkpoint: { metadata, path } }: HealthSubject): readonly Problem[] {
  const problems: Problem[] = [];
  const name = baseName(path);
  for (const [key, value] of metadata) {
    if (/^tokenizer\.chat_template/.test(key)) {
      const problem = templateProblem(`The chat template in ${name}`, value, path);
      if (problem !== undefined) problems.push(problem);
    } else if (key === "model_config") {
      const config = jsonIn(value);
      if (config !== undefined)
        problems.push(...codeProblems(`The model's description in ${name}`, settingsCode(config), path));
    }
  }
  return problems;
}
