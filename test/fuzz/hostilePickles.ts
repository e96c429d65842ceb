import { latin1, little, text } from "../core/formats/pickle/latin1";
/** Opcodes that would have Python run a command, by some way; each one's arguments would only print. */
export interface HostilePickle {
  readonly way: string;
  /** Without its end mark, so that it can stand in another pickle; leaves one value. */
  readonly opcodes: string;
  /** Protocol that it needs. */
  readonly protocol: number;
}

const short = (value: string) => `\x8c${String.fromCharCode(value.length)}${value}`;
const stackGlobal = (module: string, name: string) => `${short(module)}${short(name)}\x93`;
const stackGlobalLong = (module: string, name: string) =>
  `${short(module)}X${little(name.length, 4)}${name}\x93`;
export const global = (module: string, name: string) => `c${module}\n${name}\n`;
export const call = (callee: string, ...args: readonly string[]) => `${callee}(${args.join("")}tR`;
const getattr = (of: string, name: string) => call(global("builtins", "getattr"), of, text(name));
const command = text("echo");
const system = global("os", "system");
/** A plain name that no list holds, and what leads from it to anywhere. */
const unsuspected = global("some.package", "helper");

const ways: readonly (readonly [way: string, opcodes: string, protocol?: number])[] = [
  ["GLOBAL and REDUCE", call(system, command)],
  ["INST", `(${command}ios\nsystem\n`],
  ["OBJ", `(${system}${command}o`],
  ["NEWOBJ", `${system}(${command}t\x81`],
  ["NEWOBJ_EX", `${system}(${command}t}\x92`, 4],
  ["STACK_GLOBAL", call(stackGlobal("os", "system"), command), 4],
  ["STACK_GLOBAL of UNICODE", call("Vos\nVsystem\n\x93", command), 4],
  ["STACK_GLOBAL of escapes", call("V\\u006fs\nV\\u0073ystem\n\x93", command), 4],
  ["STACK_GLOBAL of STRING", call("S'os'\nS'system'\n\x93", command), 4],
  ["STACK_GLOBAL of SHORT_BINSTRING", call("U\x02osU\x06system\x93", command), 4],
  ["STACK_GLOBAL of BINUNICODE8", call(`\x8d${little(2, 8)}os\x8d${little(6, 8)}system\x93`, command), 4],
  [
    "STACK_GLOBAL of the memo",
    `${short("os")}q\x050${short("system")}q\x060${call("h\x05h\x06\x93", command)}`,
    4,
  ],
  [
    "STACK_GLOBAL of a far memo",
    `${short("os")}r\xff\xff\xff\x7f0${call(`j\xff\xff\xff\x7f${short("system")}\x93`, command)}`,
    4,
  ],
  ["STACK_GLOBAL of MEMOIZE", `${short("system")}\x940${call(`${short("os")}h\0\x93`, command)}`, 4],
  ["STACK_GLOBAL of what DUP left", call(`${short("os")}2${short("x")}00${short("system")}\x93`, command), 4],
  [
    "STACK_GLOBAL of parts in a tuple that is popped",
    `(${short("a")}${short("b")}1${call(stackGlobal("os", "system"), command)}`,
    4,
  ],
  [
    "STACK_GLOBAL of a computed name",
    call(`${short("os")}${call(global("builtins", "str"), short("system"))}\x93`, command),
    4,
  ],
  ["STACK_GLOBAL of bytes", call(`${short("os")}C\x06system\x93`, command), 4],
  ["STACK_GLOBAL of a name of bytes that are no text", call(`${short("os")}U\x02\xff\xfe\x93`, command), 4],
  ["an extension of one byte", call("\x82\x01", command)],
  ["an extension of two bytes", call("\x83\x01\x02", command)],
  ["an extension of four bytes", call("\x84\x01\x02\x03\x04", command)],
  ["a dotted name through a module", call(stackGlobal("some.package", "helper.os.system"), command), 4],
  [
    "a dotted name through globals",
    call(stackGlobal("some.package", "Class.__init__.__globals__"), command),
    4,
  ],
  ["a dotted name through subclasses", call(stackGlobal("builtins", "object.__subclasses__")), 4],
  ["a dotted module", call(global("some.package.os", "system"), command)],
  ["names of Python 2", call(global("__builtin__", "eval"), command)],
  ["names of Python 2 for a module", call(global("commands", "getoutput"), command)],
  ["six", call(global("six.moves.builtins", "exec"), command)],
  ["posix", call(global("posix", "system"), command)],
  ["nt", call(global("nt", "system"), command)],
  ["PROTO in the middle", `\x80\x04\x80\x00${call(global("__builtin__", "exec"), command)}`],
  ["a frame that is too long", `\x95${"\xff".repeat(6)}\0\0${call(system, command)}`, 4],
  ["a frame that is too short", `\x95${little(2, 8)}${call(system, command)}`, 4],
  ["an import that is popped", `${system}0N`],
  ["an import that is in a tuple", `(${system}t`],
  ["an import behind a mark that is popped", `(${system}1N`],
  ["an import as a key", `}${system}Ns`],
  ["an import as a state", `${global("collections", "OrderedDict")})R${system}b`],
  ["an import in a persistent id", `(${text("storage")}${system}${text("0")}${text("cpu")}K\x01tQ`],
  ["a storage's class that is called", `(${text("storage")}${unsuspected}${text("0")}${text("cpu")}K\x01tQ`],
  ["an import as a default of a dict", call(global("collections", "defaultdict"), system)],
  ["a call in a persistent id", `${call(system, command)}Q`],
  ["getattr of a module", call(getattr(global("os", "path"), "os"), command)],
  ["getattr of getattr", call(getattr(getattr(global("torch", "serialization"), "os"), "system"), command)],
  ["getattr of a class by a plain name", call(getattr(unsuspected, "run"), command)],
  ["getattr of globals", getattr(unsuspected, "__globals__")],
  ["getattr of a string", call(getattr(text("{0.__class__}"), "format"), command)],
  ["getattr that is handed on", call(unsuspected, getattr(unsuspected, "run"))],
  ["partial that is called", `${call(global("functools", "partial"), unsuspected)})R`],
  [
    "partial whose state is set",
    `${call(global("functools", "partial"), unsuspected)}(${unsuspected})}Ntb)R`,
  ],
  ["map", call(global("builtins", "list"), call(global("builtins", "map"), unsuspected, `(${command}l`))],
  [
    "filter",
    call(global("builtins", "set"), call(global("builtins", "filter"), unsuspected, `(${command}l`)),
  ],
  ["reduce", call(global("functools", "reduce"), unsuspected, `(${command}${command}l`)],
  ["starmap", call(global("itertools", "starmap"), unsuspected, `((${command}tl`)],
  ["attrgetter", call(call(global("operator", "attrgetter"), text("os.system")), unsuspected)],
  ["methodcaller", call(call(global("operator", "methodcaller"), text("run")), unsuspected)],
  ["_operator", call(call(global("_operator", "methodcaller"), text("run")), unsuspected)],
  ["operator.call", call(global("operator", "call"), unsuspected, command)],
  [
    "itemgetter",
    call(
      call(
        call(global("operator", "itemgetter"), text("system")),
        call(global("builtins", "vars"), unsuspected),
      ),
      command,
    ),
  ],
  ["a bound method", call(call(global("types", "MethodType"), unsuspected, command))],
  [
    "a function of code",
    call(call(global("types", "FunctionType"), call(global("marshal", "loads"), "C\x01x"), "}")),
  ],
  ["eval", call(global("builtins", "eval"), text("1"))],
  ["exec", call(global("builtins", "exec"), text("1"))],
  ["compile", call(global("builtins", "compile"), text("1"), text("f"), text("exec"))],
  ["__import__", call(global("builtins", "__import__"), text("os"))],
  ["import_module", call(global("importlib", "import_module"), text("os"))],
  ["resolve_name", call(call(global("pkgutil", "resolve_name"), text("os:system")), command)],
  ["locate", call(global("pydoc", "locate"), text("os.system"))],
  ["runpy", call(global("runpy", "_run_code"), text("1"))],
  ["typing.get_type_hints", call(global("typing", "get_type_hints"), unsuspected)],
  ["typing.ForwardRef", call(getattr(call(global("typing", "ForwardRef"), text("1")), "_evaluate"), "}}N")],
  ["timeit", call(global("timeit", "timeit"), text("1"))],
  ["cProfile", call(global("cProfile", "run"), text("1"))],
  ["bdb", call(getattr(call(global("bdb", "Bdb")), "run"), text("1"))],
  ["doctest", call(global("doctest", "debug_script"), text("1"))],
  ["code", call(global("code", "interact"))],
  ["lib2to3's grammar", call(getattr(call(global("lib2to3.pgen2.grammar", "Grammar")), "loads"), "C\x01x")],
  ["numpy's runstring", call(global("numpy.testing._private.utils", "runstring"), text("1"), "}")],
  ["logging's configuration", call(global("logging.config", "dictConfig"), "}")],
  ["subprocess", call(global("subprocess", "Popen"), command)],
  ["a pseudoterminal", call(global("pty", "spawn"), command)],
  ["asyncio", call(global("asyncio.unix_events", "_UnixSubprocessTransport._start"), command)],
  ["multiprocessing", call(global("multiprocessing.util", "spawnv_passfds"), "N)N")],
  ["idlelib", call(global("idlelib.run", "Executive.runcode"), text("1"))],
  ["ctypes", call(global("ctypes", "CDLL"), command)],
  ["a webbrowser", call(global("webbrowser", "open"), text("http://localhost"))],
  ["a request", call(global("urllib.request", "urlopen"), text("http://localhost"))],
  ["a connection", call(global("socket", "create_connection"), ")")],
  ["a database", call(global("sqlite3", "connect"), command)],
  [
    "a file that is written",
    call(getattr(call(global("pathlib", "PosixPath"), command), "write_text"), command),
  ],
  ["a file that is opened", call(global("io", "open"), command)],
  ["a file that is removed", call(global("os", "remove"), command)],
  ["a tree that is removed", call(global("shutil", "rmtree"), command)],
  ["distutils", call(global("distutils.file_util", "write_file"), command, "]")],
  ["pip", call(global("pip", "main"), "]")],
  ["venv", call(global("venv", "create"), command)],
  ["pickle", call(global("pickle", "loads"), "C\x01x")],
  ["_pickle's class", call(getattr(call(global("_pickle", "Unpickler"), unsuspected), "load"))],
  ["dill", call(global("dill", "loads"), "C\x01x")],
  ["cloudpickle", call(global("cloudpickle", "loads"), "C\x01x")],
  ["joblib", call(global("joblib", "load"), command)],
  ["torch.load", call(global("torch", "load"), command)],
  ["torch.hub", call(global("torch.hub", "load"), command)],
  ["torch.jit", call(global("torch.jit", "load"), command)],
  ["torch.ops", call(global("torch.ops", "load_library"), command)],
  ["torch's storage of a file", call(getattr(global("torch", "FloatStorage"), "from_file"), command)],
  ["torch's rpc", call(global("torch.distributed.rpc.internal", "_run_function"), "N")],
  [
    "torch's own caller",
    call(global("torch._tensor", "_rebuild_from_type_v2"), unsuspected, global("torch", "Tensor"), ")", "}"),
  ],
  [
    "torch's own caller, twice",
    call(
      global("torch._tensor", "_rebuild_from_type_v2"),
      global("torch._tensor", "_rebuild_from_type_v2"),
      global("torch", "Tensor"),
      `(${unsuspected}N)}t`,
      "}",
    ),
  ],
  [
    "a pickle for torch in bytes that are computed",
    call(global("torch.storage", "_load_from_bytes"), call(global("builtins", "bytes"), "]")),
  ],
  ["numpy.load", call(global("numpy", "load"), command)],
  ["pandas", call(global("pandas", "read_pickle"), command)],
  ["pandas' eval", call(global("pandas", "eval"), command)],
  ["yaml", call(global("yaml", "unsafe_load"), command)],
  ["hydra", call(global("hydra.utils", "instantiate"), "}")],
  [
    "a class that is changed",
    `${global("collections", "OrderedDict")}N}${text("__reduce__")}${unsuspected}s\x86b`,
  ],
  ["a module's dict that is filled", `${global("linecache", "cache")}${text("a")}Ns`],
  ["a list of a module that is filled", `${global("sys", "path")}${command}a`],
  ["sys.modules", `${global("sys", "modules")}${text("os")}Ns`],
  ["a name in letters that only look alike", call("cb\xd1\x83\xd1\x95tem\nrun\n", command)],
  [
    "a walk of ten thousand steps",
    call(stackGlobalLong("some.package", `Class${".x".repeat(10_000)}`), command),
    4,
  ],
  ["a called class that is not known", call(global("some.package", "Class"), command)],
  ["OBJ of a class that is not known", `(${global("some.package", "Class")}${command}o`],
];

export const hostilePickles: readonly HostilePickle[] = ways.map(([way, opcodes, protocol = 2]) => ({
  way,
  opcodes,
  protocol,
}));

export function wholePickle({ opcodes, protocol }: HostilePickle): Uint8Array {
  return latin1(`\x80${String.fromCharCode(protocol)}${opcodes}.`);
}
