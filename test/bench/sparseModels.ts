import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deepSeek, indexText, llama7b, mixtureOfExperts } from "../support/made/largeModels";
import { dataSizeOf, type FileSpec, fileHead } from "../support/made/safetensorsFile";

/** Files of real sizes that take almost no disk: the data are a hole. */
export interface SparseModels {
  readonly llama: string;
  readonly experts: string;
  readonly deepSeek: string;
}

export async function writeSparseModels(folder: string): Promise<SparseModels> {
  const shardFolder = join(folder, "deepseek");
  await mkdir(shardFolder, { recursive: true });
  const paths = {
    llama: join(folder, "llama.safetensors"),
    experts: join(folder, "experts.safetensors"),
    deepSeek: join(shardFolder, "model.safetensors.index.json"),
  };
  const like = { metadata: { format: "pt" }, align: 8 };
  await writeSparse(paths.llama, { ...like, tensors: llama7b() });
  await writeSparse(paths.experts, { ...like, tensors: mixtureOfExperts() });
  const shards = deepSeek();
  for (const { name, tensors } of shards) await writeSparse(join(shardFolder, name), { ...like, tensors });
  const totalSize = shards.reduce((sum, shard) => sum + dataSizeOf(shard), 0);
  await writeFile(paths.deepSeek, indexText(shards, totalSize));
  return paths;
}

export async function writeSparse(path: string, spec: FileSpec): Promise<void> {
  const file = await open(path, "w");
  try {
    const head = fileHead(spec);
    await file.write(head);
    await file.truncate(head.length + dataSizeOf(spec));
  } finally {
    await file.close();
  }
}
