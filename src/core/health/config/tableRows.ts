import { type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";

/** A table that is looked up by a number, of which config.json says how many there are. */
interface Table {
  readonly name: RegExp;
  /** Of the architectures, by `model_type`: which setting counts the rows, and how many more the table has. */
  readonly of: Readonly<Record<string, readonly [setting: string, more: number]>>;
}

const bertLike = ["bert", "roberta", "xlm-roberta", "camembert", "electra", "albert", "distilbert", "mpnet"];
const each = (types: readonly string[], setting: string, more = 0): Table["of"] =>
  Object.fromEntries(types.map((type) => [type, [setting, more] as const]));

/** As the classes in transformers' `modeling_*.py` make them. */
const tables: readonly Table[] = [
  {
    name: /(?:^|\.)embeddings\.position_embeddings\.weight$/,
    of: each(bertLike, "max_position_embeddings"),
  },
  {
    name: /(?:^|\.)embeddings\.token_type_embeddings\.weight$/,
    of: each(["bert", "roberta", "xlm-roberta", "camembert", "electra", "albert"], "type_vocab_size"),
  },
  {
    name: /^(?:transformer\.)?wpe\.weight$/,
    of: { ...each(["gpt2"], "n_positions"), ...each(["gpt_neo"], "max_position_embeddings") },
  },
  {
    name: /(?:^|\.)decoder\.embed_positions\.weight$/,
    of: {
      ...each(["opt", "bart", "mbart"], "max_position_embeddings", 2),
      ...each(["whisper"], "max_target_positions"),
    },
  },
  {
    name: /(?:^|\.)encoder\.embed_positions\.weight$/,
    of: each(["whisper"], "max_source_positions"),
  },
];

/** Tables of positions and of kinds of tokens that have other rows than config.json says: loaders stop at the size. */
export function tableRows(json: JsonObject, tensors: readonly Tensor[]): readonly Problem[] {
  const type = jsonString(json.get("model_type")) ?? "";
  return tables.flatMap(({ name, of }): Problem[] => {
    const [setting, more] = of[type] ?? [];
    const said = setting === undefined ? undefined : jsonNumber(json.get(setting));
    const tensor = said === undefined ? undefined : tensors.find((one) => name.test(one.name));
    if (setting === undefined || more === undefined || said === undefined || tensor?.shape.length !== 2)
      return [];
    const rows = tensor.shape[0] ?? 0;
    if (rows === said + more) return [];
    const own = more === 0 ? "" : `, of which ${more} are not counted`;
    const message = `config.json says ${setting} ${said}, ${tensor.name} is ${formatShape(tensor.shape)} (${rows} rows${own}): loaders expect them to agree.`;
    return [{ severity: "warning", code: "ConfigDisagrees", message, tensor: tensor.name }];
  });
}
