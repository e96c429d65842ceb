import { isStandardDanger } from "./standardLibrary";

/**
 * What a checkpoint has no honest reason to import: ways to run code or commands, to load code or further pickles,
 * to write files, to reach the network. A list can never be complete, which is why what is on neither list is
 * called unknown and not safe; it follows picklescan's list and the advisories that grew it, by kinds rather than
 * by single functions.
 */

/** With everything in them and below them. */
const modules: ReadonlySet<string> = new Set([
  // Commands and processes.
  ...[
    "os",
    "posix",
    "nt",
    "subprocess",
    "_posixsubprocess",
    "_winapi",
    "commands",
    "popen2",
    "pty",
    "multiprocessing",
  ],
  ...["concurrent", "asyncio", "pexpect", "sh", "plumbum", "fabric", "invoke"],
  // The interpreter, its import machinery, and modules that run what they are given.
  ...[
    "sys",
    "runpy",
    "importlib",
    "imp",
    "_imp",
    "pkgutil",
    "zipimport",
    "zipapp",
    "modulefinder",
    "site",
    "gc",
  ],
  ...[
    "_frozen_importlib",
    "_frozen_importlib_external",
    "code",
    "codeop",
    "pdb",
    "bdb",
    "cmd",
    "trace",
    "timeit",
  ],
  ...["cProfile", "profile", "_lsprof", "doctest", "unittest", "test", "pytest", "py_compile", "compileall"],
  ...[
    "idlelib",
    "lib2to3",
    "distutils",
    "setuptools",
    "pip",
    "ensurepip",
    "venv",
    "virtualenv",
    "pkg_resources",
  ],
  ...["pydoc", "_pyrepl", "pyrepl", "_aix_support", "_osx_support", "turtledemo", "antigravity", "IPython"],
  ...["rlcompleter", "sysconfig", "_sysconfig"],
  // Memory and foreign code.
  ...["ctypes", "_ctypes", "cffi", "_cffi_backend", "pycparser", "mmap", "faulthandler", "_testcapi"],
  // Further pickles, and formats that are as dangerous.
  ...["pickle", "_pickle", "cPickle", "pickletools", "dill", "_dill", "cloudpickle", "jsonpickle", "shelve"],
  ...["marshal", "yaml", "ruamel", "hickle"],
  // Files.
  ...["shutil", "tempfile", "fileinput", "zipfile", "tarfile", "sqlite3", "_sqlite3", "dbm"],
  // The network.
  ...[
    "socket",
    "_socket",
    "ssl",
    "_ssl",
    "select",
    "selectors",
    "aiohttp",
    "httplib",
    "http.client",
    "http.server",
    "urllib2",
  ],
  ...[
    "urllib3",
    "requests",
    "httpx",
    "ftplib",
    "smtplib",
    "smtpd",
    "poplib",
    "imaplib",
    "nntplib",
    "telnetlib",
  ],
  ...["xmlrpc", "xmlrpclib", "socketserver", "SocketServer", "asyncore", "asynchat", "wsgiref", "webbrowser"],
  ...["paramiko", "twisted", "tornado", "websockets", "boto3", "botocore", "urllib.request"],
  // What compiles templates, downloads, or starts other programs on other machines.
  ...[
    "jinja2",
    "mako",
    "Cython",
    "pyximport",
    "gdown",
    "wget",
    "ansible",
    "salt",
    "execnet",
    "rpyc",
    "psutil",
  ],
  // Desktop.
  ...["tkinter", "Tkinter", "turtle", "crypt"],
  // NumPy's and torch's own ways to all of these.
  ...["numpy.f2py", "numpy.testing", "numpy.distutils", "numpy.ctypeslib", "scipy.weave", "numba.core"],
  ...["torch.hub", "torch.package", "torch.testing", "torch.multiprocessing", "torch.utils.cpp_extension"],
  ...[
    "torch._inductor",
    "torch._dynamo",
    "torch._functorch",
    "torch.fx.experimental",
    "torch.fx.graph_module",
  ],
  ...[
    "torch.utils.bottleneck",
    "torch.utils.collect_env",
    "torch.utils._config_module",
    "torch.utils.model_dump",
  ],
  ...["torch.utils.show_pickle", "torch.utils.data.datapipes", "torch.jit.unsupported_tensor_ops"],
  ...[
    "torch.distributed.rpc",
    "torch.distributed.run",
    "torch.distributed.launch",
    "torch.distributed.elastic",
  ],
  ...["torch.distributed.launcher", "torch._utils_internal", "torch._export"],
  ...["torch.utils.benchmark", "torch.utils.hipify"],
]);

/** Honest names in modules of the list: classes of state, and what old code kept as data. */
const harmless: readonly RegExp[] = [
  /^sys\.version_info$/,
  // Sizes that a jagged tensor was marked with.
  /^torch\._dynamo\.decorators\._DimRange$/,
  /^multiprocessing\.(?:synchronize|queues)\.[A-Z]\w*$/,
  /^ruamel\.yaml\.(?:comments|anchor|scalarstring|scalarint|scalarfloat|scalarbool|timestamp)\.[A-Z]\w*$/,
];

/** Names of modules that are otherwise harmless. */
const names = new Map<string, RegExp>(
  Object.entries({
    builtins:
      /^(?:eval|exec|execfile|compile|open|file|__import__|reload|input|raw_input|globals|locals|vars|dir|setattr|delattr|hasattr|breakpoint|help|exit|quit|apply|callable|memoryview|__build_class__|credits|license|copyright|type\.)/,
    __builtin__: /./,
    operator: /^(?:attrgetter|methodcaller|call|iadd|setitem|delitem)$/,
    _operator: /^(?:attrgetter|methodcaller|call|iadd|setitem|delitem)$/,
    functools: /^(?:reduce|partialmethod|singledispatch|cached_property|lru_cache|_lru_cache_wrapper)/,
    itertools: /^(?:starmap|accumulate)$/,
    types:
      /^(?:CodeType|FunctionType|LambdaType|BuiltinFunctionType|ModuleType|new_class|coroutine|DynamicClassAttribute|CoroutineType|GeneratorType)$/,
    io: /^(?:open|FileIO|open_code|OpenWrapper|TextIOWrapper)/,
    _io: /^(?:open|FileIO|open_code|TextIOWrapper)/,
    _pyio: /./,
    codecs: /^(?:open|EncodedFile|StreamReaderWriter|register|lookup|getreader|getwriter)/,
    gzip: /^(?:open|GzipFile|main)/,
    bz2: /^(?:open|BZ2File)/,
    lzma: /^(?:open|LZMAFile)/,
    logging: /^(?:FileHandler|config|handlers|basicConfig|StreamHandler)/,
    "logging.config": /./,
    "logging.handlers": /./,
    uuid: /^(?:_|getnode)/,
    platform: /^(?:popen|_|architecture|libc_ver)/,
    copyreg: /^(?:add_extension|remove_extension|pickle|constructor|extension_)/,
    copy: /^(?:_reconstruct)/,
    weakref: /^finalize/,
    atexit: /./,
    threading: /^(?:Thread|Timer|settrace|setprofile|excepthook)/,
    _thread: /^(?:start_new|interrupt_main)/,
    urllib: /^(?:urlopen|urlretrieve|URLopener|FancyURLopener|request)/,
    joblib: /^(?:load|dump|Parallel|Memory)/,
    "joblib.numpy_pickle": /^(?:load|_unpickle|dump)/,
    numpy:
      /^(?:load|save|savez|fromfile|memmap|loadtxt|genfromtxt|DataSource|testing|f2py|ctypeslib|vectorize|apply_|fromfunction|frompyfunc|piecewise)/,
    "numpy.lib.npyio": /./,
    "numpy.lib._npyio_impl": /./,
    "numpy.lib.format": /./,
    "numpy.lib.utils": /./,
    "numpy.core.memmap": /./,
    "numpy._core.memmap": /./,
    pandas: /^(?:read_|io|eval)/,
    "pandas.io.pickle": /./,
    "pandas.core.computation.eval": /./,
    torch:
      /^(?:load|hub|package|compile|from_file|ops|classes|jit|_dynamo|_inductor|_utils_internal|multiprocessing|serialization)(?:\.|$)|^(?:utils|testing|fx)\./,
    "torch.serialization":
      /^(?:load|_load|_legacy_load|save|_save|_open_|add_safe_globals|_open_file|_open_zipfile)/,
    "torch.jit": /^(?:load|save|script|trace|CompilationUnit)/,
    "torch.jit._serialization": /./,
    "torch.jit._script": /^(?!RecursiveScriptModule|ScriptModule|_)/,
    "torch._ops": /./,
    "torch._classes": /./,
    "torch.storage": /^(?:_load_from_bytes\.|from_file)/,
    "torch.nn.modules.module": /^(?:register_)/,
    "keras.models": /^(?:load_model|model_from)/,
    "tensorflow.keras.models": /^(?:load_model|model_from)/,
    tensorflow: /^(?:io|saved_model|load_library|load_op_library|py_function|numpy_function)/,
    pathlib:
      /^(?:\w*Path\.(?:write|read|unlink|rmdir|open|chmod|lchmod|touch|rename|replace|symlink|link|hardlink|mkdir|copy|move))/,
    "pathlib._local":
      /^(?:\w*Path\.(?:write|read|unlink|rmdir|open|chmod|lchmod|touch|rename|replace|symlink|link|hardlink|mkdir|copy|move))/,
    "torch.distributed.checkpoint":
      /^(?:load|save|async_save|state_dict_loader|state_dict_saver|filesystem|FileSystem|format_utils|_fsspec|Fsspec)/,
    "torch.distributed.checkpoint.state_dict_loader": /./,
    "torch.distributed.checkpoint.state_dict_saver": /./,
    "torch.distributed.checkpoint.format_utils": /./,
    "torch.distributed.checkpoint.filesystem": /^(?:FileSystem|_?FileSystem|_write|SerializationFormat$)/,
    "lightning.pytorch.cli": /./,
    "pytorch_lightning.cli": /./,
    "pytorch_lightning.utilities.cli": /./,
    "omegaconf.omegaconf": /^OmegaConf\./,
    "hydra.utils": /^(?:instantiate|call|get_)/,
    "hydra._internal.instantiate._instantiate2": /./,
    typing_extensions: /^(?:get_type_hints|evaluate_forward_ref)/,
    annotationlib: /./,
    "transformers.utils.hub": /./,
    "transformers.dynamic_module_utils": /./,
  }),
);

/** A dotted name may walk from a harmless module to a harmful one: `torch.serialization` and `os.system`. */
const harmfulParts: ReadonlySet<string> = new Set(
  [...modules].filter(
    (module) => !module.includes(".") && !["code", "test", "http", "sh", "cmd", "trace"].includes(module),
  ),
);

/** Parts by which a module's path leads out of its package, into what it imported itself. */
const roots: ReadonlySet<string> = new Set([
  ...["os", "sys", "subprocess", "builtins", "posix", "nt", "importlib", "pickle", "ctypes", "runpy"],
  ...["shutil", "marshal", "six", "cloudpickle", "dill"],
]);

/** Loading by these runs what is loaded, unpickles it or fetches it, whatever class they are methods of. */
const loaders =
  /(?:^|\.)(?:load_from_checkpoint|from_pretrained|push_to_hub|save_pretrained|load_library|load_module|from_file|tofile|fromfile|write_text|write_bytes|read_text|read_bytes|unlink|rmdir|load_state_dict_from_url|hf_hub_download|snapshot_download|unsafe_load|unsafe_load_all|read_pickle|to_pickle|exec_module|run_module|run_path|run_string|load_model|torch_load|cached_download|load_dataset|get_file|download_url|enable_unsafe_deserialization|deserialize_keras_object)$/;

/** Classes that begin with a small letter: a walk through them is one through a class. */
const smallClasses =
  /^(?:bytes|bytearray|str|int|float|complex|bool|dict|list|tuple|set|frozenset|object|type|range|slice|datetime|date|time|timedelta|timezone|ndarray|matrix|recarray|dtype|deque|defaultdict|partial)$/;

/** A dotted name of protocol 4 is honest where it walks from a class to its method or to a nested class. */
function walksThroughModule(module: string, walked: readonly string[]): boolean {
  const first = walked[0] as string;
  if (/^_*[A-Z]/.test(first) || smallClasses.test(first)) return false;
  // In a program's own code classes may be called anything, but what it imports is not there for a checkpoint.
  return module !== "__main__" || harmfulParts.has(first.replace(/^_+/, ""));
}

const hiddenParts =
  /^__(?:globals|builtins|subclasses|import|code|closure|dict|class|mro|bases|getattribute|init|loader|spec|reduce|reduce_ex|call|wrapped|self)__$/;

export function isDangerousGlobal(module: string, name: string): boolean {
  const qualifiedName = `${module}.${name}`;
  if (harmless.some((pattern) => pattern.test(qualifiedName))) return false;
  // six.moves is a second name of the standard library.
  const moved = /^six\.moves\.(.+)$/.exec(module)?.[1];
  if (moved !== undefined) return isDangerousGlobal(moved, name);
  if (module === "six.moves" && name.includes(".")) {
    return isDangerousGlobal(name.slice(0, name.lastIndexOf(".")), name.slice(name.lastIndexOf(".") + 1));
  }
  const parts = module.split(".");
  if (isStandardDanger(module, name) || loaders.test(name)) return true;
  if (parts.slice(1).some((part) => roots.has(part.replace(/^_+(?=os$|sys$)/, "")))) return true;
  for (let length = parts.length; length > 0; length--) {
    const prefix = parts.slice(0, length).join(".");
    if (modules.has(prefix)) return true;
    // The rest of the module path counts as a part of the name: `torch` and `hub.load` are `torch.hub` and `load`.
    const rest = [...parts.slice(length), name].join(".");
    if (
      names.get(prefix)?.test(rest) === true &&
      (length === parts.length || modules.has(`${prefix}.${rest}`))
    )
      return true;
  }
  return nameWalksIntoDanger(module, name);
}

/** Harmless to name, but a way to call or to hide a call when it is called. */
export function isDangerousWhenCalled(module: string, name: string): boolean {
  return module === "builtins" && /^(?:map|filter|property|super|classmethod|staticmethod)$/.test(name);
}

function nameWalksIntoDanger(module: string, name: string): boolean {
  const walked = name.split(".");
  if (walked.length > 1 && walksThroughModule(module, walked)) return true;
  let path = module;
  for (const [at, part] of walked.entries()) {
    if (harmfulParts.has(part.replace(/^_+/, "")) || hiddenParts.test(part)) return true;
    path += `.${part}`;
    if (modules.has(path)) return true;
    if (at + 1 < walked.length && names.get(path)?.test(walked.slice(at + 1).join(".")) === true) return true;
  }
  return false;
}
