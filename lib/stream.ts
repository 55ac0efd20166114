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
  StreamBatchRecord,
  StreamInfo,
  SyncAppendOptions,
  SyncBatchOptions,
  WaitOptions,
} from './types.js';

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

  /** As `log.appendBatch`, all to this stream. */
  appendBatch(records: readonly StreamBatchRecord[], options?: BatchOptions): Promise<BatchResult> {
    return appendBatchTo(this.#engine, this.#ref, records, options);
  }

  /** As `log.appendSync`, to this stream. */
  appendSync(data: string | Uint8Array, options?: SyncAppendOptions): AppendResult {
    return appendSync(this.#engine, this.#ref, data, options);
  }

  /** As `log.appendBatchSync`, all to this stream. */
  appendBatchSync(records: readonly StreamBatchRecord[], options?: SyncBatchOptions): BatchResult {
    return appendBatchSyncTo(this.#engine, this.#ref, records, options);
  }

  /** As `log.ingest`, to this stream. */
  ingest(data: string | Uint8Array, options?: IngestOptions): boolean {
    return ingest(this.#engine, this.#ref, data, options);
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
