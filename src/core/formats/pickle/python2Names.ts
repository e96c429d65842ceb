import type { ImportLog } from "./importLog";
import { PyGlobal } from "./pickleValue";

/**
 * What Python 3 makes of names in pickles of Python 2 (CPython, Lib/_compat_pickle.py): modules that moved, and
 * single names that did.
 */
const modules = new Map<string, string>(
  Object.entries({
    __builtin__: "builtins",
    copy_reg: "copyreg",
    Queue: "queue",
    SocketServer: "socketserver",
    ConfigParser: "configparser",
    repr: "reprlib",
    tkFileDialog: "tkinter.filedialog",
    tkSimpleDialog: "tkinter.simpledialog",
    tkColorChooser: "tkinter.colorchooser",
    tkCommonDialog: "tkinter.commondialog",
    Dialog: "tkinter.dialog",
    Tkdnd: "tkinter.dnd",
    tkFont: "tkinter.font",
    tkMessageBox: "tkinter.messagebox",
    ScrolledText: "tkinter.scrolledtext",
    Tkconstants: "tkinter.constants",
    Tix: "tkinter.tix",
    ttk: "tkinter.ttk",
    Tkinter: "tkinter",
    markupbase: "_markupbase",
    _winreg: "winreg",
    thread: "_thread",
    dummy_thread: "_dummy_thread",
    dbhash: "dbm.bsd",
    dumbdbm: "dbm.dumb",
    dbm: "dbm.ndbm",
    gdbm: "dbm.gnu",
    xmlrpclib: "xmlrpc.client",
    SimpleXMLRPCServer: "xmlrpc.server",
    DocXMLRPCServer: "xmlrpc.server",
    httplib: "http.client",
    htmlentitydefs: "html.entities",
    HTMLParser: "html.parser",
    Cookie: "http.cookies",
    cookielib: "http.cookiejar",
    BaseHTTPServer: "http.server",
    SimpleHTTPServer: "http.server",
    CGIHTTPServer: "http.server",
    test_support: "test.support",
    commands: "subprocess",
    urlparse: "urllib.parse",
    robotparser: "urllib.robotparser",
    urllib2: "urllib.request",
    anydbm: "dbm",
    _abcoll: "collections.abc",
    cPickle: "pickle",
    _elementtree: "xml.etree.ElementTree",
    FileDialog: "tkinter.filedialog",
    SimpleDialog: "tkinter.simpledialog",
    whichdb: "dbm",
    StringIO: "io",
    cStringIO: "io",
    exceptions: "builtins",
  }),
);

const names = new Map<string, readonly [module: string, name: string]>(
  Object.entries({
    "__builtin__.xrange": ["builtins", "range"],
    "__builtin__.reduce": ["functools", "reduce"],
    "__builtin__.intern": ["sys", "intern"],
    "__builtin__.unichr": ["builtins", "chr"],
    "__builtin__.unicode": ["builtins", "str"],
    "__builtin__.long": ["builtins", "int"],
    "__builtin__.raw_input": ["builtins", "input"],
    "__builtin__.file": ["builtins", "open"],
    "itertools.izip": ["builtins", "zip"],
    "itertools.imap": ["builtins", "map"],
    "itertools.ifilter": ["builtins", "filter"],
    "itertools.ifilterfalse": ["itertools", "filterfalse"],
    "itertools.izip_longest": ["itertools", "zip_longest"],
    "UserDict.IterableUserDict": ["collections", "UserDict"],
    "UserDict.UserDict": ["collections", "UserDict"],
    "UserList.UserList": ["collections", "UserList"],
    "UserString.UserString": ["collections", "UserString"],
    "socket._socketobject": ["socket", "SocketType"],
    "socket.fromfd": ["socket", "fromfd"],
    "urllib.ContentTooShortError": ["urllib.error", "ContentTooShortError"],
    "urllib.getproxies": ["urllib.request", "getproxies"],
    "urllib.pathname2url": ["urllib.request", "pathname2url"],
    "urllib.url2pathname": ["urllib.request", "url2pathname"],
    "urllib.urlcleanup": ["urllib.request", "urlcleanup"],
    "urllib.urlopen": ["urllib.request", "urlopen"],
    "urllib.urlretrieve": ["urllib.request", "urlretrieve"],
    "urllib.URLopener": ["urllib.request", "URLopener"],
    "urllib2.HTTPError": ["urllib.error", "HTTPError"],
    "urllib2.URLError": ["urllib.error", "URLError"],
    "exceptions.StandardError": ["builtins", "Exception"],
  } as const),
);

export function toPython3Name(module: string, name: string): readonly [module: string, name: string] {
  return names.get(`${module}.${name}`) ?? [modules.get(module) ?? module, name];
}

/** Names in pickles of protocol 3 and later are those of Python 3. */
const firstPython3Protocol = 3;

/** Classes and functions that a pickle names, each made once. */
export class GlobalTable {
  private readonly globals = new Map<string, PyGlobal>();

  constructor(private readonly imports: ImportLog) {}

  /** @returns with the bytes that it newly takes in memory, roughly */
  find(
    module: string,
    name: string,
    protocol: number,
    offset: number,
  ): { global: PyGlobal; retained: number } {
    const isOld = protocol < firstPython3Protocol;
    const key = `${isOld ? "2" : "3"}${module}\n${name}`;
    const known = this.globals.get(key);
    if (known !== undefined) {
      this.imports.add(known.module, known.name, offset);
      return { global: known, retained: 0 };
    }
    const [newModule, newName] = isOld ? toPython3Name(module, name) : [module, name];
    this.imports.add(newModule, newName, offset);
    const global = new PyGlobal(newModule, newName);
    this.globals.set(key, global);
    return { global, retained: 64 + 2 * key.length };
  }
}
