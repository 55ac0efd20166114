// SPDX-License-Identifier: MIT
// Shapes that the methods of a log and of its streams take and give.

import type { HeadersInput } from './headers.js';
import type { Key } from './key.js';
import type { NativeStats } from './native.js';
import type { Durability } from './options.js';
import type { Damage } from './report.js';

export type { Key } from './key.js';

/** Options of what only waits. */
export interface WaitOptions {
  /** Ends the wait: the promise rejects with `signal.reason`. What was submitted goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a batch. */
export interface BatchOptions extends WaitOptions {
  /** When the promise resolves. Default: the log's `durability`. */
  readonly durability?: Durability | undefined;
}

/** Options of one append. */
export interface AppendOptions extends BatchOptions {
  /**
   * The sequence that the record will get, `nextSeq` of the stream: appends only then, and rejects with SEQ_CONFLICT
   * otherwise, with the sequence that it would get as `actualSeq`. Where the record of that sequence is there already
   * with the same data and headers, the append is a retry, and resolves with that record.
   */
  readonly expectedSeq?: number | undefined;
  /** Headers to store with the record. At most 64 KiB encoded. */
  readonly headers?: HeadersInput | undefined;
}

/** Options of a batch that is committed on the calling thread. */
export interface SyncBatchOptions {
  /** When the call returns. Default: the log's `durability`. */
  readonly durability?: Durability | undefined;
}

/** Options of one append that is committed on the calling thread. */
export interface SyncAppendOptions extends SyncBatchOptions {
  /** Headers to store with the record. At most 64 KiB encoded. */
  readonly headers?: HeadersInput | undefined;
}

/** Options of one ingested record. */
export interface IngestOptions {
  /** Headers to store with the record. At most 64 KiB encoded. */
  readonly headers?: HeadersInput | undefined;
}

/** One record of a batch. */
export interface BatchRecord extends StreamBatchRecord {
  readonly key: string | Uint8Array;
}

/** One record of a batch to one stream. */
export interface StreamBatchRecord {
  readonly data: string | Uint8Array;
  readonly headers?: HeadersInput | undefined;
}

/** A record of a batch to one stream, or its data alone. */
export type RecordChunk = string | Uint8Array | StreamBatchRecord;

/** What an append resolves with. */
export interface AppendResult {
  /** The record's number in its stream: 1, 2, 3 … without gaps. */
  readonly seq: number;
  /** The record's number in the log: rising, never given out twice. */
  readonly lsn: number;
  /** Names this record and no other, for good: `<stream id in hex>-<seq>-<lsn>`. Store it as it is. */
  readonly ref: string;
}

/** What a batch resolves with. */
export interface BatchResult {
  /** The LSN of the first record; the others follow without a gap. 0 for an empty batch. */
  readonly firstLsn: number;
  /** One per record, in the order given. */
  readonly records: readonly AppendResult[];
}

/** Options of all reads of ranges. */
export interface ReadOptions extends WaitOptions {
  /** The first sequence to read. Default 1; what is not there (any more) is passed over. */
  readonly from?: number | undefined;
  /** The last sequence to read, included. Default: whatever is visible when the reader gets there. */
  readonly to?: number | undefined;
  /**
   * `'acknowledged'` (default): records of `'sync'` appends once durable, of the weaker modes once accepted.
   * `'accepted'`: everything accepted, also what a failed sync may take back.
   */
  readonly visible?: 'acknowledged' | 'accepted' | undefined;
  /** Bytes to read at a time. Default 1 MiB, minimum 1; a batch has at least one record. */
  readonly batchBytes?: number | undefined;
  /** Called for damage that is passed over, in logs opened with `onCorruption: 'skip'`. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
}

/** Options of a read over all streams. */
export interface LogReadOptions extends WaitOptions {
  /** The first LSN to read. Default 1. */
  readonly fromLsn?: number | undefined;
  /** Only these streams. Default: all that have records when the read begins. */
  readonly keys?: readonly (string | Uint8Array)[] | undefined;
  /** See {@link ReadOptions.onDamage}. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
}

/** A stream as it is now. */
export interface StreamInfo {
  readonly key: Key;
  /** The stream's identity in hex, never reused. */
  readonly id: string;
  /** Of the first record that is there, and of the next one that will be visible. */
  readonly firstSeq: number;
  readonly nextSeq: number;
  /** Bytes in its segments and in those that it shares, framing included. */
  readonly bytes: number;
  /** Segments of its own: none while it is tiny, see `sharedStreamBytesMax`. */
  readonly segments: number;
  /** LSN and log time (µs since 1970) of the last visible record; 0 where all records are truncated. */
  readonly lastLsn: number;
  readonly lastTimeUs: number;
  /** Log time of the stream's creation, µs since 1970. */
  readonly createdUs: number;
}

/** Counters since the log was opened, and its present state. Times are in µs, sizes in bytes. */
export interface LogStats extends NativeStats {
  /** Appends that wait in JavaScript for room in the buffer. */
  readonly appendsWaiting: number;
}
