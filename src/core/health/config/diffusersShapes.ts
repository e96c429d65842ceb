import { type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { formatShape } from "../../tensors/tensor";
import { type HealthSubject, isWhole } from "../healthSubject";

interface Side {
  readonly setting: string;
  readonly name: RegExp;
  readonly axis: 0 | 1;
}

const input: Side = { setting: "in_channels", name: /^conv_in\.weight$/, axis: 1 };
const crossed: Side = {
  setting: "cross_attention_dim",
  name: /\.attn2\.to_k\.weight$/,
  axis: 1,
};

/** By `_class_name`, what the settings of diffusers' models say of their first and last layers. */
const models: Readonly<Record<string, readonly Side[]>> = {
  UNet2DConditionModel: [input, { setting: "out_channels", name: /^conv_out\.weight$/, axis: 0 }, crossed],
  UNet2DModel: [input, { setting: "out_channels", name: /^conv_out\.weight$/, axis: 0 }],
  ControlNetModel: [input, crossed],
  AutoencoderKL: [
    { setting: "in_channels", name: /^encoder\.conv_in\.weight$/, axis: 1 },
    { setting: "out_channels", name: /^decoder\.conv_out\.weight$/, axis: 0 },
    { setting: "latent_channels", name: /^decoder\.conv_in\.weight$/, axis: 1 },
  ],
};

/** Weights of another variant than the configuration beside them, as of inpainting (9 channels) or of another text encoder. */
export function diffusersShapes(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder, adapter } = subject;
  const json = folder.config?.value;
  if (json === undefined || adapter !== undefined || !isWhole(subject)) return [];
  if (!/^diffusion_pytorch_model\b/.test(checkpoint.name)) return [];
  const sides = models[jsonString(json.get("_class_name")) ?? ""] ?? [];
  return sides.flatMap((side): Problem[] => {
    const said = saidOf(json, side);
    const tensor =
      said === undefined ? undefined : checkpoint.tensors.find(({ name }) => side.name.test(name));
    // Packed weights have shapes of their own.
    if (tensor === undefined || said === undefined || !/^(?:F|BF)\d+$/.test(tensor.dtype)) return [];
    const actual = tensor.shape[side.axis];
    if (actual === said) return [];
    const message = `config.json says ${side.setting} ${said}, ${tensor.name} is ${formatShape(tensor.shape)} (${actual}): weights and configuration are of two variants, and diffusers does not load them.`;
    return [
      { severity: "error", code: "ConfigDisagrees", message, file: checkpoint.path, tensor: tensor.name },
    ];
  });
}

function saidOf(json: JsonObject, { setting }: Side): number | undefined {
  // What comes from the encoder is projected first, and attention need not be crossed.
  const isOther =
    setting === "cross_attention_dim" &&
    (json.get("encoder_hid_dim") ?? json.get("encoder_hid_dim_type") ?? null) !== null;
  return isOther ? undefined : jsonNumber(json.get(setting));
}
