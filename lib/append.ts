// SPDX-License-Identifier: MIT
// Appends on their way: their arguments are checked here, once, and what was checked is handed to the engine. The
// methods of a log and of its streams come through these functions.

import { types } from 'node:util';
import { Batch } from './batch.js';
import {
  areOwnBytes,
  checkArray,
  checkFields,
  checkInteger,
  checkOptions,
  checkSignal,
  checkWellFormed,
  expectedMessage,
  hasOnlyFields,
  lengthOf,
  toBytes,
} from './check.js';
import type { Engine } from './engine.js';
import { type SeglogError, tooLarge, typeError } from './errors.js';
import { encodeHeaders } from './headers.js';
import { checkDurability, type Durability } from './options.js';
import { withSignal } from './signal.js';
import { unlessStored } from './stored.js';
import { StreamRef } from './stream-ref.js';
import type { Reject, Resolve } from './tickets.js';
import type {
  AppendOptions,
  AppendResult,
  BatchOptions,
  BatchRecord,
  BatchResult,
  IngestOptions,
  RecordChunk,
  StreamBatchRecord,
  SyncAppendOptions,
  SyncBatchOptions,
} from './types.js';

const APPEND_OPTIONS = ['headers', 'durability', 'expectedSeq', 'signal'];
const BATCH_OPTIONS = ['durability', 'signal'];
const SYNC_APPEND_OPTIONS = ['headers', 'durability'];
const SYNC_BATCH_OPTIONS = ['durability'];
const INGEST_OPTIONS = ['headers'];
const BATCH_RECORD_FIELDS = ['key', 'data', 'headers'];
const STREAM_BATCH_RECORD_FIELDS = ['data', 'headers'];
/** What a record is given as where its stream is known. */
export const CHUNK_EXPECTED = 'a string, a Uint8Array or an object with data';
const NO_OPTIONS: AppendOptions = Object.freeze({});

// One function for the promises of all appends, which leaves what settles the newest here: a closure each costs more.
let resolveNewest: Resolve = () => {};
let rejectNewest: Reject = () => {};
const executor = (resolve: Resolve, reject: Reject): void => {
  resolveNewest = resolve;
  rejectNewest = reject;
};

/** See {@link Log.append}. Never throws. */
export function append(
  engine: Engine,
  keyOrRef: StreamRef | string | Uint8Array,
  data: string | Uint8Array,
  options: AppendOptions | undefined,
): Promise<AppendResult> {
  try {
    if (options === undefined) return appendPlainly(engine, keyOrRef, data);
    checkOptions(options, APPEND_OPTIONS, 'append');
    const { headers, durability, expectedSeq, signal } = options;
    if (expectedSeq !== undefined) checkInteger(expectedSeq, 'expectedSeq', 1);
    if (signal !== undefined) {
      checkSignal(signal, 'signal');
      signal.throwIfAborted();
    }
    const stream = refOf(engine, keyOrRef);
    // The headers first: what their getters do to the data is done when the data is looked at.
    const encoded = encodeHeaders(headers);
    const chosen = durabilityIndex(engine, durability);
    const checked = checkData(engine, data, 'data');
    const promise = new Promise<AppendResult>(executor);
    engine.append(stream, chosen, encoded, checked, resolveNewest, rejectNewest, signal, expectedSeq ?? 0);
    if (expectedSeq === undefined) return withSignal(promise, signal);
    const kept = typeof checked === 'string' ? Buffer.from(checked) : new Uint8Array(checked);
    const wanted = { stream, seq: expectedSeq, durability: chosen, headers: encoded, data: kept };
    return withSignal(unlessStored(engine, wanted, promise), signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

// The hot path.
function appendPlainly(
  engine: Engine,
  keyOrRef: StreamRef | string | Uint8Array,
  data: string | Uint8Array,
): Promise<AppendResult> {
  const stream = refOf(engine, keyOrRef);
  const checked = checkData(engine, data, 'data');
  const promise = new Promise<AppendResult>(executor);
  engine.append(stream, engine.durabilityDefault, undefined, checked, resolveNewest, rejectNewest, undefined, 0);
  return promise;
}

/** See {@link Log.appendBatch}. Never throws. */
export function appendBatch(
  engine: Engine,
  records: readonly BatchRecord[],
  options: BatchOptions | undefined,
): Promise<BatchResult> {
  return submitBatch(engine, records, undefined, options);
}

/** See {@link Stream.appendBatch}. Never throws. */
export function appendBatchTo(
  engine: Engine,
  ref: StreamRef,
  records: readonly RecordChunk[],
  options: BatchOptions | undefined,
): Promise<BatchResult> {
  return submitBatch(engine, records, ref, options);
}

// `ref`: of all records, where they have no keys.
function submitBatch(
  engine: Engine,
  records: readonly RecordToCheck[],
  ref: StreamRef | undefined,
  options: BatchOptions | undefined,
): Promise<BatchResult> {
  try {
    if (options !== undefined) checkOptions(options, BATCH_OPTIONS, 'appendBatch');
    const { durability: chosen, signal } = options ?? NO_OPTIONS;
    checkSignal(signal, 'signal');
    signal?.throwIfAborted();
    checkArray(records, 'records');
    const durability = durabilityIndex(engine, chosen);
    engine.log();
    const count = checkInteger(records.length, 'records.length');
    if (count === 0) return Promise.resolve({ firstLsn: 0, records: [] });
    const batch = checkBatch(engine, records, count, ref);
    return withSignal(engine.appendBatch(batch, durability, signal), signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** See {@link Log.appendSync}. */
export function appendSync(
  engine: Engine,
  keyOrRef: StreamRef | string | Uint8Array,
  data: string | Uint8Array,
  options: SyncAppendOptions | undefined,
): AppendResult {
  if (options !== undefined) checkOptions(options, SYNC_APPEND_OPTIONS, 'appendSync');
  const { headers, durability } = options ?? NO_OPTIONS;
  const stream = refOf(engine, keyOrRef);
  const encoded = encodeHeaders(headers);
  const chosen = durabilityIndex(engine, durability);
  return engine.appendSync(stream, chosen, encoded, checkData(engine, data, 'data'));
}

/** See {@link Log.appendBatchSync}. */
export function appendBatchSync(
  engine: Engine,
  records: readonly BatchRecord[],
  options: SyncBatchOptions | undefined,
): BatchResult {
  return submitBatchSync(engine, records, undefined, options);
}

/** See {@link Stream.appendBatchSync}. */
export function appendBatchSyncTo(
  engine: Engine,
  ref: StreamRef,
  records: readonly RecordChunk[],
  options: SyncBatchOptions | undefined,
): BatchResult {
  return submitBatchSync(engine, records, ref, options);
}

function submitBatchSync(
  engine: Engine,
  records: readonly RecordToCheck[],
  ref: StreamRef | undefined,
  options: SyncBatchOptions | undefined,
): BatchResult {
  if (options !== undefined) checkOptions(options, SYNC_BATCH_OPTIONS, 'appendBatchSync');
  checkArray(records, 'records');
  const durability = durabilityIndex(engine, options?.durability);
  engine.log();
  const count = checkInteger(records.length, 'records.length');
  if (count === 0) return { firstLsn: 0, records: [] };
  return engine.appendBatchSync(checkBatch(engine, records, count, ref), durability);
}

/** See {@link Log.ingest}. */
export function ingest(
  engine: Engine,
  keyOrRef: StreamRef | string | Uint8Array,
  data: string | Uint8Array,
  options: IngestOptions | undefined,
): boolean {
  if (options !== undefined) checkOptions(options, INGEST_OPTIONS, 'ingest');
  const stream = refOf(engine, keyOrRef);
  const headers = options === undefined ? undefined : encodeHeaders(options.headers);
  return engine.ingest(stream, headers, checkData(engine, data, 'data'));
}

// What a batch has, before it is checked; with keys where it is not for one stream.
type RecordToCheck = string | Uint8Array | (StreamBatchRecord & { readonly key?: string | Uint8Array });

// Each field of each record is read once, so that what was checked is what is stored.
function checkBatch(
  engine: Engine,
  records: readonly RecordToCheck[],
  count: number,
  ref: StreamRef | undefined,
): Batch {
  const { batchRecordsMax } = engine.options;
  if (count > batchRecordsMax) {
    throw tooLarge(`the batch has ${count} records, more than batchRecordsMax (${batchRecordsMax})`);
  }
  const fields = ref === undefined ? BATCH_RECORD_FIELDS : STREAM_BATCH_RECORD_FIELDS;
  const batch = new Batch(count);
  for (let index = 0; index < count; index++) {
    const record = records[index];
    if (typeof record === 'string' || types.isUint8Array(record)) {
      if (ref === undefined) throw typeError(expectedMessage('an object', `records[${index}]`, record));
      const data = checkData(engine, record, index);
      batch.add(ref, undefined, data, lengthOf(data));
      continue;
    }
    if (ref !== undefined && typeof record !== 'object') {
      throw typeError(expectedMessage(CHUNK_EXPECTED, `records[${index}]`, record));
    }
    // Names are made where there is something to say.
    if (!hasOnlyFields(record, fields)) checkFields(record, fields, `records[${index}]`);
    const stream = ref ?? engine.refOf(record.key);
    const headers = encodeHeaders(record.headers);
    const data = checkData(engine, record.data, index);
    batch.add(stream, headers, data, lengthOf(data));
  }
  return batch;
}

/** A record that may be added to a batch. */
export interface CheckedRecord {
  readonly headers: Uint8Array | undefined;
  readonly data: string | Uint8Array;
  /** Of the data, when it was checked. */
  readonly length: number;
}

/**
 * One record, each field of which is read once. Throws TypeError, RangeError and TOO_LARGE, with what the data is
 * called.
 */
export function checkRecord(engine: Engine, record: StreamBatchRecord, dataName: string): CheckedRecord {
  const headers = encodeHeaders(record.headers);
  const data = checkData(engine, record.data, dataName);
  return { headers, data, length: lengthOf(data) };
}

function dataNameOf(name: string | number): string {
  return typeof name === 'string' ? name : `records[${name}].data`;
}

// A record's data: a string that is well-formed, or bytes that nobody can lengthen.
function checkData(engine: Engine, data: string | Uint8Array, name: string | number): string | Uint8Array {
  const { recordBytesMax } = engine.options;
  if (typeof data !== 'string') {
    const bytes = areOwnBytes(data) ? data : toBytes(data, dataNameOf(name));
    const length = lengthOf(bytes);
    if (length > recordBytesMax) throw recordTooLarge(name, length, recordBytesMax);
    return bytes;
  }
  // A character takes a byte at least, and three at most.
  if (data.length > recordBytesMax) throw recordTooLarge(name, data.length, recordBytesMax);
  if (!data.isWellFormed()) checkWellFormed(data, dataNameOf(name));
  if (3 * data.length <= recordBytesMax) return data;
  const byteCount = Buffer.byteLength(data);
  if (byteCount > recordBytesMax) throw recordTooLarge(name, byteCount, recordBytesMax);
  return data;
}

function recordTooLarge(name: string | number, atLeast: number, bytesMax: number): SeglogError {
  return tooLarge(`${dataNameOf(name)} has ${atLeast} bytes or more, over recordBytesMax (${bytesMax})`);
}

function refOf(engine: Engine, keyOrRef: StreamRef | string | Uint8Array): StreamRef {
  return keyOrRef instanceof StreamRef ? keyOrRef : engine.refOf(keyOrRef);
}

function durabilityIndex(engine: Engine, durability: Durability | undefined): number {
  return durability === undefined ? engine.durabilityDefault : engine.durabilityIndex(checkDurability(durability));
}
