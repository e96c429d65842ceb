import { deflateSync, gzipSync } from "node:zlib";
import { latin1Text } from "../../src/core/text/latin1";
import { latin1, little } from "../core/formats/pickle/latin1";
import { torchArchive } from "../core/formats/torch/torchPickle";
import { tarFile } from "../support/made/tarFile";
import { zipFile } from "../support/made/zipFile";
import { call, global } from "./hostilePickles";

/** A place of a file in which a pickle is looked for. */
export interface HidingPlace {
  readonly place: string;
  readonly fileName: string;
  /** `pickle` is whole. */
  readonly hide: (pickle: Uint8Array) => Uint8Array;
}

const nothing = "\x80\x02N.";
const inBytes = (bytes: Uint8Array) => `B${little(bytes.length, 4)}${latin1Text(bytes)}`;
const inPickle = (opcodes: string) => latin1(`\x80\x03${opcodes}.`);
const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const beside = (name: string) => (pickle: Uint8Array) => torchArchive("N", {}, [{ name, data: pickle }]);
const objectArray = (pickle: Uint8Array) => {
  const header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
  return joined(latin1(`\x93NUMPY\x01\0${little(header.length, 2)}${header}`), pickle);
};
const legacyHead = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
const magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x190";

export const hidingPlaces: readonly HidingPlace[] = [
  { place: "a file by itself", fileName: "a.pkl", hide: (pickle) => pickle },
  {
    place: "a file behind another pickle",
    fileName: "a.pkl",
    hide: (pickle) => joined(latin1(nothing), pickle),
  },
  {
    place: "a torch archive",
    fileName: "a.pt",
    hide: (pickle) => zipFile([{ name: "m/data.pkl", data: pickle }]),
  },
  {
    place: "a deflated archive",
    fileName: "a.pt",
    hide: (pickle) => zipFile([{ name: "m/data.pkl", data: pickle, deflated: true }]),
  },
  {
    place: "an archive's pickle in capitals",
    fileName: "a.pt",
    hide: (pickle) => zipFile([{ name: "m/DATA.PKL", data: pickle }]),
  },
  { place: "a second data.pkl", fileName: "a.pt", hide: beside("m/data.pkl") },
  { place: "a member without an ending", fileName: "a.pt", hide: beside("m/extra") },
  { place: "a member among the storages", fileName: "a.pt", hide: beside("m/data/7") },
  { place: "a member of TorchScript's code", fileName: "a.pt", hide: beside("m/code/x") },
  {
    place: "the second pickle of a member",
    fileName: "a.pt",
    hide: (pickle) => beside("m/extra.pkl")(joined(latin1(nothing), pickle)),
  },
  { place: "a gzip in an archive", fileName: "a.pt", hide: (pickle) => beside("m/x.gz")(gzipSync(pickle)) },
  {
    place: "a stream of zlib in an archive",
    fileName: "a.pt",
    hide: (pickle) => beside("m/x")(deflateSync(pickle)),
  },
  {
    place: "an archive in an archive",
    fileName: "a.pt",
    hide: (pickle) => beside("m/x.zip")(zipFile([{ name: "y", data: pickle }])),
  },
  { place: "an array of objects", fileName: "a.npy", hide: objectArray },
  {
    place: "an array of objects in an archive",
    fileName: "a.npz",
    hide: (pickle) => zipFile([{ name: "x.npy", data: objectArray(pickle), deflated: true }]),
  },
  {
    place: "a legacy file",
    fileName: "a.pt",
    hide: (pickle) => joined(latin1(legacyHead), pickle, latin1("\x80\x02].")),
  },
  {
    place: "a legacy file behind its storages",
    fileName: "a.pt",
    hide: (pickle) => joined(latin1(`${legacyHead}${nothing}\x80\x02].`), pickle),
  },
  {
    place: "a file that begins with torch's number and drops it",
    fileName: "a.pt",
    hide: (pickle) => joined(latin1(magic), pickle),
  },
  { place: "bytes in a pickle", fileName: "a.pkl", hide: (pickle) => inPickle(inBytes(pickle)) },
  {
    place: "bytes in bytes in a pickle",
    fileName: "a.pkl",
    hide: (pickle) => inPickle(inBytes(inPickle(inBytes(pickle)))),
  },
  {
    place: "bytes behind another pickle there",
    fileName: "a.pkl",
    hide: (pickle) => inPickle(inBytes(joined(latin1(nothing), pickle))),
  },
  {
    place: "long bytes in a pickle",
    fileName: "a.pkl",
    hide: (pickle) => inPickle(inBytes(joined(pickle, new Uint8Array(70_000)))),
  },
  {
    place: "compressed bytes in a pickle",
    fileName: "a.pkl",
    hide: (pickle) => inPickle(inBytes(deflateSync(pickle))),
  },
  {
    place: "an archive in a pickle",
    fileName: "a.pkl",
    hide: (pickle) => inPickle(inBytes(zipFile([{ name: "x", data: pickle }]))),
  },
  {
    place: "a torch file in a pickle",
    fileName: "a.pkl",
    hide: (pickle) =>
      inPickle(
        call(
          global("torch.storage", "_load_from_bytes"),
          inBytes(zipFile([{ name: "m/data.pkl", data: pickle }])),
        ),
      ),
  },
  { place: "a gzip", fileName: "a.pkl.gz", hide: (pickle) => gzipSync(pickle) },
  { place: "a stream of zlib", fileName: "a.joblib", hide: (pickle) => deflateSync(pickle) },
  {
    place: "a gzip of an archive",
    fileName: "a.gz",
    hide: (pickle) => gzipSync(zipFile([{ name: "x", data: pickle }])),
  },
  {
    place: "a tar in a gzip",
    fileName: "a.tgz",
    hide: (pickle) => gzipSync(tarFile([{ name: "x/y", content: pickle }])),
  },
  {
    place: "a tar in a tar in an archive in a gzip",
    fileName: "a.gz",
    hide: (pickle) => {
      const inner = tarFile([{ name: "x", content: tarFile([{ name: "y", content: pickle }]) }]);
      return gzipSync(zipFile([{ name: "z", data: inner }]));
    },
  },
  {
    place: "bytes in MessagePack",
    fileName: "a.msgpack",
    hide: (pickle) =>
      joined(latin1(`\x81\xa1a\x82\xa4data\xc6${big(pickle.length)}`), pickle, latin1("\xa2nd\xc3")),
  },
  {
    place: "an extension of MessagePack",
    fileName: "a.msgpack",
    hide: (pickle) => joined(latin1(`\x81\xa1a\x81\xa1b\xc9${big(pickle.length)}\x2a`), pickle),
  },
  {
    place: "a gzip that is cut",
    fileName: "a.gz",
    hide: (pickle) => gzipSync(joined(pickle, randomTail)).slice(0, -400),
  },
  {
    place: "an archive behind a pickle",
    fileName: "a.pkl",
    hide: (pickle) => zipFile([{ name: "m/data.pkl", data: pickle }], { prefix: latin1(nothing) }),
  },
  {
    place: "a pickle before an archive",
    fileName: "a.pkl",
    hide: (pickle) => zipFile([{ name: "m/data.pkl", data: latin1(nothing) }], { prefix: pickle }),
  },
  {
    place: "the first of two archives",
    fileName: "a.pt",
    hide: (pickle) =>
      joined(
        zipFile([{ name: "m/data.pkl", data: pickle }]),
        zipFile([{ name: "m/data.pkl", data: latin1(nothing) }]),
      ),
  },
];

/** A length of four bytes, the highest first. */
function big(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** Bytes that do not compress, so that a cut hits them. */
const randomTail = Uint8Array.from({ length: 1000 }, (_, at) => (at * at * 31 + (at >> 3) * 17) & 0xff);
