// SPDX-License-Identifier: MIT
// Readers: hand-written asynchronous iterators over the records of a stream, batch by batch or one by one, and over all
// streams in LSN order. A reader holds one slab per stream and nothing native between its steps; leaving a loop early
// lets go of it. Several next() calls at once are answered in order.

import { checkArray, checkFunction, checkInteger, checkOneOf, checkOptions, checkSignal } from './check.js';
import type { Engine, NativeRead } from './engine.js';
import { closedError, toReadError } from './errors.js';
import { keyBytes } from './key.js';
import { type LogRecord, RecordBatch } from './record.js';
import { type Damage, toDamage } from './report.js';
import { withSignal } from './signal.js';
import type { StreamRef } from './stream-ref.js';
import type { LogReadOptions, ReadOptions } from './types.js';

const READ_OPTIONS = ['from', 'to', 'visible', 'batchBytes', 'onDamage', 'signal'];
const LOG_READ_OPTIONS = ['fromLsn', 'keys', 'onDamage', 'signal'];
const BATCH_BYTES_DEFAULT = 2 ** 20;
const BATCH_BYTES_MAX = 2 ** 30;
/** What a merge of many streams may hold in slabs, about. */
const MERGE_BYTES_MAX = 64 * 2 ** 20;
const MERGE_BATCH_BYTES_MIN = 16 * 1024;

/** Reads batches of one stream. Made by `stream.readBatches()`. */
export interface RecordBatchReader extends AsyncIterableIterator<RecordBatch, undefined, undefined>, AsyncDisposable {
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.asyncIterator](): RecordBatchReader;
}

/** Reads the records of one stream. Made by `stream.read()`. */
export interface RecordReader extends AsyncIterableIterator<LogRecord, undefined, undefined>, AsyncDisposable {
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.asyncIterator](): RecordReader;
}

/** Reads the records of several streams in LSN order. Made by `log.read()`. */
export type LsnReader = RecordReader;

interface BatchRequest extends Omit<NativeRead, 'stream'> {
  readonly signal: AbortSignal | undefined;
  readonly onDamage: ((damage: Damage) => void) | undefined;
}

/** Checks the options of a read. Throws TypeError and RangeError. */
export function batchRequest(options: ReadOptions | undefined): BatchRequest {
  if (options !== undefined) checkOptions(options, READ_OPTIONS, 'read');
  const {
    from = 1,
    to = Number.MAX_SAFE_INTEGER,
    batchBytes = BATCH_BYTES_DEFAULT,
    visible = 'acknowledged',
  } = options ?? {};
  const { signal, onDamage } = options ?? {};
  checkSignal(signal, 'signal');
  checkFunction(onDamage, 'onDamage');
  return {
    fromSeq: checkInteger(from, 'from', 1),
    toSeq: checkInteger(to, 'to'),
    fromLsn: 0,
    bytesMax: checkInteger(batchBytes, 'batchBytes', 1, BATCH_BYTES_MAX),
    accepted: checkOneOf(visible, ['acknowledged', 'accepted'], 'visible') === 'accepted',
    signal,
    onDamage,
  };
}

/** One step after the other, however many were asked for at once; nothing after the end or a failure. */
abstract class Reader<T> {
  #last: Promise<unknown> = Promise.resolve();
  #steps = 0;
  #ended = false;

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#steps === 0 && !this.#ended) {
      const ready = this.ready();
      if (ready !== undefined) return Promise.resolve({ done: false, value: ready });
    }
    this.#steps++;
    const step = this.#last.then(() => this.#step());
    this.#last = step.then(
      () => this.#steps--,
      () => this.#steps--,
    );
    return step;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#ended = true;
    this.release();
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next value, where none has to be waited for. */
  protected abstract ready(): T | undefined;
  /** The next value, or undefined at the end. */
  protected abstract advance(): Promise<T | undefined>;
  protected abstract release(): void;

  async #step(): Promise<IteratorResult<T, undefined>> {
    try {
      const value = this.#ended ? undefined : (this.ready() ?? (await this.advance()));
      // The reader may have been left while this step waited.
      if (value !== undefined && !this.#ended) return { done: false, value };
    } catch (error) {
      await this.return();
      throw error;
    }
    return this.return();
  }
}

export class BatchReader extends Reader<RecordBatch> implements RecordBatchReader {
  readonly #engine: Engine;
  readonly #ref: StreamRef;
  readonly #request: BatchRequest;
  #fromSeq: number;
  #atEnd = false;

  constructor(engine: Engine, ref: StreamRef, request: BatchRequest) {
    super();
    this.#engine = engine;
    this.#ref = ref;
    this.#request = request;
    this.#fromSeq = request.fromSeq;
    if (request.fromSeq > request.toSeq) this.#atEnd = true;
  }

  protected override ready(): undefined {
    return undefined;
  }

  protected override async advance(): Promise<RecordBatch | undefined> {
    const { signal } = this.#request;
    while (!this.#atEnd) {
      signal?.throwIfAborted();
      const stream = this.#ref.find(this.#engine.native, this.#engine.log(true));
      if (stream < 0) break;
      const read = this.#engine.read({ ...this.#request, stream, fromSeq: this.#fromSeq });
      const result = await withSignal(read, signal);
      if (result === undefined) throw closedError();
      const damage = result.damage.map(toDamage);
      // What a read fails with was not passed over.
      const met = result.failure?.code === 'CORRUPT' ? damage.pop() : undefined;
      for (const one of damage) this.#report(one);
      if (result.failure !== undefined) throw toReadError(result.failure, met);
      this.#fromSeq = result.nextSeq;
      this.#atEnd = result.atEnd;
      if (result.columns.length > 0) {
        const owner = { ref: this.#ref, id: this.#engine.idOf(this.#ref) };
        return new RecordBatch(owner, result, this.#engine.native.constants.recordKinds);
      }
    }
    return undefined;
  }

  protected override release(): void {
    this.#atEnd = true;
  }

  #report(damage: Damage): void {
    this.#engine.noteDamage(damage);
    this.#request.onDamage?.(damage);
  }
}

export class StreamReader extends Reader<LogRecord> implements RecordReader {
  readonly #batches: BatchReader;
  #batch: RecordBatch | undefined;
  #index = 0;

  constructor(batches: BatchReader) {
    super();
    this.#batches = batches;
  }

  protected override ready(): LogRecord | undefined {
    if (this.#batch === undefined || this.#index >= this.#batch.length) return undefined;
    return this.#batch.at(this.#index++);
  }

  protected override async advance(): Promise<LogRecord | undefined> {
    this.#batch = (await this.#batches.next()).value;
    this.#index = 0;
    return this.ready();
  }

  protected override release(): void {
    this.#batch = undefined;
    void this.#batches.return();
  }
}

/** Where the merge stands in one stream; `head` is its next record. */
class Cursor {
  readonly #batches: BatchReader;
  readonly #lastLsn: number;
  #batch: RecordBatch | undefined;
  #index = 0;
  head: LogRecord | undefined;

  constructor(batches: BatchReader, lastLsn: number) {
    this.#batches = batches;
    this.#lastLsn = lastLsn;
  }

  /** False where the next record has to be waited for. */
  step(): boolean {
    if (this.#batch === undefined || this.#index >= this.#batch.length) return false;
    const record = this.#batch.at(this.#index++);
    this.head = record.lsn <= this.#lastLsn ? record : undefined;
    return true;
  }

  async fetch(): Promise<void> {
    this.#batch = (await this.#batches.next()).value;
    this.#index = 0;
    if (!this.step()) this.head = undefined;
  }

  release(): void {
    this.head = undefined;
    this.#batch = undefined;
    void this.#batches.return();
  }
}

/** Merges streams by LSN with a binary heap. What was appended after the read began is left out. */
export class MergeReader extends Reader<LogRecord> implements LsnReader {
  readonly #engine: Engine;
  readonly #signal: AbortSignal | undefined;
  readonly #onDamage: ((damage: Damage) => void) | undefined;
  readonly #fromLsn: number;
  // As bytes in latin1.
  readonly #keys: ReadonlySet<string> | undefined;
  // Cursors with a head, the smallest LSN first; undefined before the first step.
  #heap: Cursor[] | undefined;
  // Took its last ready record: it must be asked for more before the next one is known.
  #starving: Cursor | undefined;

  constructor(engine: Engine, options: LogReadOptions | undefined) {
    super();
    if (options !== undefined) checkOptions(options, LOG_READ_OPTIONS, 'read');
    const { fromLsn = 1, keys, signal, onDamage } = options ?? {};
    checkSignal(signal, 'signal');
    checkFunction(onDamage, 'onDamage');
    this.#fromLsn = checkInteger(fromLsn, 'fromLsn');
    if (keys !== undefined) checkArray(keys, 'keys');
    engine.log();
    this.#keys = keys === undefined ? undefined : new Set(Array.from(keys, canonicalKey));
    this.#engine = engine;
    this.#signal = signal;
    this.#onDamage = onDamage;
  }

  protected override ready(): LogRecord | undefined {
    if (this.#heap === undefined || this.#starving !== undefined) return undefined;
    const first = this.#heap[0];
    const record = first?.head;
    if (first === undefined || record === undefined) return undefined;
    if (!first.step()) this.#starving = first;
    else this.#settleFirst(this.#heap, first);
    return record;
  }

  protected override async advance(): Promise<LogRecord | undefined> {
    this.#heap ??= await this.#open();
    const starving = this.#starving;
    if (starving !== undefined) {
      await starving.fetch();
      this.#starving = undefined;
      this.#settleFirst(this.#heap, starving);
    }
    return this.ready();
  }

  protected override release(): void {
    for (const cursor of this.#heap ?? []) cursor.release();
    this.#heap = [];
    this.#starving = undefined;
  }

  async #open(): Promise<Cursor[]> {
    const streams = this.#engine.native.streams(this.#engine.log(true), new Uint8Array(0)).filter((info) => {
      const wanted = this.#keys === undefined || this.#keys.has(canonicalKey(info.key));
      return wanted && info.lastLsn >= this.#fromLsn;
    });
    // One bound for all streams, so that no record is given out whose predecessor was left out.
    const lastLsn = streams.reduce((highest, info) => Math.max(highest, info.lastLsn), 0);
    const share = Math.floor(MERGE_BYTES_MAX / Math.max(1, streams.length));
    const batchBytes = Math.max(MERGE_BATCH_BYTES_MIN, Math.min(BATCH_BYTES_DEFAULT, share));
    const cursors = streams.map((info) => {
      const ref = this.#engine.refOf(info.key);
      const request = {
        ...batchRequest({ batchBytes, signal: this.#signal, onDamage: this.#onDamage }),
        fromLsn: this.#fromLsn,
      };
      return new Cursor(new BatchReader(this.#engine, ref, request), lastLsn);
    });
    await Promise.all(cursors.map((cursor) => cursor.fetch()));
    // A sorted array is a heap.
    return cursors
      .filter((cursor) => cursor.head !== undefined)
      .sort((a, b) => (a.head?.lsn ?? 0) - (b.head?.lsn ?? 0));
  }

  // The first cursor has another head, or none any more: puts it where it belongs.
  #settleFirst(heap: Cursor[], first: Cursor): void {
    if (first.head === undefined) {
      first.release();
      const last = heap.pop();
      if (last === undefined || last === first) return;
      heap[0] = last;
    }
    siftDown(heap);
  }
}

function canonicalKey(key: string | Uint8Array): string {
  const bytes = keyBytes(key);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function siftDown(heap: Cursor[]): void {
  const lsnAt = (index: number) => heap[index]?.head?.lsn ?? Number.POSITIVE_INFINITY;
  for (let at = 0; ; ) {
    const left = 2 * at + 1;
    const smaller = lsnAt(left) <= lsnAt(left + 1) ? left : left + 1;
    const parent = heap[at];
    const child = heap[smaller];
    if (parent === undefined || child === undefined || lsnAt(at) <= lsnAt(smaller)) return;
    heap[at] = child;
    heap[smaller] = parent;
    at = smaller;
  }
}
