// SPDX-License-Identifier: MIT
// An open log.

import { append, appendBatch, appendBatchSync, appendSync, ingest } from './append.js';
import { checkOptions, toBytes } from './check.js';
import type { Engine } from './engine.js';
import { keyOf } from './key.js';
import type { ResolvedOptions } from './options.js';
import { type LsnReader, MergeReader } from './reader.js';
import type { Damage, RecoveryReport } from './report.js';
import { withSignal } from './signal.js';
import { checkWaitOptions, Stream } from './stream.js';
import type {
  AppendOptions,
  AppendResult,
  BatchOptions,
  BatchRecord,
  BatchResult,
  IngestOptions,
  LogReadOptions,
  LogStats,
  StreamInfo,
  SyncAppendOptions,
  SyncBatchOptions,
  WaitOptions,
} from './types.js';
import { type VerifyOptions, type VerifyReport, verify } from './verify.js';

/**
 * An open log, as one thread has it. Made by `openLog`. Close it: `close()` flushes, and while a log is open its memory is not given back.
 * An open log alone does not keep the process alive; a promise that is pending does.
 *
 * The first write or sync that fails stops the log for writing: everything that waits and every later append rejects
 * with FAILED, reads go on, and reopening recovers. Every error is explained in `docs/errors.md`.
 */
export class Log implements AsyncDisposable {
  /** What opening found and did; where other threads have the log open, the first one's opening. Frozen. */
  readonly recovery: RecoveryReport;
  readonly #engine: Engine;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(engine: Engine, recovery: RecoveryReport) {
    this.#engine = engine;
    this.recovery = recovery;
  }

  /** All options, with what was not given filled in. Frozen. */
  get options(): ResolvedOptions {
    return this.#engine.options;
  }

  /** Damage that reads of this log have passed over (`onCorruption: 'skip'`): the first 1,000. Each time a copy. */
  get damage(): readonly Damage[] {
    return [...this.#engine.damage];
  }

  /** Every surviving record with an LSN up to this one is durable. 0 while there is none. */
  get durableLsn(): number {
    return this.#engine.durableLsn;
  }

  /**
   * Appends one record to the stream `key` (1 to 1,024 bytes). The bytes are copied before this returns; strings are
   * stored as UTF-8. Never throws: every failure is a rejection.
   *
   * Resolves as `durability` says: `'sync'` when the record survives a power cut, `'os'` when it survives a killed
   * process, `'none'` when it is accepted. Aborting ends the wait; a record that was handed over is written
   * all the same, one that still waits for room is not.
   *
   * Rejects with QUEUE_FULL, TOO_LARGE, SEQ_CONFLICT, READ_ONLY, NO_SPACE, FAILED, CLOSED; misuse with TypeError and RangeError
   * (INVALID_ARGUMENT).
   *
   * @example
   * const { seq } = await log.append('orders', JSON.stringify({ id: 7 }), { headers: { type: 'created' } });
   */
  append(key: string | Uint8Array, data: string | Uint8Array, options?: AppendOptions): Promise<AppendResult> {
    return append(this.#engine, key, data, options);
  }

  /**
   * Appends records to any streams, all or none of which survive a crash. Their LSNs are consecutive. An empty batch
   * resolves at once. Resolves and rejects as {@link Log.append} does.
   *
   * @example
   * await log.appendBatch([{ key: 'orders', data: 'created' }, { key: 'stock', data: 'taken' }]);
   */
  appendBatch(records: readonly BatchRecord[], options?: BatchOptions): Promise<BatchResult> {
    return appendBatch(this.#engine, records, options);
  }

  /**
   * As {@link Log.append}, and returns when the record is as durable as asked: everything that was handed over before,
   * and then this record, is committed on the calling thread, which waits for the disk. What an embedded database wants:
   * no event loop, no other thread on the way. Throws what `append` rejects with, save QUEUE_FULL.
   *
   * @example
   * const { lsn } = log.appendSync('wal', JSON.stringify({ set: 'a', to: 1 }));
   */
  appendSync(key: string | Uint8Array, data: string | Uint8Array, options?: SyncAppendOptions): AppendResult {
    return appendSync(this.#engine, key, data, options);
  }

  /** As {@link Log.appendBatch}, on the calling thread: see {@link Log.appendSync}. */
  appendBatchSync(records: readonly BatchRecord[], options?: SyncBatchOptions): BatchResult {
    return appendBatchSync(this.#engine, records, options);
  }

  /** As {@link Log.sync}, on the calling thread: see {@link Log.appendSync}. Throws NO_SPACE, FAILED, CLOSED. */
  syncSync(): void {
    this.#engine.syncSync();
  }

  /**
   * Appends one record without a promise, as `durability: 'none'` does: it is durable once a later `sync()` resolves.
   * Returns false when much waits: go on after `await log.drain()`. The record is taken all the same.
   *
   * Throws QUEUE_FULL beyond `bufferedBytesMax`, and then the record is not taken; TOO_LARGE, READ_ONLY, NO_SPACE,
   * FAILED, CLOSED; TypeError and RangeError.
   *
   * @example
   * if (!log.ingest('clicks', line)) await log.drain();
   */
  ingest(key: string | Uint8Array, data: string | Uint8Array, options?: IngestOptions): boolean {
    return ingest(this.#engine, key, data, options);
  }

  /**
   * Resolves when there is room for `ingest` again: less waits than half of `bufferedBytesMax`. Promises no
   * durability. Rejects with FAILED, CLOSED; TypeError.
   */
  async drain(options?: WaitOptions): Promise<void> {
    const signal = checkWaitOptions(options, 'drain');
    await withSignal(this.#engine.drain(), signal);
  }

  /**
   * Resolves when everything appended or ingested before the call survives a power cut. Rejects with FAILED, CLOSED;
   * TypeError.
   */
  async sync(options?: WaitOptions): Promise<void> {
    const signal = checkWaitOptions(options, 'sync');
    const { native } = this.#engine;
    await withSignal(
      this.#engine.request((log, token) => native.sync(log, token)),
      signal,
    );
  }

  /**
   * Resolves when every surviving record with an LSN up to `lsn` survives a power cut; syncs if it must. Rejects as
   * `sync` does, and with RangeError for an LSN that was not given out.
   */
  async waitDurable(lsn: number, options?: WaitOptions): Promise<void> {
    const signal = checkWaitOptions(options, 'waitDurable');
    const checked = this.#engine.checkLsn(lsn);
    const { native } = this.#engine;
    await withSignal(
      this.#engine.request((log, token) => native.waitDurable(log, checked, token)),
      signal,
    );
  }

  /** A handle for the stream `key`, which need not exist. Throws TypeError, RangeError, CLOSED. */
  stream(key: string | Uint8Array): Stream {
    this.#engine.log();
    return new Stream(this.#engine, this.#engine.refOf(key));
  }

  /**
   * Reads the records of all streams, or of some, in the order of their LSNs, up to the last that was visible when the
   * reading began. Fails as `stream.read` does.
   *
   * @example
   * for await (const record of log.read({ fromLsn: 100 })) console.log(record.key, record.lsn);
   */
  read(options?: LogReadOptions): LsnReader {
    return new MergeReader(this.#engine, options);
  }

  /** The streams that have records and whose key begins with `prefix`. Throws CLOSED, TypeError. */
  streams(options?: { readonly prefix?: string | Uint8Array | undefined }): StreamInfo[] {
    if (options !== undefined) checkOptions(options, ['prefix'], 'streams');
    const { prefix = '' } = options ?? {};
    const prefixBytes = toBytes(prefix, 'prefix');
    const streams = this.#engine.native.streams(this.#engine.log(), prefixBytes);
    return streams.map(({ handle: _, ...info }) => ({ ...info, key: keyOf(info.key) }));
  }

  /** As `stream.seal`, for the stream `key`. Rejects with RangeError besides. */
  async seal(key: string | Uint8Array, options?: WaitOptions): Promise<void> {
    await this.stream(key).seal(options);
  }

  /** As `stream.truncateBefore`, for the stream `key`. */
  async truncateBefore(key: string | Uint8Array, seq: number, options?: WaitOptions): Promise<void> {
    await this.stream(key).truncateBefore(seq, options);
  }

  /**
   * Checks everything that is stored, while the log is in use: both files of the catalogue, and of each segment that
   * the log has at the call the header, every checksum, and that sequences follow without a gap; of sealed segments
   * also the footer, the SHA-256 of the content and the chain from segment to segment. What is not in a segment file
   * yet is checked in memory; the journal was checked by opening. Reads about 1 MiB at a time, between other reads.
   *
   * Resolves with what was checked and what is damaged: damage is never an error here, and with `onCorruption: 'skip'`
   * it is not added to `log.damage`, and a link or something else in a file's place, which reads refuse with NOT_A_LOG,
   * is damage of that segment here. Aborting ends it. Rejects with IO_ERROR and PERMISSION where the operating system
   * does not read, CLOSED, and the reason of the signal; misuse with TypeError.
   *
   * @example
   * const { records, damage } = await log.verify({ onProgress: ({ bytesDone }) => console.log(bytesDone) });
   * for (const { file, offset, what, firstSeq, lastSeq } of damage) console.error(file, offset, what, firstSeq, lastSeq);
   */
  verify(options?: VerifyOptions): Promise<VerifyReport> {
    return verify(this.#engine, options);
  }

  /** Counters and state, as they are now. Throws CLOSED. */
  stats(): LogStats {
    return this.#engine.stats();
  }

  /**
   * Goes on at once after a full disk, where room was made. Without it the log notices by itself, later. Throws
   * CLOSED.
   */
  resume(): void {
    this.#engine.native.resume(this.#engine.log());
  }

  /**
   * Refuses further calls, makes everything accepted durable, and closes the files, or leaves them to the other threads of
   * the process that have the log open: the last one closes. Idempotent: every call
   * settles as the first one does. Rejects with FAILED where the log had failed or its last snapshot cannot be written,
   * with NO_SPACE where that meets a full disk. It is closed all the same, and nothing acknowledged is lost.
   */
  close(): Promise<void> {
    this.#closed ??= this.#engine.close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
