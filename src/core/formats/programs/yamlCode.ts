import { isDangerousName, isDottedName, isHarmlessName, type NamedCode } from "./namedCode";
import { isUnexpectedTarget } from "./settingsCode";

const python = "tag:yaml.org,2002:python/";
const loads = "PyYAML imports or calls where the file is loaded other than by safe_load";
const mlflow = "MLflow imports and calls when it loads the model";

/** Tags of plain values. */
const plainTags = /^(?:none|bool|str|unicode|bytes|int|long|float|complex|list|tuple|dict)$/;

const keys: ReadonlyMap<string, { readonly by: string; readonly isTold: (name: string) => boolean }> =
  new Map(
    Object.entries({
      _target_: { by: "Hydra and frameworks over it import and call", isTold: isUnexpectedTarget },
      class_path: { by: "Lightning's command line imports and calls", isTold: isUnexpectedTarget },
      // Models of latent diffusion name their own classes so.
      target: { by: "programs for latent diffusion and NeMo import and call", isTold: isDangerousName },
      loader_module: { by: mlflow, isTold: (name) => !/^mlflow(?:\.[a-z]\w*)*$/.test(name) },
      model_code_path: { by: mlflow, isTold: (name) => name !== "null" && name !== "~" },
      code: { by: mlflow, isTold: (name) => name !== "null" && name !== "~" },
    }),
  );
const onlyOfMlflow: ReadonlySet<string> = new Set(["loader_module", "model_code_path", "code"]);

/**
 * Code that a YAML file names, by its lines and tags: no reader of YAML is needed for that, and none would be as
 * lenient as all of them together. What stands in a text over several lines counts as well.
 */
export function yamlCode(text: string, isMlmodel: boolean): readonly NamedCode[] {
  return [...taggedCode(text), ...keyedCode(text, isMlmodel)];
}

function keyedCode(text: string, isMlmodel: boolean): readonly NamedCode[] {
  const found: NamedCode[] = [];
  const line =
    /(?:^|[\s{,\-?])["']?(\w{4,20})["']?\s{0,20}:[ \t]{1,20}(?:&\w{1,40}\s+)?["']?([^\s"',}#]{1,300})/gm;
  for (const [, key = "", name = ""] of text.matchAll(line)) {
    const rule = keys.get(key);
    if (rule === undefined || onlyOfMlflow.has(key) !== isMlmodel || !rule.isTold(name)) continue;
    found.push({ name, key, by: rule.by });
  }
  return found;
}

/** `!!python/object/apply:os.system`, `!<tag:yaml.org,2002:python/…>`, and handles that a `%TAG` line makes. */
function taggedCode(text: string): readonly NamedCode[] {
  const handles = new Map([["!!", "tag:yaml.org,2002:"]]);
  for (const [, handle = "", prefix = ""] of text.matchAll(/^%TAG\s+(!\w*!?)\s+(\S{1,300})/gm))
    handles.set(handle, prefix);
  const found: NamedCode[] = [];
  for (const [, verbatim, handle = "", suffix = ""] of text.matchAll(
    /(?:^|[\s[{,:\-?])(?:!<([^>\s]{1,400})>|(!\w*!|!)([^\s!,[\]{}]{1,400}))/gm,
  )) {
    const tag = unescaped(verbatim ?? (handles.get(handle) ?? handle) + suffix);
    if (!tag.startsWith(python)) continue;
    const [, kind = "", name = ""] = /^([^:]*):?(.*)$/.exec(tag.slice(python.length)) ?? [];
    if (plainTags.test(kind) || (kind === "object" && isHarmlessName(name))) continue;
    if (isDottedName(name) && isHarmlessName(name)) continue;
    found.push({ name: name === "" ? tag : name, key: `!!python/${kind}`, by: loads });
  }
  return found;
}

/** A tag may write any character as the code of its bytes. */
function unescaped(tag: string): string {
  return tag.replace(/%([0-9A-Fa-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
