/**
 * What honest checkpoints import (formats.md §2 counts them over 404 real files): constructors that are modelled
 * here, and classes of widely used libraries that only hold data. Calling one of these does no harm; none is called.
 */
const exact: ReadonlySet<string> = new Set([
  ...["OrderedDict", "defaultdict", "Counter", "deque", "UserDict", "UserList"].map(
    (name) => `collections.${name}`,
  ),
  ...[
    "set",
    "frozenset",
    "list",
    "dict",
    "tuple",
    "int",
    "float",
    "complex",
    "bool",
    "str",
    "bytes",
    "bytearray",
  ].map((name) => `builtins.${name}`),
  ...["range", "slice", "object", "len", "getattr", "print", "Ellipsis", "NotImplemented"].map(
    (name) => `builtins.${name}`,
  ),
  // How compiled expressions, arrays, loggers and iterators are written.
  ...["re._compile", "array._array_reconstructor", "array.array", "logging.getLogger"],
  ...["zoneinfo.ZoneInfo._unpickle", "builtins.iter", "builtins.reversed", "builtins.enumerate"],
  ...["count", "cycle", "repeat", "islice"].map((name) => `itertools.${name}`),
  "_codecs.encode",
  "copyreg._reconstructor",
  "copyreg.__newobj__",
  "copyreg.__newobj_ex__",
  "argparse.Namespace",
  "types.SimpleNamespace",
  "types.MappingProxyType",
  "io.BytesIO",
  "_io.BytesIO",
  ...["datetime", "date", "time", "timedelta", "timezone"].map((name) => `datetime.${name}`),
  "fractions.Fraction",
  "decimal.Decimal",
  "uuid.UUID",
  "random.Random",
  "typing.Any",
  ...["PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath", "Path", "PurePath"].flatMap((name) => [
    `pathlib.${name}`,
    `pathlib._local.${name}`,
  ]),
  ...["dtype", "ndarray", "bool_", "str_", "bytes_", "matrix"].map((name) => `numpy.${name}`),
  ...["numpy.core", "numpy._core"].flatMap((core) => [
    `${core}.multiarray._reconstruct`,
    `${core}.multiarray.scalar`,
    `${core}.numeric._frombuffer`,
  ]),
  "jax._src.array._reconstruct_array",
  "jax._src.device_array.reconstruct_device_array",
  "numpy.ma.core._mareconstruct",
  "joblib.numpy_pickle.NumpyArrayWrapper",
  "numpy.ma.core.MaskedArray",
  "torch.Size",
  "torch.device",
  "torch.Tensor",
  "torch.Generator",
  "torch.storage._load_from_bytes",
  "torch.serialization._get_layout",
  "torch._C._VariableFunctionsClass",
  "torch.ScriptObject",
  "torch.nn.parameter.Parameter",
  // Returned a table of functions that torch 1.3 and older looked up.
  "torch.nn.backends.thnn._get_thnn_function_backend",
  "torch.nn.parameter.Buffer",
  ...["itemgetter", "getitem"].flatMap((name) => [`operator.${name}`, `_operator.${name}`]),
  ...[
    ...["tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state", "qtensor", "sparse_tensor"],
    ...["sparse_csr_tensor", "nested_tensor", "device_tensor_from_numpy", "device_tensor_from_cpu_tensor"],
    ...["xla_tensor", "meta_tensor_no_storage", "wrapper_subclass"],
  ].map((name) => `torch._utils._rebuild_${name}`),
  ...["NestedTensor", "_rebuild_njt"].map((name) => `torch.nested._internal.nested_tensor.${name}`),
  "torch._dynamo.decorators._DimRange",
  // They call their first argument, which is judged as called.
  "torch._tensor._rebuild_from_type",
  "torch._tensor._rebuild_from_type_v2",
  "torch.tensor._rebuild_from_type",
  "accelerate.state.PartialState",
  ...["BatchSamplers", "MultiDatasetBatchSamplers"].flatMap((name) =>
    ["base.sampler", "training_args"].map((place) => `sentence_transformers.${place}.${name}`),
  ),
  "torch.torch_version.TorchVersion",
]);

const patterns: readonly RegExp[] = [
  /^numpy\.(?:float|int|uint|complex)\d{1,3}$/,
  /^numpy\.dtypes\.\w+DType$/,
  /^ml_dtypes\.b?u?(?:float|int)\d\w*$/,
  // Tables of pandas 0.25 to 3: what makes one of its arrays again, and classes that only hold data.
  /^pandas\.core\.(?:frame\.DataFrame|series\.Series|internals\.(?:managers\.)?(?:Single)?BlockManager|indexes\.(?:base\._new_Index|base\.Index|\w+\.(?:_new_)?[A-Z]\w*Index|frozen\.FrozenList)|arrays\.(?:\w+\.)*[A-Z]\w*|dtypes\.dtypes\.\w+Dtype)$/,
  /^pandas\._libs\.(?:internals\._unpickle_block|arrays\.__pyx_unpickle_NDArrayBacked|tslibs\.timestamps\._unpickle_timestamp)$/,
  /^pandas\.(?:DataFrame|Series|Categorical|[A-Z]?\w*Index|\w+Dtype|NA|arrays\.\w+Array)$/,
  /^pandas\.(?:_libs\.)?tslibs\.offsets\.[A-Z]\w*$/,
  // Generators of random numbers, as NumPy 1.11 to 2 write them.
  /^numpy\.random\.(?:(?:_pickle\.)?__\w+_ctor|_?(?:mt19937|pcg64|philox|sfc64)\.\w+|mtrand\.RandomState|bit_generator\.(?:__pyx_unpickle_)?SeedSequence|_generator\.Generator)$/,
  // Storages, dtypes, and the classes that tensors of a dtype had.
  /^torch(?:\.cuda)?\.(?:Float|Double|Half|Long|Int|Short|Char|Byte)Tensor$/,
  /^torch(?:\.cuda|\.storage|\.sparse)?\.(?:\w+Storage|_?(?:Typed|Untyped)Storage|_UntypedStorage)$/,
  /^torch\.(?:q?u?int\d+\w*|b?float\d+\w*|complex\d+|bool|bits\w+|strided|sparse_\w+|per_(?:tensor|channel)_\w+)$/,
  /^torch\.(?:half|float|double|short|int|long|cfloat|cdouble|chalf|(?:contiguous|preserve|channels_last\w*)_?format|channels_last\w*)$/,
  // Functions by which TorchScript writes lists.
  /^torch\.jit\._pickle\.(?:build_\w+|restore_type_tag)$/,
  /^__torch__\./,
  // Modules and optimizers: they hold parameters. Classes only, which begin with a capital.
  /^torch\.nn\.(?:modules|parameter|utils|quantized|intrinsic|qat|parallel)(?:\.\w+)*\.[A-Z]\w*$/,
  /^torch\.ao\.(?:nn|quantization)(?:\.\w+)*\.[A-Z]\w*$/,
  /^torch\.optim(?:\.\w+)*\.[A-Z]\w*$/,
  /^torch\.(?:cuda\.)?amp\.grad_scaler\.[A-Z]\w*$/,
  // What torch.distributed says of the parts of a tensor. Readers and writers of files are not among them.
  /^torch\.distributed\.(?:_shard\.)?checkpoint\.(?:metadata|planner)\.(?:[A-Z]\w*|_MEM_FORMAT_ENCODING)$/,
  /^torch\.distributed\.(?:_shard\.)?checkpoint\.filesystem\._Storage(?:Info|Prefix)$/,
  /^torch\.distributed\._shard(?:\.\w+)*\.(?:metadata\.\w*Metadata|\w*Sharding_?Spec|ShardedTensor|Shard|TensorProperties|MEM_FORMAT_ENCODING)$/,
  /^torch\.distributed\._shard\.sharding_spec\.\w+\.[A-Z]\w*$/,
  /^torch\.distributed\.(?:_tensor|tensor)(?:\.\w+)?\.(?:DTensor|DTensorSpec|TensorMeta|ShardOrderEntry|Shard|Replicate|Partial|_StridedShard|_Partial)$/,
  /^torch\.distributed\._mesh_layout\._(?:Mesh|Flat)Layout$/,
  /^torch\.distributed\.(?:device_mesh|_tensor\.device_mesh)\.DeviceMesh$/,
  /^torch\.distributed\.remote_device\._remote_device$/,
  /^torch\.distributed\.fsdp\.(?:api|fully_sharded_data_parallel)\.\w*(?:Config|Type|Strategy)$/,
  /^torchao\.(?:quantization|dtypes|prototype|float8|optim|core)(?:\.\w+)*\.[A-Z]\w*$/,
  // What Trainer and its relatives write.
  /^transformers\.(?:training_args\w*|trainer_utils|trainer_pt_utils|utils\.generic|integrations\.(?:deepspeed|integration_utils)|debug_utils)\.[A-Z]\w*$/,
  /^transformers\.(?:configuration_utils|models\.\w+\.configuration_\w+|generation\.configuration_utils)\.[A-Z]\w*$/,
  /^trl\.trainer\.\w+_config\.[A-Z]\w*$/,
  /^accelerate\.utils\.(?:dataclasses|constants)\.[A-Z]\w*$/,
  /^peft\.(?:utils\.peft_types|tuners\.\w+\.config|config)\.[A-Z]\w*$/,
  /^Unsloth\w+Trainer\.Unsloth\w+Config$/,
  /^(?:lightning\.pytorch|pytorch_lightning|lightning\.fabric|lightning_fabric)\.utilities\.(?:parsing|data|enums|types)\.[A-Z]\w*$/,
  /^(?:lightning\.pytorch|pytorch_lightning)\.callbacks(?:\.\w+)?\.[A-Z]\w*$/,
  /^lightning_utilities\.core\.enums\.[A-Z]\w*$/,
  // How images are prepared, and how a trial of a search ended.
  /^torchvision\.transforms(?:\.\w+)*\.[A-Z]\w*$/,
  /^optuna\.(?:\w+\.)*(?:TrialState|StudyDirection)$/,
  // What Stable-Baselines3 says of an environment, and how often it trains.
  /^gym(?:nasium)?\.spaces\.\w+\.[A-Z]\w*$/,
  /^stable_baselines3\.common\.type_aliases\.TrainFreq(?:uencyUnit)?$/,
  /^omegaconf\.(?:dictconfig\.DictConfig|listconfig\.ListConfig|base\.\w*Metadata|nodes\.\w+Node)$/,
  /^deepspeed\.(?:runtime|utils)(?:\.\w+)*\.(?:LossScaler|DynamicLossScaler|ZeroStageEnum|fragment_address)$/,
  /^megatron\.core(?:\.\w+)*\.(?:enums|\w*config|mapping|rerun_state_machine)\.[A-Z]\w*$/,
];

export function isKnownGlobal(module: string, name: string): boolean {
  const qualifiedName = `${module}.${name}`;
  return (
    exact.has(qualifiedName) ||
    (!name.includes(".") && patterns.some((pattern) => pattern.test(qualifiedName)))
  );
}
