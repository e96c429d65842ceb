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
  "numpy.ma.core._mareconstruct",
  "numpy.ma.core.MaskedArray",
  "torch.Size",
  "torch.device",
  "torch.Tensor",
  "torch.Generator",
  "torch.storage._load_from_bytes",
  "torch.serialization._get_layout",
  "torch._C._VariableFunctionsClass",
  "torch.nn.parameter.Parameter",
  "torch.nn.parameter.Buffer",
  "torch._tensor._rebuild_from_type",
  "torch._tensor._rebuild_from_type_v2",
  "torch.tensor._rebuild_from_type",
  "accelerate.state.PartialState",
  "torch.torch_version.TorchVersion",
]);

const patterns: readonly RegExp[] = [
  /^numpy\.(?:float|int|uint|complex)\d{1,3}$/,
  /^numpy\.dtypes\.\w+DType$/,
  /^numpy\.random\.(?:_pickle\.__\w+_ctor|_?(?:mt19937|pcg64|philox|sfc64)\.\w+|mtrand\.RandomState)$/,
  // Storages and dtypes.
  /^torch(?:\.cuda|\.storage|\.sparse)?\.(?:\w+Storage|_?(?:Typed|Untyped)Storage|_UntypedStorage)$/,
  /^torch\.(?:q?u?int\d+\w*|b?float\d+\w*|complex\d+|bool|bits\w+|strided|sparse_\w+|per_(?:tensor|channel)_\w+)$/,
  /^torch\.(?:half|float|double|short|int|long|cfloat|cdouble|chalf|(?:contiguous|preserve|channels_last\w*)_?format|channels_last\w*)$/,
  /^torch\._utils\._rebuild_\w+$/,
  // Functions by which TorchScript writes lists.
  /^torch\.jit\._pickle\.(?:build_\w+|restore_type_tag)$/,
  /^__torch__\./,
  // Modules and optimizers: they hold parameters. Classes only, which begin with a capital.
  /^torch\.nn\.(?:modules|parameter|utils|quantized|intrinsic|qat|parallel)(?:\.\w+)*\.[A-Z]\w*$/,
  /^torch\.ao\.(?:nn|quantization)(?:\.\w+)*\.[A-Z]\w*$/,
  /^torch\.optim(?:\.\w+)*\.[A-Z]\w*$/,
  /^torch\.(?:cuda\.)?amp\.grad_scaler\.[A-Z]\w*$/,
  /^torch\.distributed\.(?:_shard|checkpoint|_tensor|tensor|fsdp|device_mesh)(?:\.\w+)*\.[A-Z_]\w*$/,
  /^torchao(?:\.\w+)*\.[A-Z]\w*$/,
  // What Trainer and its relatives write.
  /^transformers\.(?:training_args\w*|trainer_utils|trainer_pt_utils|utils\.generic|integrations\.\w+|debug_utils)\.[A-Z]\w*$/,
  /^transformers\.(?:configuration_utils|models\.\w+\.configuration_\w+|generation\.configuration_utils)\.[A-Z]\w*$/,
  /^trl\.trainer\.\w+_config\.[A-Z]\w*$/,
  /^accelerate\.utils\.(?:dataclasses|constants)\.[A-Z]\w*$/,
  /^peft\.(?:utils\.peft_types|tuners\.\w+\.config|config)\.[A-Z]\w*$/,
  /^Unsloth\w+Trainer\.Unsloth\w+Config$/,
  /^(?:lightning|pytorch_lightning|lightning_fabric|lightning_utilities)(?:\.\w+)*\.[A-Z]\w*$/,
  /^omegaconf(?:\.\w+)*\.[A-Z]\w*$/,
  /^deepspeed\.(?:runtime|utils)(?:\.\w+)*\.(?:LossScaler|DynamicLossScaler|ZeroStageEnum|fragment_address)$/,
  /^megatron\.core(?:\.\w+)*\.[A-Z]\w*$/,
];

export function isKnownGlobal(module: string, name: string): boolean {
  const qualifiedName = `${module}.${name}`;
  return (
    exact.has(qualifiedName) ||
    (!name.includes(".") && patterns.some((pattern) => pattern.test(qualifiedName)))
  );
}
