// SPDX-License-Identifier: MIT
// A stream of an open log: the records of one key. A handle, so that no call looks the key up.

import { append, appendBatchSyncTo, appendBatchTo, appendSync, ingest } from './append.js';
import { checkInteger, checkOptions, checkSignal } from './check.js';
import type { Engine } from './engine.js';
import type { Key } from './key.js';
import { BatchReader, batchRequest, type RecordBatchReader, type RecordReader, StreamReader } from './reader.js';
import type { LogRecord, RecordLocation } from './record.js';
import { withSignal } from './signal.js';
import type { StreamRef } from './stream-ref.js';
import type {
  AppendOptions,
  AppendResult,
  BatchOptions,
  BatchResult,
  IngestOptions,
  ReadOptions,
  RecordChunk,
  StreamInfo,
  SyncAppendOptions,
  SyncBatchOptions,
  WaitOptions,
} from './types.js';
import { type RecordWritable, type RecordWritableOptions, StreamWritable } from './writable.js';

/** A stream. Made by `log.stream(key)`; valid while the log is open. The stream exists once it has a record. */
export class Stream {
  readonly #engine: Engine;
  readonly #ref: StreamRef;

  /** @internal */
  constructor(engine: Engine, ref: StreamRef) {
    this.#engine = engine;
    this.#ref = ref;
  }

  /** The key: a string, or a `Buffer` where its bytes are not UTF-8. */
  get key(): Key {
    return this.#ref.key;
  }

  /** As `log.append`, to this stream. */
  append(data: string | Uint8Array, options?: AppendOptions): Promise<AppendResult> {
    return append(this.#engine, this.#ref, data, options);
  }

  /**
   * As `log.appendBatch`, all to this stream. What has no headers may be given as data alone, which is also the fastest.
   *
   * @example
   * await log.stream('orders').appendBatch(['created', 'paid', { data: 'sent', headers: { by: 'post' } }]);
   */
  appendBatch(records: readonly RecordChunk[], options?: BatchOptions): Promise<BatchResult> {
    return appendBatchTo(this.#engine, this.#ref, records, options);
  }

  /** As `log.appendSync`, to this stream. */
  appendSync(data: string | Uint8Array, options?: SyncAppendOptions): AppendResult {
    return appendSync(this.#engine, this.#ref, data, options);
  }

  /** As `log.appendBatchSync`, all to this stream. */
  appendBatchSync(records: readonly RecordChunk[], options?: SyncBatchOptions): BatchResult {
    return appendBatchSyncTo(this.#engine, this.#ref, records, options);
  }

  /** As `log.ingest`, to this stream. */
  ingest(data: string | Uint8Array, options?: IngestOptions): boolean {
    return ingest(this.#engine, this.#ref, data, options);
  }

  /**
   * A Node `Writable` in object mode, to write records through `pipeline`, `pipe` or `write`. Each chunk is one record:
   * a string (in the encoding that is written with it, stored as the bytes that it stands for), a `Uint8Array`, or
   * `{ data, headers? }`, also one that was read. Object mode, since a record has a beginning, an end and headers, which
   * chunks of bytes would not keep. Bytes may be changed again once the callback was called.
   *
   * The callback of a `write` is called when the record is as durable as `durability` says: under `'sync'` it survives a
   * power cut, under `'os'` a killed process, under `'none'` it is accepted. `'finish'` follows when all are. So after
   * `'finish'` under a weaker durability, `log.sync()` is what makes them survive a power cut.
   *
   * `write` returns false, and `'drain'` follows, when `highWaterMark` records or half of `bufferedBytesMax` bytes are
   * not acknowledged. The log gets one batch at a time, of at most 1 MiB and an eighth of `bufferedBytesMax` (or one
   * record); each survives a crash whole or not at all. What is written while it is under way goes as the next, so the
   * records keep their order, but what is appended to the stream in another way, or by another writable, may come
   * between them. It never meets QUEUE_FULL.
   *
   * A chunk or an append that is refused destroys the writable with the error: TOO_LARGE, NO_SPACE, FAILED, CLOSED (once
   * `log.close()` was called: end writables first), and TypeError or RangeError (INVALID_ARGUMENT) for a chunk that is
   * no record. Only for `null` does `write` itself throw (ERR_STREAM_NULL_VALUES), as Node has it. After an error or
   * `destroy()` everything acknowledged is stored, and what is stored is a beginning of what was written: a batch that
   * was under way is stored all the same, unless it was refused, and `'close'` waits for it.
   *
   * Throws CLOSED, READ_ONLY, TypeError and RangeError.
   *
   * @example
   * await pipeline(source, log.stream('orders').writable()); // all of it is durable now
   */
  writable(options?: RecordWritableOptions): RecordWritable {
    return new StreamWritable(this.#engine, this.#ref, options);
  }

  /**
   * Reads records in order. Leaving the loop early releases the reader. The loop ends at the last record that is
   * visible when the reader gets there.
   *
   * Rejects with CORRUPT where stored bytes fail their checksum, IO_ERROR, FORMAT_UNSUPPORTED, NOT_A_LOG (something else
   * stands in a file's place), PERMISSION, CLOSED. Throws CLOSED, TypeError and RangeError.
   */
  read(options?: ReadOptions): RecordReader {
    return new StreamReader(this.#batches(options));
  }

  /**
   * Reads batches of records, each a synchronous iterable: several times as fast as {@link Stream.read}.
   * Fails as that does.
   */
  readBatches(options?: ReadOptions): RecordBatchReader {
    return this.#batches(options);
  }

  /** The record with that sequence, or undefined where there is none (yet, or any more). Fails as `read` does. */
  async get(seq: number, options?: WaitOptions): Promise<LogRecord | undefined> {
    checkInteger(seq, 'seq', 1);
    const signal = checkWaitOptions(options, 'get');
    const reader = this.#batches({ from: seq, to: seq, batchBytes: 1, signal });
    const batch = (await reader.next()).value;
    return batch?.at(0);
  }

  /**
   * Where the record with that sequence lies: its file, its place in there, and the bytes of the frame around it.
   * Undefined where there is no such record (yet, or any more). Checked and failing as `read` does; of the frame's
   * other records nothing is checked.
   *
   * @example
   * const place = await log.stream('orders').locate(7);
   * if (place?.inFile) console.log(place.file, place.recordOffset);
   */
  async locate(seq: number, options?: WaitOptions): Promise<RecordLocation | undefined> {
    checkInteger(seq, 'seq', 1);
    const signal = checkWaitOptions(options, 'locate');
    const reader = this.#batches({ from: seq, to: seq, batchBytes: 1, signal }, true);
    return (await reader.next()).value?.locationOfFirst();
  }

  /** The records from `first` to `last`, both included, as far as they are there. Fails as `read` does. */
  async getRange(first: number, last: number, options?: WaitOptions): Promise<LogRecord[]> {
    checkInteger(first, 'first', 1);
    checkInteger(last, 'last', 0);
    const signal = checkWaitOptions(options, 'getRange');
    const records: LogRecord[] = [];
    for await (const batch of this.#batches({ from: first, to: last, signal })) records.push(...batch);
    return records;
  }

  /**
   * Ends the stream's segment, so that the next record begins another. The footer is written in the background.
   * Resolves when the end is durable; at once where the segment, or the stream, has no record.
   * Rejects with READ_ONLY, CLOSED, FAILED, TypeError; and with NO_SPACE where disk and journal are full.
   */
  async seal(options?: WaitOptions): Promise<void> {
    const signal = checkWaitOptions(options, 'seal');
    const { native } = this.#engine;
    await withSignal(
      this.#engine.request((log, token) => native.seal(log, this.#ref.handle(native, log), token)),
      signal,
    );
  }

  /**
   * Truncates the stream's oldest records: those below `seq` are not read any more, and segments that hold nothing
   * else are dropped once they are sealed; their files go, or become other segments', soon after. Sequences go on as
   * before. Beyond the stream's end: all that it has.
   * Resolves when the truncation is durable. Rejects with READ_ONLY, CLOSED, FAILED, TypeError, RangeError; and with
   * NO_SPACE where disk and journal are full: then a truncation cannot make room any more.
   */
  async truncateBefore(seq: number, options?: WaitOptions): Promise<void> {
    checkInteger(seq, 'seq', 1);
    const signal = checkWaitOptions(options, 'truncateBefore');
    const { native } = this.#engine;
    await withSignal(
      this.#engine.request((log, token) => native.truncateBefore(log, this.#ref.handle(native, log), seq, token)),
      signal,
    );
  }

  /** The stream as it is now, or undefined while it has no records. Throws CLOSED. */
  info(): StreamInfo | undefined {
    const { native } = this.#engine;
    const log = this.#engine.log();
    const handle = this.#ref.find(native, log);
    const info = handle < 0 ? undefined : native.describe(log, handle);
    if (info === undefined) return undefined;
    const { handle: _, ...rest } = info;
    return { ...rest, key: this.#ref.key };
  }

  #batches(options: ReadOptions | undefined, locate = false): BatchReader {
    this.#engine.log();
    return new BatchReader(this.#engine, this.#ref, { ...batchRequest(options), locate });
  }
}

/** The signal of options that have nothing else. */
export function checkWaitOptions(options: WaitOptions | undefined, name: string): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkOptions(options, ['signal'], name);
  const { signal } = options;
  checkSignal(signal, 'signal');
  signal?.throwIfAborted();
  return signal;
}
