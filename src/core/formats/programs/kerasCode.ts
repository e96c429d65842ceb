import { isJsonObject, type JsonObject, type JsonValue, jsonString } from "../../json/parseJson";
import type { NamedCode } from "./namedCode";

const lambda =
  "Keras runs where its safe mode is off or not yet there (before 2.13, and in .h5 files before 3.11.3)";
const imported = "Keras before 3.9 imports and calls, and later versions without their safe mode";

/** Keras's own, whose classes are layers and the like, and whose functions are activations and losses. */
const ownModule = /^(?:keras|tf_keras|tensorflow|keras_nlp|keras_cv|keras_hub)(?:\.|$)/;

/** Parts of Keras that fetch, unpack, or switch its protection off when they are called. */
const harmfulOwn = /^(?:keras|tf_keras)(?:\.src)?\.(?:utils|config|saving|models)(?:\.|$)/;

/** One serialised object of a Keras model: `{module, class_name, config, registered_name}`; a function has its name as config. */
export function kerasCode(object: JsonObject): readonly NamedCode[] {
  const className = jsonString(object.get("class_name"));
  if (className === undefined) return [];
  if (className === "__lambda__" || className === "Lambda")
    return [{ name: "Python code that is kept in the file", key: "Lambda", by: lambda }];
  if (className === "TorchModuleWrapper")
    return [{ name: "a pickle of torch that is kept in the file", key: className, by: lambda }];
  const module = jsonString(object.get("module"));
  if (module === undefined) return [];
  if (className === "function") return functionCode(module, jsonString(object.get("config")) ?? "");
  // Keras calls what a class is named by: its own functions that fetch or unpack as well.
  if (harmfulOwn.test(module) && /^[a-z_]/.test(className))
    return [{ name: `${module}.${className}`, key: "module", by: imported }];
  const files = vocabularyFile(className, object.get("config"));
  if (ownModule.test(module) || module === "builtins") return files;
  return [{ name: `${module}.${className}`, key: "module", by: imported }];
}

/** Layers over words take a path or an address in place of a list, and read it when the model is made. */
function vocabularyFile(className: string, config: JsonValue | undefined): readonly NamedCode[] {
  if (!/^(?:StringLookup|IntegerLookup|IndexLookup|TextVectorization)$/.test(className)) return [];
  const place = isJsonObject(config) ? jsonString(config.get("vocabulary")) : undefined;
  if (place === undefined) return [];
  return [{ name: `what ${place} holds`, key: "vocabulary", by: "Keras before 3.12 opens or fetches" }];
}

function functionCode(module: string, name: string): readonly NamedCode[] {
  // Keras looks names of builtins up among its own; what is not there is not called.
  const isHarmless =
    module === "builtins"
      ? !/^(?:eval|exec|compile|open|__import__|getattr|input)$/.test(name)
      : ownModule.test(module) && !harmfulOwn.test(module);
  return isHarmless ? [] : [{ name: `${module}.${name}`, key: "function", by: imported }];
}
