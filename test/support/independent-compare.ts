// SPDX-License-Identifier: MIT
// Reads one directory with the independent reader and with the native one, and compares what they find, record for
// record. Differences are thrown as plain errors: an `expect` per record would be too slow for a million of them.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Log, type LogRecord as NativeRecord, openLog, SeglogError } from '../../lib/index.js';
import { type IndependentLog, type LogRecord, type LogStream, Refusal, readLog } from '../independent-reader/index.js';

/** What was compared, for tests to assert that it was not too little. */
export interface Compared {
  readonly streams: number;
  records: number;
  dataBytes: number;
  recordsWithHeaders: number;
  emptyRecords: number;
  /** By state. */
  readonly segments: Record<string, number>;
  readonly sharedSegments: Record<string, number>;
  readonly journal: IndependentLog['counts'];
  readonly tornTail: IndependentLog['tornTail'];
}

/** Compares in place: neither reader changes the directory, which is checked. */
export async function compareReaders(directory: string): Promise<Compared> {
  const before = digestOfDirectory(directory);
  const native = await openLog(directory, { readOnly: true });
  let compared: Compared;
  try {
    const log = readLog(directory);
    compared = await compareWith(log, native);
    for (const { key, segments } of log.streams) {
      mustEqual(`the segments of ${key}`, segments.length, native.stream(key).info()?.segments);
    }
  } finally {
    await native.close();
  }
  mustEqual('the digest of the directory afterwards', digestOfDirectory(directory), before);
  return compared;
}

/**
 * Compares what the independent reader has found with a log that is open already, maybe for writing: then its segments
 * may be sealed and dropped meanwhile.
 */
export async function compareWith(log: IndependentLog, native: Log): Promise<Compared> {
  const compared: Compared = {
    streams: log.streams.length,
    records: 0,
    dataBytes: 0,
    recordsWithHeaders: 0,
    emptyRecords: 0,
    segments: countStates(log.streams.flatMap(({ segments }) => segments)),
    sharedSegments: countStates(log.sharedSegments),
    journal: log.counts,
    tornTail: log.tornTail,
  };
  compareReports(log, native);
  mustEqual('the number of streams', log.streams.length, native.streams().length);
  for (const stream of log.streams) {
    compareInfo(stream, native);
    await compareRecords(stream, native, compared);
  }
  return compared;
}

/** How the log ended, by both. */
function compareReports(log: IndependentLog, native: Log): void {
  const { status, tornTail } = native.recovery;
  const ours = log.tornTail;
  if (ours === undefined) {
    mustEqual('the status', log.clean && log.counts.commitsAfterSnapshot === 0 ? 'clean' : 'recovered', status);
    return;
  }
  mustEqual('the status', 'torn-tail', status);
  mustEqual('the torn file', `journal/${String(ours.generation).padStart(20, '0')}.journal`, tornTail?.file);
  mustEqual('the place of the torn tail', ours.offset, tornTail?.offset);
  mustEqual('the void commits', ours.voidBlocks, tornTail?.voidCommits);
}

function compareInfo(stream: LogStream, native: Log): void {
  const info = native.stream(stream.key).info();
  const name = stream.key.toString();
  mustEqual(`the id of ${name}`, stream.id, Number.parseInt(info?.id ?? '', 16));
  mustEqual(`the first sequence of ${name}`, stream.firstSequence, info?.firstSeq);
  mustEqual(`the next sequence of ${name}`, stream.nextSequence, info?.nextSeq);
  mustEqual(`the time of ${name}`, stream.created, info?.createdUs);
}

async function compareRecords(stream: LogStream, native: Log, compared: Compared): Promise<void> {
  const records = stream.records();
  for await (const batch of native.stream(stream.key).readBatches()) {
    for (const theirs of batch) {
      const { value: ours, done } = records.next();
      if (done === true) throw new Error(`Only the native reader has ${stream.key} ${theirs.seq}`);
      const difference = differenceOf(ours, theirs);
      if (difference !== undefined) throw new Error(`${stream.key} ${theirs.seq} differs in its ${difference}`);
      compared.records++;
      compared.dataBytes += ours.data.length;
      if (ours.headers.length > 0) compared.recordsWithHeaders++;
      if (ours.data.length === 0) compared.emptyRecords++;
    }
  }
  const { value: more } = records.next();
  if (more !== undefined) throw new Error(`Only the independent reader has ${stream.key} ${more.sequence}`);
}

function differenceOf(ours: LogRecord, theirs: NativeRecord): string | undefined {
  if (ours.sequence !== theirs.seq) return 'sequence';
  if (ours.lsn !== theirs.lsn) return 'LSN';
  if (ours.time !== theirs.timeUs) return 'time';
  if (ours.kind !== theirs.kind) return 'kind';
  if (!ours.data.equals(theirs.data)) return 'data';
  const names = Object.keys(theirs.headers);
  if (names.length !== ours.headers.length) return 'number of headers';
  for (const [name, value] of ours.headers) {
    const other = theirs.headers[name];
    const same = typeof value === 'string' ? value === other : Buffer.isBuffer(other) && value.equals(other);
    if (!same) return `header ${name}`;
  }
  return undefined;
}

function countStates(segments: LogStream['segments']): Record<string, number> {
  const counts = { open: 0, ended: 0, sealed: 0 };
  for (const { state } of segments) counts[state]++;
  return counts;
}

function mustEqual(what: string, ours: unknown, theirs: unknown): void {
  if (ours !== theirs) throw new Error(`The independent reader has ${ours} for ${what}, the native one ${theirs}`);
}

/** Of all names and contents. */
export function digestOfDirectory(directory: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }).sort(byPath)) {
    const path = join(entry.parentPath, entry.name);
    hash.update(`${path}\0`);
    if (entry.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

function byPath(a: { parentPath: string; name: string }, b: { parentPath: string; name: string }): number {
  return join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1;
}

/** Of each record, by the keys of streams in hexadecimal. */
export interface Digests {
  readonly streams: ReadonlyMap<string, readonly string[]>;
  readonly records: number;
}

/** What the independent reader finds in a log that is whole. */
export async function digestsOf(directory: string): Promise<Digests> {
  const { streams, refusals } = readIndependently(directory);
  if (refusals > 0) throw new Error('The log is damaged');
  return { streams, records: [...streams.values()].reduce((sum, { length }) => sum + length, 0) };
}

interface Outcome {
  readonly streams: Map<string, string[]>;
  readonly refusals: number;
  readonly isTorn: boolean;
}

/**
 * Reads a damaged log with both readers and says what came of it. Throws where one of them gives out a record that is not
 * among `whole`, or leaves some out without a word; and where the native reader refuses what the other one takes.
 */
export async function compareWithDamage(directory: string, whole: Digests, where: string): Promise<string> {
  const [ours, theirs] = [readIndependently(directory), await readNatively(directory)];
  for (const [name, { streams, refusals, isTorn }] of Object.entries({ independent: ours, native: theirs })) {
    let records = 0;
    for (const [key, digests] of streams) {
      records += digests.length;
      const known = whole.streams.get(key) ?? [];
      const isPrefix = digests.every((digest, index) => digest === known[index]);
      if (!isPrefix) throw new Error(`The ${name} reader gives out damaged records: ${where}`);
    }
    const isComplete = records === whole.records;
    if (!isComplete && refusals === 0 && !isTorn) throw new Error(`The ${name} reader is silent: ${where}`);
  }
  if (theirs.refusals > 0 && ours.refusals === 0) throw new Error(`Only the native reader refuses: ${where}`);
  if (ours.refusals > 0) return theirs.refusals > 0 ? 'both refuse' : 'only the independent reader refuses';
  mustEqual(`a torn tail, ${where}`, ours.isTorn, theirs.isTorn);
  return ours.isTorn ? 'torn tail' : 'no record is damaged';
}

function readIndependently(directory: string): Outcome {
  const streams = new Map<string, string[]>();
  let refusals = 0;
  const guard = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusals++;
      return undefined;
    }
  };
  const log = guard(() => readLog(directory));
  for (const { key, records } of log?.streams ?? []) {
    const digests: string[] = [];
    streams.set(key.toString('hex'), digests);
    guard(() => {
      for (const { sequence, lsn, time, kind, headers, data } of records()) {
        digests.push(digestOf([sequence, lsn, time, kind], headers, data));
      }
    });
  }
  return { streams, refusals, isTorn: log?.tornTail !== undefined };
}

async function readNatively(directory: string): Promise<Outcome> {
  const streams = new Map<string, string[]>();
  let refusals = 0;
  const guard = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      // A damaged version cannot be told from a later one.
      if (!(error instanceof SeglogError && ['CORRUPT', 'FORMAT_UNSUPPORTED'].includes(error.code))) throw error;
      refusals++;
      return undefined;
    }
  };
  const log = await guard(() => openLog(directory, { readOnly: true }));
  for (const { key } of log?.streams() ?? []) {
    const digests: string[] = [];
    streams.set(Buffer.from(key).toString('hex'), digests);
    await guard(async () => {
      for await (const { seq, lsn, timeUs, kind, headers, data } of log?.stream(key).read() ?? []) {
        digests.push(digestOf([seq, lsn, timeUs, kind], Object.entries(headers), data));
      }
    });
  }
  await log?.close();
  return { streams, refusals, isTorn: log?.recovery.tornTail !== undefined };
}

function digestOf(fields: readonly unknown[], headers: LogRecord['headers'], data: Buffer): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([fields, headers]))
    .update(data);
  return hash.digest('hex');
}
