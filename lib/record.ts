// SPDX-License-Identifier: MIT
// Records as they are read: views over a slab of verified bytes, which the garbage collector owns.

import { checkInteger } from './check.js';
import { decodeHeaders, type Headers } from './headers.js';
import type { Key } from './key.js';
import type { NativePlace, NativeReadResult } from './native.js';
import type { StreamRef } from './stream-ref.js';
import { formatRef } from './tickets.js';

/** What a record is: `data` is what append writes. */
export type RecordKind = 'data' | 'checkpoint' | 'filler' | 'operation';

const KINDS: readonly RecordKind[] = ['data', 'checkpoint', 'filler', 'operation'];

// The columns of a read result, as the core's RecordColumns has them.
const COLUMNS = 7;
const LSN = 0;
const TIME_US = 1;
const HEADERS_OFFSET = 2;
const HEADERS_BYTES = 3;
const DATA_OFFSET = 4;
const DATA_BYTES = 5;
const KIND = 6;

/**
 * A record. `data` and headers of bytes are views: while one of them is reachable, so is the whole slab of about 1 MiB
 * in which it lies. Keep `record.copy()` instead where few records are kept of many read.
 */
export class LogRecord {
  /** The record's number in its stream. */
  readonly seq: number;
  /** The record's number in the log. */
  readonly lsn: number;
  /** Log time of the commit, in µs since 1970. */
  readonly timeUs: number;
  readonly kind: RecordKind;
  readonly #stream: ReadStream;
  readonly #dataBytes: Buffer;
  readonly #headerBytes: Buffer;
  #headers: Headers | undefined;

  /** @internal */
  constructor(
    stream: ReadStream,
    seq: number,
    lsn: number,
    timeUs: number,
    kind: RecordKind,
    data: Buffer,
    headerBytes: Buffer,
  ) {
    this.#stream = stream;
    this.seq = seq;
    this.lsn = lsn;
    this.timeUs = timeUs;
    this.kind = kind;
    this.#dataBytes = data;
    this.#headerBytes = headerBytes;
  }

  /** The stream's key: a string, or a `Buffer` where its bytes are not UTF-8. */
  get key(): Key {
    return this.#stream.ref.key;
  }

  /** The bytes that were appended. A view, see {@link LogRecord}. */
  get data(): Buffer {
    return this.#dataBytes;
  }

  /** The headers as they were written, by name; an empty object where there were none. */
  get headers(): Headers {
    this.#headers ??= decodeHeaders(this.#headerBytes);
    return this.#headers;
  }

  /** Names this record for good, see `AppendResult.ref`. */
  get ref(): string {
    return formatRef(this.#stream.id, this.seq, this.lsn);
  }

  /** The same record in memory of its own, which pins nothing else. */
  copy(): LogRecord {
    const own = (bytes: Buffer) => Buffer.from(Uint8Array.from(bytes).buffer);
    const { seq, lsn, timeUs, kind } = this;
    return new LogRecord(this.#stream, seq, lsn, timeUs, kind, own(this.#dataBytes), own(this.#headerBytes));
  }
}

/** Where a record lies. */
export interface RecordLocation {
  /** The segment's file, relative to the log's directory. */
  readonly file: string;
  /** The segment's id in hex, never reused. */
  readonly segmentId: string;
  /** Where in the file the frame begins that the record is in, and the record itself, in bytes. */
  readonly frameOffset: number;
  readonly recordOffset: number;
  /** The frame, header and body, as it lies or will lie in the file. A copy. */
  readonly frame: Buffer;
  /** Whether all of the frame is durable in the file. False: so far in the journal only. */
  readonly inFile: boolean;
}

/** A stream that is being read: it has records, so that its id is known. */
export interface ReadStream {
  readonly ref: StreamRef;
  readonly id: string;
}

/** Records of one stream in order, without gaps, read at once. Iterating it is synchronous. */
export class RecordBatch implements Iterable<LogRecord> {
  /** How many records it has: at least one. */
  readonly length: number;
  readonly firstSeq: number;
  readonly #stream: ReadStream;
  readonly #slab: Buffer;
  readonly #columns: Float64Array;
  readonly #place: NativePlace | undefined;
  readonly #kinds: readonly string[];

  /** @internal */
  constructor(stream: ReadStream, result: NativeReadResult, kinds: readonly string[]) {
    this.#stream = stream;
    this.#slab = result.slab;
    this.#columns = result.columns;
    this.#place = result.place;
    this.#kinds = kinds;
    this.firstSeq = result.firstSeq;
    this.length = result.columns.length / COLUMNS;
  }

  /** @internal Where its first record lies, if the read asked for it. */
  locationOfFirst(): RecordLocation | undefined {
    if (this.#place === undefined) return undefined;
    const { framePosition, frameBytes, ...rest } = this.#place;
    const frame = Buffer.from(Uint8Array.from(this.#slab.subarray(framePosition, framePosition + frameBytes)).buffer);
    return { ...rest, frame };
  }

  get lastSeq(): number {
    return this.firstSeq + this.length - 1;
  }

  /** The stream's key. */
  get key(): Key {
    return this.#stream.ref.key;
  }

  /** The record at `index`, counted from 0. Throws RangeError where there is none, and TypeError. */
  at(index: number): LogRecord {
    checkInteger(index, 'index', 0, this.length - 1);
    const base = index * COLUMNS;
    return new LogRecord(
      this.#stream,
      this.firstSeq + index,
      this.#number(base + LSN),
      this.#number(base + TIME_US),
      this.#kind(base),
      this.#bytes(base + DATA_OFFSET, base + DATA_BYTES),
      this.#bytes(base + HEADERS_OFFSET, base + HEADERS_BYTES),
    );
  }

  [Symbol.iterator](): IterableIterator<LogRecord> {
    return new BatchIterator(this);
  }

  #number(at: number): number {
    return this.#columns[at] ?? 0;
  }

  #bytes(offsetAt: number, countAt: number): Buffer {
    const offset = this.#number(offsetAt);
    return this.#slab.subarray(offset, offset + this.#number(countAt));
  }

  #kind(base: number): RecordKind {
    const name = this.#kinds[this.#number(base + KIND)];
    const kind = KINDS.find((one) => one === name);
    if (kind === undefined) throw new Error(`The addon returned a record of unknown kind ${name}`);
    return kind;
  }
}

class BatchIterator implements IterableIterator<LogRecord> {
  readonly #batch: RecordBatch;
  #index = 0;

  constructor(batch: RecordBatch) {
    this.#batch = batch;
  }

  next(): IteratorResult<LogRecord, undefined> {
    if (this.#index >= this.#batch.length) return { done: true, value: undefined };
    return { done: false, value: this.#batch.at(this.#index++) };
  }

  [Symbol.iterator](): this {
    return this;
  }
}
