/**
 * Every bound on what a file may make us do, with its reason. A number in a header is a claim by a stranger:
 * it is checked against these and against the file's size before anything is allocated.
 */

/** The reference safetensors reader refuses larger headers (safetensors 0.8, `MAX_HEADER_SIZE`). */
export const maxSafetensorsHeaderBytes = 100_000_000;

/** The reference reader uses serde_json, which refuses the 128th level. */
export const maxHeaderDepth = 127;

/** NumPy and PyTorch compute with at most 64 axes; a header of 100 MB could claim fifty million for one tensor. */
export const maxTensorAxes = 256;

/** The longest name of a dtype has 11 characters. What is longer is no unknown dtype but damage. */
export const maxDtypeLength = 64;

/** Longer names are hostile; what is shown of them is cut here. The longest real name seen has 180 characters. */
export const maxShownNameLength = 2000;

/**
 * First read of a safetensors file. Covers the whole header of adapters and of most shards, so that they
 * open in one read; larger headers take one more.
 */
export const headerProbeBytes = 64 * 1024;

/** An index of 89,088 tensors has 9 MB; ten times that is still read in a second. */
export const maxIndexBytes = 100_000_000;

/** trainer_state.json with a million log entries has about 150 MB. */
export const maxTrainerStateBytes = 256_000_000;

/** Points of logs that nobody follows are kept up to here: who asks next need not read them again. */
export const keptLogBytes = 16_000_000;

/** Logs of one run that a list of runs reads by the way, for a line of text each: about three seconds. */
export const maxStatusLogBytes = 256_000_000;

/** config.json, adapter_config.json and the like; the largest seen (AdaLoRA's boolean lists) has 2 MB. */
export const maxConfigBytes = 16_000_000;

/** Of a tokenizer's files, in which the tokens that were added stand first. */
export const maxTokenListBytes = 2_000_000;

/** Shards of one model. The largest published models have some hundreds; the tensor table numbers files in 16 bits. */
export const maxShards = 20_000;

/** Headers read at once: enough to hide latency of a network disk, few enough file descriptors. */
export const parallelShardReads = 16;

/** Problems of one kind listed one by one before the rest is counted: a broken header can hold a million. */
export const maxListedProblems = 200;

/** Whole-file reads for file systems without ranged reads (`vscode-vfs:` and other remote schemes). */
export const maxWholeFileBytes = 256_000_000;

/** A trainer_state.json up to here is parsed on open (about 0.1 s); a larger one when its charts are asked for. */
export const maxEagerTrainerStateBytes = 8_000_000;

/** Entries of a checkpoint's folder that are looked at; a folder of downloads may hold any number. */
export const maxListedFiles = 2000;

/** The directory of a torch file takes about 100 bytes for each storage: two million storages. */
export const maxZipDirectoryBytes = 200_000_000;

/** A compressed member of an archive is kept inflated up to here; of a larger one only the asked-for part is. */
export const maxInflatedBytes = 128_000_000;

/**
 * Opcodes of one pickle: a model of 89,088 tensors has three million, and a hundred million run for some seconds. One
 * that is compressed may have the smaller number and so many for each byte that it takes, so that few bytes cost little.
 */
export const maxPickleOpcodes = 100_000_000;
export const smallPickleOpcodes = 2_000_000;
export const maxOpcodesPerByte = 20;

/**
 * Memory that one unpickled value may take, as V8 keeps it. Real pickles need four times their bytes, ten times where
 * they are compressed. A state dict takes some 750 bytes a tensor: a million fit.
 */
export const maxPickleRetainedBytes = 1_000_000_000;
export const smallPickleRetainedBytes = 16_000_000;
export const maxRetainedPerByte = 40;

/** Longer bytes of a pickle stay in the file: an array of gigabytes is passed over and read when it is wanted. */
export const maxInlinePickleBytes = 64 * 1024;

/** The same for strings, in which protocol 2 writes the bytes of arrays. The longest real text is a licence. */
export const maxInlinePickleText = 1024 * 1024;

/** A line of protocol 0 holds a name, a number or a whole string. */
export const maxPickleLineBytes = 16 * 1024 * 1024;

/** Integers of more bytes are no numbers that anyone reads; arithmetic on them would take long. */
export const maxPickleIntegerBytes = 4096;

/** Distinct imports of a file; real files name at most some hundred. */
export const maxPickleImports = 10_000;

/** Of a module or of a name; the longest real one has some hundred characters. A longer one is cut, and no honest one. */
export const maxImportNameLength = 500;

/** The first read of a pickle's stream; the pickle of a usual checkpoint is smaller. Each next is twice as long. */
export const pickleWindowBytes = 64 * 1024;
export const maxPickleWindowBytes = 1024 * 1024;

/** What a view may span in its storage to be gathered from one read. */
export const maxGatherBytes = 256_000_000;

/** A sparse tensor is shown as a dense one up to here. */
export const maxDenseBytes = 256_000_000;

/** Tensors inside of tensors: a parameter of a subclass of a quantised tensor has three levels. */
export const maxTensorNesting = 16;

/** Text of protocol 2 that is decoded to an array's bytes when those are asked for. */
export const maxLatin1TextBytes = 1_000_000_000;

/** Tensors of one file. The largest published models have some hundred thousand. */
export const maxCollectedTensors = 1_000_000;

/** Of a pickle, where one tensor under many names costs nothing: so many, and one more for each of some bytes. */
export const smallFileTensors = 15_000;
export const fileBytesPerTensor = 8;

/** Characters of their names in all: a name is as long as what it stands in is deep. */
export const maxTensorNameCharacters = 100_000_000;
export const smallFileNameCharacters = 8_000_000;

/** Values looked at for tensors, and levels of them; sharing makes this differ from what is in the file. */
export const maxWalkedValues = 20_000_000;
export const smallFileWalkedValues = 4_000_000;
/** Python's own pickler fails at a thousand. */
export const maxWalkedDepth = 10_000;

/** Pickles inside of pickles: how many are looked into, how many bytes of them in all, and how deep they nest. */
export const maxNestedPickles = 20_000;
export const maxNestedPickleBytes = 64_000_000;
export const maxNestedPickleDepth = 8;

/** A pickle up to here is read at once; a longer one holds arrays, which are passed over. */
export const maxEagerPickleBytes = 4 * 1024 * 1024;

/** What a look into one torch file for the tree of runs may read: the pickle of a model of 20,000 tensors. */
export const maxProbeBytes = 4_000_000;

/** The same for a folder of many processes: the directory of 30,000 chunks, or the pickles of 64 ranks. */
export const maxFolderProbeBytes = 32_000_000;

/** What all looks of one search may read; the rest is looked into by the next. */
export const maxSearchProbeBytes = 128_000_000;

/** Members such as `byteorder` hold a word. */
export const maxSmallMemberBytes = 1024;

/** Pickles in an archive besides the one that is shown, and the longest of them that is looked into. */
export const maxScannedMembers = 500;
export const maxScannedMemberBytes = 64_000_000;

/** Tensors × checkpoints of a timeline of weights: with two pairs each, 64 bytes a pair, 250 MB in the worker. */
export const maxTimelineCells = 2_000_000;

/** Pickles that follow each other in one file. */
export const maxFollowingPickles = 1000;

/** Files in one tar archive. Each takes a read; a `.nemo` has some tens, one saved by shards some thousand. */
export const maxTarMembers = 20_000;

/** What the groups, headers and indexes of one HDF5 file may take: a model of 20,000 datasets needs 20 MB. */
export const maxHdf5DirectoryBytes = 512_000_000;

/** Messages of one object of an HDF5 file; the library itself writes attributes elsewhere from nine on. */
export const maxHdf5Messages = 65_536;

/** Names in one group. */
export const maxHdf5Links = 1_000_000;

/** Groups in groups: a model of blocks in blocks has ten. Each makes the names of all below it longer. */
export const maxHdf5Depth = 100;

/** Attributes of a whole HDF5 file that are shown; those of one object that are read, because programs unpickle some. */
export const maxShownAttributes = 1000;
export const maxReadAttributes = 10_000;

/** Chunks of one tensor: a terabyte in chunks of 256 kB. */
export const maxHdf5Chunks = 4_000_000;

/** A chunk is held whole while it is read; HDF5's own cache holds 1 MB, and writers choose chunks to fit. */
export const maxChunkBytes = 512_000_000;

/** Chunks of one tensor that are kept unpacked, so that reading it row by row unpacks each once. */
export const maxKeptChunkBytes = 128_000_000;

/** The index of a TensorFlow checkpoint has about 60 bytes a tensor. */
export const maxTensorflowIndexBytes = 256_000_000;

/** What hangs on what in a TensorFlow checkpoint: some 30 bytes an object, and large programs have 100,000. */
export const maxObjectGraphBytes = 32_000_000;

/** TensorFlow writes blocks of 256 kB; one of a single long key is still no longer than this. */
export const maxTableBlockBytes = 16_000_000;

/** Keys of an OCDBT database: one a chunk, and one a tensor. */
export const maxOcdbtKeys = 4_000_000;

/** Nodes of its tree, each a read; Orbax's fit in one or in some tens. */
export const maxOcdbtNodes = 100_000;

/** Files below a zarr folder, where each chunk is one. */
export const maxZarrFiles = 1_000_000;
