import { convertReport, convertText, planReport, planText } from "../core/report/convertReport";
import { convert, planConversion } from "../core/transform/model/convert";
import { exactnessOf } from "../core/transform/model/exactness";
import { defineCommand, jsonFlag, onePath, openSession } from "./command";
import { convertAdapterTo } from "./convertAdapter";
import { makeOptions } from "./flags/makeOptions";
import { modelFlags, outOf, readModelFlags } from "./flags/modelFlags";
import { UsageError } from "./usageError";

const dialects = ["peft", "kohya", "diffusers", "mlx"] as const;
const layouts = ["fused", "single"] as const;
const parts = ["model", "optimizer", "all"] as const;

export const convertCommand = defineCommand({
  usage:
    "convert SRC --to safetensors --out PATH [--dtype f32|f16|bf16] [--only model|optimizer|all] [--without optimizer|model] [--names transformers] [--experts fused|single] [--rename FROM=TO] [--metadata KEY=VALUE] [--max-shard-size 5GB] [--dry-run] [--replace] [--json]\n  checkpoint-explorer convert ADAPTER --to peft|kohya|diffusers|mlx --out PATH [--rank N | --energy SHARE] [--base MODEL] [--dtype D] [--dry-run] [--replace] [--json]",
  options: {
    ...jsonFlag,
    ...modelFlags,
    to: { type: "string" },
    only: { type: "string" },
    without: { type: "string" },
    rank: { type: "string" },
    energy: { type: "string" },
    base: { type: "string" },
    names: { type: "string" },
    experts: { type: "string" },
    rename: { type: "string", multiple: true },
    metadata: { type: "string", multiple: true },
  },
  async run(paths, values) {
    const path = onePath(paths);
    const dialect = dialects.find((each) => each === values.to);
    if (dialect !== undefined) return convertAdapterTo(path, dialect, values);
    if (values.to !== undefined && values.to !== "safetensors")
      throw new UsageError(`--to takes safetensors, ${dialects.join(", ")}, not "${values.to}".`);
    if (values.rank !== undefined || values.energy !== undefined || values.base !== undefined)
      throw new UsageError(`--rank, --energy and --base are for adapters: --to ${dialects.join("|")}.`);
    const only = partOf(values);
    if (values.names !== undefined && values.names !== "transformers")
      throw new UsageError(`--names takes transformers, not "${values.names}".`);
    const experts = layouts.find((layout) => layout === values.experts);
    if (values.experts !== undefined && experts === undefined)
      throw new UsageError(`--experts takes ${layouts.join(" or ")}, not "${values.experts}".`);
    const { dtype, maxShardBytes, replace } = readModelFlags(values);
    const renames = (values.rename ?? [])
      .map((text) => pairOf("rename", text))
      .map(([from, to]) => ({ from, to }));
    const metadata = new Map((values.metadata ?? []).map((text) => pairOf("metadata", text)));
    const named = values.names === undefined ? {} : ({ names: "transformers" } as const);
    const laid = experts === undefined ? {} : { experts };
    const options = { only, renames, metadata, ...named, ...laid, ...(dtype === undefined ? {} : { dtype }) };
    const source = await openSession(path);
    if (values["dry-run"]) {
      const plan = await planConversion(source, options);
      const exactness = await exactnessOf(source, plan, { dtype });
      return {
        report: () => planReport(plan, exactness),
        text: () => planText(plan, exactness, dtype),
      };
    }
    const { out, ...make } = makeOptions({ out: outOf(values), replace });
    const converted = await convert({ ...make, source, options, path: out, maxShardBytes });
    return { report: () => convertReport(converted), text: () => convertText(converted) };
  },
});

/** @throws UsageError for a part that is none, and where two are said that leave nothing. */
function partOf({
  only,
  without,
}: {
  readonly only?: string | undefined;
  readonly without?: string | undefined;
}) {
  if (without !== undefined && without !== "optimizer" && without !== "model")
    throw new UsageError(`--without takes optimizer or model, not "${without}".`);
  const part = parts.find((each) => each === (only ?? (without === "model" ? "optimizer" : "model")));
  if (part === undefined) throw new UsageError(`--only takes ${parts.join(", ")}, not "${only}".`);
  if (part === without) throw new UsageError(`--only ${part} --without ${part} leaves nothing.`);
  if (part === "all" && without !== undefined) return without === "model" ? "optimizer" : "model";
  return part;
}

function pairOf(option: string, text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UsageError(`--${option} takes two texts with = between them, not "${text}".`);
}
