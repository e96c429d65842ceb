import type { Tensor } from "./tensor";

/**
 * Tensors that modules register as buffers, by the names that their classes give them: running statistics of norms,
 * tables made from the configuration, masks, observers of quantisation, schedules of diffusion, what spectral norm and
 * vector quantisation keep, and the counters of profilers. Only names that nobody gives a parameter.
 */
const bufferNames: readonly RegExp[] = [
  /(?:^|[._])(?:running_mean|running_var(?:iance)?|num_batches_tracked|position_ids|token_type_ids|inv_freq|anchor_grid)$/,
  /(?:^|\.)batch_stats\./,
  // BatchNorm of Flax' nnx.
  /(?:^|\.)(?:mean|var)\.value$/,
  // The moving average of latent diffusion (LitEma), which stands in the model's own dictionary.
  /(?:^|\.)model_ema\./,
  /(?:^|\.)grid\.\d+$/,
  /(?:^|\.)(?:relative_position_index|relative_coords_table|attn_mask|masked_bias|causal_mask|tril|freqs_cis|cos_cached|sin_cached|cos_cache|sin_cache)$/,
  /(?:^|\.)(?:attn|attention|self_attn|csa|sa)\.mask$/,
  /(?:^|\.)(?:fake_quant_enabled|observer_enabled|zero_point|min_vals?|max_vals?|activation_post_process\.\w+|weight_fake_quant\.(?:scale|eps))$/,
  /(?:^|\.)(?:betas|alphas_cumprod|alphas_cumprod_prev|sqrt_\w*alphas_cumprod|sqrt_\w*alphas\w*_cumprod|log_one_minus_alphas_cumprod|sqrt_recipm1?_alphas_cumprod|posterior_(?:variance|log_variance_clipped|mean_coef[12])|lvlb_weights|p2_loss_weight)$/,
  /(?:^|\.)(?:cluster_size|ema_cluster_size|embed_avg|ema_w|total_ops|total_params|queue|queue_ptr|queue_label)$/,
  /(?:^|\.)(?:mel_basis|mel_fb|fft_window|forward_basis|inverse_basis|window_sum)$/,
];

/** Those of the patterns that hold whatever a name ends with. */
const buffersOfAnyName = /(?:^|\.)(?:batch_stats|model_ema|activation_post_process)\./;

/**
 * The two singular vectors of spectral norm. Weight norm calls its directions `weight_v` as well: they are trained, and
 * have the shape of the weight.
 */
const singularVector = /(?:^|\.)\w*weight_[uv]$/;

type Named = Pick<Tensor, "name" | "shape">;

/** Whether a tensor of a model is known not to be trained: by its name, or because torch gives its dtype no gradient. */
export function isBuffer(tensor: Named & Pick<Tensor, "dtype">): boolean {
  return tensor.dtype === "I64" || tensor.dtype === "BOOL" || isNamedAsBuffer(tensor);
}

export function isNamedAsBuffer({ name, shape }: Named): boolean {
  // As nearly all are called: of a hundred thousand, ten patterns each take a while.
  if ((name.endsWith(".weight") || name.endsWith(".bias")) && !buffersOfAnyName.test(name)) return false;
  if (shape.length === 1 && singularVector.test(name)) return true;
  return bufferNames.some((pattern) => pattern.test(name));
}
