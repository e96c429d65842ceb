/**
 * Python's standard library, of which little is data: what is not on the short list of harmless modules can open
 * files, run code or reach further, or was never thought about, and no checkpoint needs it.
 */

/** Names of modules that a program of its own hardly gives its own modules (Python 3.8 to 3.14, without the list below). */
const modules: ReadonlySet<string> = new Set(
  [
    "_abc _aix_support _ast _asyncio _bootsubprocess _bz2 _compat_pickle _compression _contextvars _crypt _csv",
    "_curses _curses_panel _dbm _elementtree _gdbm _hashlib _interpchannels _interpqueues _interpreters _json",
    "_locale _lzma _markupbase _msi _multiprocessing _opcode _overlapped _posixshmem _pyio _scproxy _signal",
    "_sitebuiltins _stat _string _strptime _symtable _sysconfigdata _threading_local _tkinter _tokenize",
    "_tracemalloc _uuid _warnings _weakref _xxinterpchannels _xxsubinterpreters _xxtestfuzz _zstd aifc annotationlib",
    "ast asynchat atexit audioop cgi cgitb compression contextlib crypt curses dis dummy_threading encodings filecmp",
    "fcntl genericpath getopt getpass gettext glob grp html imaplib imghdr inspect interpreters linecache locale",
    "mailbox mailcap mimetypes msilib msvcrt netrc nis ntpath nturl2path opcode ossaudiodev pipes plistlib",
    "posixpath pprint pstats pwd py_compile pyclbr pydoc_data pyexpat quopri readline reprlib resource sched shlex",
    "signal sndhdr spwd stringprep sunau symtable syslog tabnanny termios tokenize tomllib traceback tracemalloc",
    "tty uu warnings wave winreg _winreg winsound xdrlib xml zipfile",
  ]
    .join(" ")
    .split(" "),
);

/** Of these modules only private functions and the names below do more than hold data. */
const mixedModules = new Map<string, RegExp>([
  ["dataclasses", /^(?:make_dataclass|dataclass|_create_fn|_set_new_attribute|_\w*_fn|_process_class)/],
  ["typing", /^(?:get_type_hints|ForwardRef\.|_eval_type|evaluate_forward_ref|NamedTuple|TypedDict|NewType)/],
  ["collections", /^(?:namedtuple|_chain|_iskeyword|_sys|_eq|_itemgetter)/],
  ["enum", /^(?:_|global_|EnumType\.|EnumMeta\.|.*_convert)/],
  ["random", /^(?:_(?!random)|SystemRandom\.)/],
  ["string", /^Formatter/],
  ["argparse", /^(?:_|FileType|ArgumentParser)/],
  ["optparse", /^(?!Values$)/],
  ["configparser", /^(?!(?:Raw|Safe)?ConfigParser$)/],
  ["csv", /^(?!(?:Dialect|excel|excel_tab|unix_dialect)$)/],
  ["re", /^(?:_(?!compile$)|template|Scanner|sre_)/],
  ["json", /^(?:load$|dump$|codecs)/],
  ["queue", /^_/],
  ["statistics", /^_/],
  ["base64", /^(?:main|encode$|decode$|_)/],
  ["pathlib", /^_(?!local)/],
  ["threading", /^_(?!RLock$|DummyThread$)/],
  ["contextvars", /^copy_context/],
  ["calendar", /^(?:main|different_locale|_)/],
  ["hashlib", /^file_digest/],
  ["zoneinfo", /^_(?!common)/],
  ["inspect", /^(?!_ParameterKind$|_empty$|Parameter$|Signature$)/],
  ["xml.etree.ElementTree", /^(?!Element$|ElementTree$)/],
  ["html", /^(?:parser)/],
  ["contextlib", /^(?!nullcontext$|suppress$)/],
  ["warnings", /^(?!WarningMessage$)/],
  ["traceback", /^(?!FrameSummary$|StackSummary$|TracebackException$)/],
  ["signal", /^(?!Signals$|Handlers$|Sigmasks$)/],
  ["ast", /^(?![A-Z]\w*$)/],
]);

/** Whether a global of the standard library is one that no checkpoint has a reason to name. */
export function isStandardDanger(module: string, name: string): boolean {
  const mixed = mixedModules.get(module);
  if (mixed !== undefined) return mixed.test(name);
  const dot = module.indexOf(".");
  return modules.has(dot < 0 ? module : module.slice(0, dot));
}
