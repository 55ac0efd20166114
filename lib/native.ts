// SPDX-License-Identifier: MIT
// The addon and its shape, which native/binding/log_functions.h documents. Nothing else loads it, and nothing else
// in lib/ asserts a type.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Failure, SeglogError } from './errors.js';

/** The External of an open log. */
export interface NativeLog {
  readonly external: unique symbol;
}

export interface NativeDamage {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly what: string;
  readonly key?: Buffer;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  readonly firstLsn: number | undefined;
  readonly lastLsn: number | undefined;
}

export interface NativeRecovery {
  readonly status: 'new' | 'clean' | 'recovered' | 'torn-tail' | 'corrupt';
  readonly durationUs: number;
  readonly journalFiles: number;
  readonly journalBytesRead: number;
  readonly streams: number;
  readonly segments: number;
  readonly recordsReplayed: number;
  readonly replayedFirstLsn: number;
  readonly replayedLastLsn: number;
  readonly replayed: readonly { readonly key: Buffer; readonly firstSeq: number; readonly lastSeq: number }[];
  readonly clockWallUs: number;
  readonly clockStoredUs: number;
  readonly clockBehind: boolean;
  readonly clockFarAhead: boolean;
  readonly pendingBytes: number;
  readonly commitsAccepted: number;
  readonly lastCommit: number;
  readonly durableCommit: number;
  readonly lastLsn: number;
  readonly nextLsn: number;
  readonly tornFile: string;
  readonly tornOffset: number;
  readonly tornBytes: number;
  readonly voidCommits: number;
  readonly voidRecords: number;
  readonly voidFirstLsn: number;
  readonly voidLastLsn: number;
  readonly mayHaveBeenAcknowledged: boolean;
  readonly lostFirstLsn: number;
  readonly lostLastLsn: number;
  readonly damage: readonly NativeDamage[];
  readonly changes: readonly string[];
  readonly rows: Readonly<Record<string, number>>;
}

export interface NativeStats {
  readonly commits: number;
  readonly syncs: number;
  readonly markBlocks: number;
  readonly records: number;
  readonly journalBytesWritten: number;
  readonly segmentBytesWritten: number;
  /** Of these, what went straight to segments and never to the journal: see `outOfLineBytes`. */
  readonly bodyBytesWritten: number;
  readonly checkpoints: number;
  readonly carriedBytes: number;
  readonly segmentsSealed: number;
  readonly segmentsRecycled: number;
  readonly journalLiveBytes: number;
  readonly pendingBytes: number;
  readonly waitingBytes: number;
  readonly waitingRequests: number;
  readonly openSegments: number;
  readonly streams: number;
  readonly durableLsn: number;
  readonly nextLsn: number;
  readonly generation: number;
  readonly commit: number;
  readonly durableCommit: number;
  readonly noSpace: boolean;
  readonly failed: boolean;
  readonly writeMethod: string;
  readonly checksumMethod: string;
  /** In this process, whatever the log. */
  readonly native: NativeObjects;
}

/** How many there are in this process: open logs, their channels (one for each environment), rings of these. */
export interface NativeObjects {
  readonly logs: number;
  readonly channels: number;
  readonly rings: number;
}

export interface NativeStreamInfo {
  readonly key: Buffer;
  readonly id: string;
  readonly handle: number;
  readonly firstSeq: number;
  readonly nextSeq: number;
  readonly bytes: number;
  readonly segments: number;
  readonly lastLsn: number;
  readonly lastTimeUs: number;
  readonly createdUs: number;
}

/** Where the first record of a read lies; `framePosition` is in the slab. */
export interface NativePlace {
  readonly file: string;
  readonly segmentId: string;
  readonly frameOffset: number;
  readonly recordOffset: number;
  readonly framePosition: number;
  readonly frameBytes: number;
  readonly inFile: boolean;
}

export interface NativeReadResult {
  readonly token: number;
  readonly failure: Failure | undefined;
  readonly slab: Buffer;
  readonly columns: Float64Array;
  readonly firstSeq: number;
  readonly nextSeq: number;
  readonly atEnd: boolean;
  readonly damage: readonly NativeDamage[];
  readonly place: NativePlace | undefined;
}

export interface NativeVerifyReport {
  readonly segments: number;
  readonly sealedSegments: number;
  readonly bytes: number;
  readonly records: number;
  readonly damage: readonly NativeDamage[];
  readonly damageOmitted: number;
}

/** Progress, or, with `done`, the answer. */
export interface NativeVerifyResult {
  readonly token: number;
  readonly done: boolean;
  readonly failure: Failure | undefined;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly segmentsDone: number;
  readonly segmentsTotal: number;
  readonly report?: NativeVerifyReport;
}

/** An answer that is a failure, or of a batch of several records. */
export interface NativeCompletion {
  readonly token: number;
  readonly failure: Failure | undefined;
  readonly firstLsn: number;
  readonly sequences: Float64Array;
}

/** What `take` met besides single appends. */
export interface NativeRest {
  readonly completions: readonly NativeCompletion[];
  readonly reads: readonly NativeReadResult[];
  readonly verifications: readonly NativeVerifyResult[];
}

/** Offsets in bytes and the numbers of the kinds of entries: native/core/log/append_ring.h. */
export interface NativeRing {
  readonly tail: number;
  readonly wrap: number;
  readonly head: number;
  readonly sleep: number;
  readonly poll: number;
  readonly answer: number;
  readonly refuse: number;
  readonly epoch: number;
  readonly sharers: number;
  readonly called: number;
  readonly entries: number;
  readonly unitBytes: number;
  readonly skip: number;
  readonly append: number;
  readonly batch: number;
  readonly request: number;
  readonly ingest: number;
  readonly expect: number;
  readonly expectedBytes: number;
  readonly durabilityShift: number;
  readonly entryUnits: number;
  readonly entryKind: number;
  readonly entryTicket: number;
  readonly entryStream: number;
  readonly entryHeadersBytes: number;
  readonly entryDataBytes: number;
  readonly entryBytes: number;
  readonly rowStream: number;
  readonly rowHeadersBytes: number;
  readonly rowDataBytes: number;
  readonly rowBytes: number;
}

export interface NativeAddon {
  readonly constants: {
    readonly optionNames: readonly string[];
    readonly optionDefaults: Float64Array;
    readonly durabilities: readonly string[];
    readonly createModes: readonly string[];
    readonly recordKinds: readonly string[];
    readonly ring: NativeRing;
  };
  open(
    directory: string,
    createMode: number,
    readOnly: boolean,
    skipCorruption: boolean,
    direct: boolean,
    optionValues: Float64Array,
    lockOwner: string,
    terms: string,
    token: number,
    ring: ArrayBuffer,
    answers: Float64Array,
    wake: () => void,
  ): NativeLog;
  release(log: NativeLog): void;
  keepAlive(log: NativeLog, keep: boolean): void;
  /** Writes answers into the array that `open` got: 1 where there is more, then token, first LSN, sequence of each. */
  take(log: NativeLog): number;
  takeRest(log: NativeLog): NativeRest;
  /** The answer in the array, or, of a failure or a batch of several records, as an object. */
  awaitHere(log: NativeLog, token: number): NativeCompletion | undefined;
  rouse(log: NativeLog): void;
  tellRefusal(log: NativeLog): Failure | undefined;
  recovery(log: NativeLog): NativeRecovery;
  stats(log: NativeLog): NativeStats;
  durableLsn(log: NativeLog): number;
  /** -1 where there is none and `add` is false. */
  handleOf(log: NativeLog, key: Uint8Array, add: boolean): number;
  describe(log: NativeLog, stream: number): NativeStreamInfo | undefined;
  streams(log: NativeLog, prefix: Uint8Array): NativeStreamInfo[];
  append(
    log: NativeLog,
    stream: number,
    data: Uint8Array,
    headers: Uint8Array | undefined,
    durability: number,
    token: number,
    expectedSeq: number,
  ): Failure | undefined;
  appendBatch(
    log: NativeLog,
    bytes: Uint8Array,
    layout: Float64Array,
    durability: number,
    token: number,
  ): Failure | undefined;
  sync(log: NativeLog, token: number): void;
  waitDurable(log: NativeLog, lsn: number, token: number): void;
  drain(log: NativeLog, token: number): void;
  seal(log: NativeLog, stream: number, token: number): void;
  truncateBefore(log: NativeLog, stream: number, seq: number, token: number): void;
  resume(log: NativeLog): void;
  close(log: NativeLog, token: number): void;
  read(
    log: NativeLog,
    stream: number,
    fromSeq: number,
    toSeq: number,
    fromLsn: number,
    bytesMax: number,
    accepted: boolean,
    skipCorruption: boolean,
    locate: boolean,
    token: number,
  ): void;
  verify(log: NativeLog, withProgress: boolean, token: number): void;
  cancelVerify(log: NativeLog, token: number): void;
}

let loaded: NativeAddon | undefined;

/** The addon, loaded when it is first needed, so that importing the package works on every platform. */
export function loadNative(): NativeAddon {
  if (loaded !== undefined) return loaded;
  if (process.platform === 'win32') {
    throw new SeglogError(
      'UNSUPPORTED',
      'seglog does not run on Windows: its guarantees are neither built nor tested there',
    );
  }
  const load = createRequire(import.meta.url)('node-gyp-build') as (directory: string) => NativeAddon;
  try {
    loaded = load(fileURLToPath(new URL('..', import.meta.url)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new SeglogError(
      'UNSUPPORTED',
      `seglog has no addon that loads here. "npm rebuild seglog" builds one, with a C++20 compiler, make and Python. ${reason}`,
      { cause },
    );
  }
  return loaded;
}
