// SPDX-License-Identifier: MIT
// A stream's records through a Writable of Node. One batch of them is under way at a time: what is written meanwhile
// waits in the Writable's buffer and goes as the next, so that each commit takes all there is, and what is stored is
// always a beginning of what was written.

import { addAbortSignal, Writable } from 'node:stream';
import { types } from 'node:util';
import { CHUNK_EXPECTED, type CheckedRecord, checkRecord } from './append.js';
import { Batch, UTF8_BYTES_PER_CHARACTER_MAX } from './batch.js';
import { checkFields, checkInteger, checkOptions, checkSignal, expectedMessage, lengthOf } from './check.js';
import type { Engine } from './engine.js';
import { readOnlyError, typeError } from './errors.js';
import { checkDurability, type Durability } from './options.js';
import { LogRecord } from './record.js';
import type { StreamRef } from './stream-ref.js';
import type { RecordChunk } from './types.js';

const OPTIONS = ['durability', 'highWaterMark', 'defaultEncoding', 'signal'];
const RECORD_FIELDS = ['data', 'headers'];
/** A commit takes at most so many: with a flush of 5 ms still some 100,000 records a second. */
const RECORDS_BUFFERED = 4096;
/** A batch of several records has at most this many bytes, */
const BATCH_BYTES = 1024 * 1024;
/** and at most this part of bufferedBytesMax, so that the ring has room for it. */
const BATCH_PART = 1 / 8;
/** What a record costs beside its bytes. */
const RECORD_EXTRA_BYTES = 32;
const UTF8 = /^utf-?8$/i;

/** Options of {@link Stream.writable}. Unknown ones throw. */
export interface RecordWritableOptions {
  /** When a record is acknowledged. Default: the log's `durability`. */
  readonly durability?: Durability | undefined;
  /**
   * Records that wait to be acknowledged before `write` returns false. Also the most that one commit takes, so that
   * fewer cost throughput and more cost memory. Default 4,096; minimum 1.
   */
  readonly highWaterMark?: number | undefined;
  /** The encoding of strings that are written without one. Default `'utf8'`. */
  readonly defaultEncoding?: BufferEncoding | undefined;
  /** Destroys the writable with an `AbortError` (code ABORT_ERR), whose `cause` is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

type WriteCallback = (error: Error | null | undefined) => void;

/**
 * A Writable whose every chunk is a record of one stream. Made by {@link Stream.writable}, which says what it promises.
 */
export interface RecordWritable extends Writable {
  write(chunk: RecordChunk, callback?: WriteCallback): boolean;
  write(chunk: RecordChunk, encoding: BufferEncoding, callback?: WriteCallback): boolean;
  end(callback?: () => void): this;
  end(chunk: RecordChunk, callback?: () => void): this;
  end(chunk: RecordChunk, encoding: BufferEncoding, callback?: () => void): this;
}

interface Written {
  readonly chunk: RecordChunk;
  readonly encoding: BufferEncoding | null | undefined;
}

/** See {@link Stream.writable}. */
export class StreamWritable extends Writable implements RecordWritable {
  readonly #engine: Engine;
  readonly #ref: StreamRef;
  readonly #durability: number;
  readonly #batchBytesMax: number;
  #defaultEncoding: BufferEncoding;
  /** Written since everything was acknowledged last. */
  #bytes = 0;
  /** `write` has returned false for the bytes, where Node counts records only. */
  #owesDrain = false;
  /** Resolves when the batch under way is settled. Never rejects. */
  #underWay: Promise<void> = Promise.resolve();

  constructor(engine: Engine, ref: StreamRef, options: RecordWritableOptions | undefined) {
    if (options !== undefined) checkOptions(options, OPTIONS, 'writable');
    const { durability, highWaterMark = RECORDS_BUFFERED, defaultEncoding = 'utf8', signal } = options ?? {};
    checkInteger(highWaterMark, 'highWaterMark', 1);
    checkEncoding(defaultEncoding, 'defaultEncoding');
    checkSignal(signal, 'signal');
    const chosen = durability === undefined ? undefined : engine.durabilityIndex(checkDurability(durability));
    engine.log();
    if (engine.options.readOnly) throw readOnlyError();
    super({ objectMode: true, highWaterMark, defaultEncoding });
    this.#defaultEncoding = defaultEncoding;
    const { batchBytesMax, bufferedBytesMax } = engine.options;
    this.#engine = engine;
    this.#ref = ref;
    this.#durability = chosen ?? engine.durabilityDefault;
    this.#batchBytesMax = Math.min(BATCH_BYTES, batchBytesMax, bufferedBytesMax * BATCH_PART);
    // Not as an option of super(): of a signal that has aborted it would destroy what has no fields yet.
    if (signal !== undefined) addAbortSignal(signal, this);
  }

  override write(chunk: RecordChunk, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean {
    const bytes = bytesOf(chunk);
    const hasRoom =
      typeof encoding === 'string' ? super.write(chunk, encoding, callback) : super.write(chunk, encoding ?? callback);
    this.#bytes += bytes;
    if (!hasRoom || this.#bytes < this.#engine.highWaterBytes) return hasRoom;
    this.#owesDrain = true;
    return false;
  }

  // Node passes it on with chunks of bytes only.
  override setDefaultEncoding(encoding: BufferEncoding): this {
    super.setDefaultEncoding(encoding);
    this.#defaultEncoding = encoding;
    return this;
  }

  override _write(chunk: RecordChunk, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#take([{ chunk, encoding }], callback);
  }

  override _writev(written: Written[], callback: (error?: Error | null) => void): void {
    this.#take(written, callback);
  }

  // Nothing is under way any more when the stream is closed.
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    void this.#underWay.then(() => process.nextTick(callback, error));
  }

  // Listeners are called outside of the promise: what they throw is an uncaught exception, as with every stream.
  #take(written: readonly Written[], callback: (error?: Error | null) => void): void {
    this.#underWay = this.#append(written).then(
      () => process.nextTick(() => this.#acknowledge(written.length, callback)),
      (error: unknown) => process.nextTick(callback, asError(error)),
    );
  }

  // Where it was not the number of records that left no room, Node does not say when there is room again.
  #acknowledge(count: number, callback: () => void): void {
    if (this.writableLength === count) this.#bytes = 0;
    const nodeDrains = this.writableNeedDrain;
    callback();
    if (!this.#owesDrain || this.writableLength > 0) return;
    this.#owesDrain = false;
    if (!nodeDrains && !this.writableEnded && !this.destroyed) this.emit('drain');
  }

  // What lies before a chunk that is refused is stored first.
  async #append(written: readonly Written[]): Promise<void> {
    const { batchRecordsMax } = this.#engine.options;
    let records: CheckedRecord[] = [];
    let bytes = 0;
    for (const { chunk, encoding } of written) {
      let record: CheckedRecord;
      try {
        record = this.#check(chunk, encoding);
      } catch (error) {
        await this.#appendBatch(records);
        throw error;
      }
      const recordBytes = bytesMaxOf(record);
      if (bytes + recordBytes > this.#batchBytesMax || records.length === batchRecordsMax) {
        await this.#appendBatch(records);
        records = [];
        bytes = 0;
      }
      records.push(record);
      bytes += recordBytes;
    }
    await this.#appendBatch(records);
  }

  // May wait for room whatever else does: there is one batch of each writable. None follows destroy().
  async #appendBatch(records: readonly CheckedRecord[]): Promise<void> {
    if (records.length === 0) return;
    if (this.destroyed) throw this.errored ?? destroyedError();
    const batch = new Batch(records.length);
    for (const { headers, data, length } of records) batch.add(this.#ref, headers, data, length);
    await this.#engine.appendBatch(batch, this.#durability, undefined, true);
  }

  #check(chunk: RecordChunk, given: BufferEncoding | null | undefined): CheckedRecord {
    if (typeof chunk === 'string') {
      const encoding = given ?? this.#defaultEncoding;
      checkEncoding(encoding, 'the encoding');
      const data = UTF8.test(encoding) ? chunk : Buffer.from(chunk, encoding);
      return checkRecord(this.#engine, { data }, 'the chunk');
    }
    if (types.isUint8Array(chunk)) return checkRecord(this.#engine, { data: chunk }, 'the chunk');
    if (typeof chunk !== 'object') {
      throw typeError(expectedMessage(CHUNK_EXPECTED, 'the chunk', chunk));
    }
    // A record that was read has more fields.
    if (!(chunk instanceof LogRecord)) checkFields(chunk, RECORD_FIELDS, 'the chunk');
    return checkRecord(this.#engine, chunk, 'data of the chunk');
  }
}

// What Node's buffer keeps alive, about.
function bytesOf(chunk: unknown): number {
  const data = typeof chunk === 'object' && chunk !== null && 'data' in chunk ? chunk.data : chunk;
  return typeof data === 'string' || types.isUint8Array(data) ? lengthOf(data) : 0;
}

function bytesMaxOf({ headers, data, length }: CheckedRecord): number {
  const dataBytes = typeof data === 'string' ? length * UTF8_BYTES_PER_CHARACTER_MAX : length;
  return RECORD_EXTRA_BYTES + (headers?.length ?? 0) + dataBytes;
}

function checkEncoding(value: unknown, name: string): void {
  if (typeof value === 'string' && Buffer.isEncoding(value)) return;
  throw typeError(expectedMessage('an encoding of Buffer', name, value));
}

// As Node's own for what it had not given to _write yet.
function destroyedError(): Error {
  return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
}

// What a getter of the caller's threw may be anything, and Node would take nothing for success.
function asError(error: unknown): Error {
  return error instanceof Error ? error : typeError('Expected a chunk that can be read but reading it failed', error);
}
