// SPDX-License-Identifier: MIT
// Appends on their way: what is handed to the addon, and the promise that its answer settles. The methods of a log and
// of its streams check their arguments through these functions.

import { checkArray, checkFields, checkOptions, checkSignal, ownBytes, toBytes, unlessGone } from './check.js';
import type { Engine, Submission, Waiter } from './engine.js';
import { type Failure, SeglogError, toError } from './errors.js';
import { encodeHeaders } from './headers.js';
import { checkDurability, type Durability } from './options.js';
import { StreamRef } from './stream-ref.js';
import type {
  AppendOptions,
  AppendResult,
  BatchOptions,
  BatchRecord,
  BatchResult,
  IngestOptions,
  StreamBatchRecord,
} from './types.js';

const APPEND_OPTIONS = ['headers', 'durability', 'signal'];
const BATCH_OPTIONS = ['durability', 'signal'];
const INGEST_OPTIONS = ['headers'];
const BATCH_RECORD_FIELDS = ['key', 'data', 'headers'];
const STREAM_BATCH_RECORD_FIELDS = ['data', 'headers'];
/** Numbers per record in a packed batch: stream, offset and length of the headers, of the data. */
const LAYOUT_COLUMNS = 5;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** See {@link Log.append}. Never throws. */
export function append(
  engine: Engine,
  keyOrRef: StreamRef | string | Uint8Array,
  data: string | Uint8Array,
  options: AppendOptions | undefined,
): Promise<AppendResult> {
  try {
    if (options !== undefined) checkOptions(options, APPEND_OPTIONS, 'append');
    const { headers, durability, signal } = options ?? {};
    checkSignal(signal, 'signal');
    signal?.throwIfAborted();
    const ref = refOf(engine, keyOrRef);
    const submission = new SingleAppend(
      engine,
      ref,
      dataBytes(engine, data, 'data'),
      encodeHeaders(headers),
      durabilityIndex(engine, durability),
      signal,
    );
    engine.append(submission, submission.byteCount);
    return withSignal(submission.promise, signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** See {@link Log.appendBatch}. Never throws. */
export function appendBatch(
  engine: Engine,
  records: readonly BatchRecord[],
  options: BatchOptions | undefined,
): Promise<BatchResult> {
  return submitBatch(engine, records, BATCH_RECORD_FIELDS, ({ key }) => engine.refOf(key), options);
}

/** See {@link Stream.appendBatch}. Never throws. */
export function appendBatchTo(
  engine: Engine,
  ref: StreamRef,
  records: readonly StreamBatchRecord[],
  options: BatchOptions | undefined,
): Promise<BatchResult> {
  return submitBatch(engine, records, STREAM_BATCH_RECORD_FIELDS, () => ref, options);
}

function submitBatch<T extends StreamBatchRecord>(
  engine: Engine,
  records: readonly T[],
  fields: readonly string[],
  refOfRecord: (record: T) => StreamRef,
  options: BatchOptions | undefined,
): Promise<BatchResult> {
  try {
    if (options !== undefined) checkOptions(options, BATCH_OPTIONS, 'appendBatch');
    const { durability: chosen, signal } = options ?? {};
    checkSignal(signal, 'signal');
    signal?.throwIfAborted();
    checkArray(records, 'records');
    const durability = durabilityIndex(engine, chosen);
    engine.log();
    const count = records.length;
    if (count === 0) return Promise.resolve({ firstLsn: 0, records: [] });
    const submission = new BatchAppend(
      engine,
      packBatch(engine, records, count, fields, refOfRecord),
      durability,
      signal,
    );
    engine.append(submission, submission.byteCount);
    return withSignal(submission.promise, signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** See {@link Log.ingest}. */
export function ingest(
  engine: Engine,
  keyOrRef: StreamRef | string | Uint8Array,
  data: string | Uint8Array,
  options: IngestOptions | undefined,
): boolean {
  if (options !== undefined) checkOptions(options, INGEST_OPTIONS, 'ingest');
  const ref = refOf(engine, keyOrRef);
  const bytes = dataBytes(engine, data, 'data');
  const headers = encodeHeaders(options?.headers);
  const durability = engine.durabilityIndex('none');
  const { native } = engine;
  return engine.ingest(
    (log) => native.append(log, ref.handle(native, log), bytes, headers, durability, 0),
    bytes.length + (headers?.length ?? 0),
  );
}

/** Settles as `promise` does, unless the signal aborts first: then it rejects with the signal's reason. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    // Not resolve(promise): that would lock this promise to the other, and an abort could not reject it any more.
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

class Appended implements AppendResult {
  readonly seq: number;
  readonly lsn: number;
  readonly #streamId: string;

  constructor(seq: number, lsn: number, streamId: string) {
    this.seq = seq;
    this.lsn = lsn;
    this.#streamId = streamId;
  }

  get ref(): string {
    return formatRef(this.#streamId, this.seq, this.lsn);
  }
}

/** A record's `ref`. */
export function formatRef(streamId: string, seq: number, lsn: number): string {
  return `${streamId}-${seq}-${lsn}`;
}

class SingleAppend implements Submission, Waiter {
  readonly signal: AbortSignal | undefined;
  readonly promise: Promise<AppendResult>;
  readonly #engine: Engine;
  readonly #ref: StreamRef;
  #data: Uint8Array;
  #headers: Uint8Array | undefined;
  readonly #durability: number;
  #resolve: (result: AppendResult) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(
    engine: Engine,
    ref: StreamRef,
    data: Uint8Array,
    headers: Uint8Array | undefined,
    durability: number,
    signal: AbortSignal | undefined,
  ) {
    this.#engine = engine;
    this.#ref = ref;
    this.#data = data;
    this.#headers = headers;
    this.#durability = durability;
    this.signal = signal;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get byteCount(): number {
    return this.#data.length + (this.#headers?.length ?? 0);
  }

  get waiter(): Waiter {
    return this;
  }

  submit(token: number): Failure | undefined {
    const { native } = this.#engine;
    const log = this.#engine.log(true);
    const stream = this.#ref.handle(native, log);
    const failure = native.append(log, stream, this.#data, this.#headers, this.#durability, token);
    // What the addon has taken is copied; what it refused may be handed over again.
    if (failure === undefined) {
      this.#data = NO_BYTES;
      this.#headers = undefined;
    }
    return failure;
  }

  own(): void {
    this.#data = Uint8Array.from(this.#data);
  }

  done(firstLsn: number, numbers: Float64Array, at: number): void {
    this.#resolve(new Appended(numbers[at] ?? 0, firstLsn, this.#engine.idOf(this.#ref)));
  }

  // The stack of a failure that comes later does not name the caller: that would cost an async function per append.
  fail(failure: Failure): void {
    this.#reject(toError(failure));
  }
}

interface PackedBatch {
  readonly refs: readonly StreamRef[];
  readonly bytes: Uint8Array;
  readonly layout: Float64Array;
}

class BatchAppend implements Submission, Waiter {
  readonly signal: AbortSignal | undefined;
  readonly promise: Promise<BatchResult>;
  readonly byteCount: number;
  readonly #engine: Engine;
  readonly #refs: readonly StreamRef[];
  #packed: PackedBatch | undefined;
  readonly #durability: number;
  #resolve: (result: BatchResult) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(engine: Engine, packed: PackedBatch, durability: number, signal: AbortSignal | undefined) {
    this.#engine = engine;
    this.#refs = packed.refs;
    this.#packed = packed;
    this.#durability = durability;
    this.byteCount = packed.bytes.length;
    this.signal = signal;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get waiter(): Waiter {
    return this;
  }

  submit(token: number): Failure | undefined {
    if (this.#packed === undefined) throw new Error('a batch was submitted twice');
    const { refs, bytes, layout } = this.#packed;
    const { native } = this.#engine;
    const log = this.#engine.log(true);
    for (const [index, ref] of refs.entries()) layout[index * LAYOUT_COLUMNS] = ref.handle(native, log);
    const failure = native.appendBatch(log, bytes, layout, this.#durability, token);
    if (failure === undefined) this.#packed = undefined;
    return failure;
  }

  // The packed bytes are a copy already.
  own(): void {}

  done(firstLsn: number, numbers: Float64Array, at: number): void {
    const records = this.#refs.map(
      (ref, index) => new Appended(numbers[at + index] ?? 0, firstLsn + index, this.#engine.idOf(ref)),
    );
    this.#resolve({ firstLsn, records });
  }

  fail(failure: Failure): void {
    this.#reject(toError(failure));
  }
}

// Each field of each record is read once, so that what was checked is what is packed.
function packBatch<T extends StreamBatchRecord>(
  engine: Engine,
  records: readonly T[],
  count: number,
  fields: readonly string[],
  refOfRecord: (record: T) => StreamRef,
): PackedBatch {
  const { batchRecordsMax, batchBytesMax } = engine.options;
  if (count > batchRecordsMax) {
    throw tooLarge(`the batch has ${count} records, more than batchRecordsMax (${batchRecordsMax})`);
  }
  const refs: StreamRef[] = [];
  const parts: Uint8Array[] = [];
  const layout = new Float64Array(count * LAYOUT_COLUMNS);
  let offset = 0;
  for (let index = 0; index < count; index++) {
    const record = records[index];
    checkFields(record, fields, `records[${index}]`);
    if (record === undefined) continue;
    const ref = refOfRecord(record);
    const headers = encodeHeaders(record.headers) ?? NO_BYTES;
    const data = ownBytes(dataBytes(engine, record.data, `records[${index}].data`));
    layout.set([0, offset, headers.length, offset + headers.length, data.length], index * LAYOUT_COLUMNS);
    refs.push(ref);
    parts.push(headers, data);
    offset += headers.length + data.length;
    if (count > 1 && offset > batchBytesMax) {
      throw tooLarge(`the batch has ${offset} bytes or more, over batchBytesMax (${batchBytesMax})`);
    }
  }
  return { refs, bytes: unlessGone('records', () => Buffer.concat(parts, offset)), layout };
}

/** As {@link toBytes}, of a record's data: refused before it is encoded or copied where it is too large. */
function dataBytes(engine: Engine, data: string | Uint8Array, name: string): Uint8Array {
  const { recordBytesMax } = engine.options;
  // A character takes a byte at least.
  const bytes = typeof data === 'string' && data.length > recordBytesMax ? undefined : toBytes(data, name);
  if (bytes === undefined || bytes.length > recordBytesMax) {
    throw tooLarge(`${name} has ${(bytes ?? data).length} bytes or more, over recordBytesMax (${recordBytesMax})`);
  }
  return bytes;
}

function tooLarge(what: string): SeglogError {
  return new SeglogError('TOO_LARGE', `Too large: ${what}`);
}

function refOf(engine: Engine, keyOrRef: StreamRef | string | Uint8Array): StreamRef {
  return keyOrRef instanceof StreamRef ? keyOrRef : engine.refOf(keyOrRef);
}

function durabilityIndex(engine: Engine, durability: Durability | undefined): number {
  return engine.durabilityIndex(durability === undefined ? engine.options.durability : checkDurability(durability));
}
