// SPDX-License-Identifier: MIT
// Reads one directory with the independent reader and with the native one, and compares what they find, record for
// record. Differences are thrown as plain errors: an `expect` per record would be too slow for a million of them.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Log, type LogRecord as NativeRecord, openLog } from '../../lib/index.js';
import { type IndependentLog, type LogRecord, type LogStream, readLog } from '../independent-reader/index.js';

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
    compared = await compareWith(readLog(directory), native);
  } finally {
    await native.close();
  }
  mustEqual('the digest of the directory afterwards', digestOfDirectory(directory), before);
  return compared;
}

/** Compares what the independent reader has found with a log that is open already. */
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
  mustEqual('the number of streams', log.streams.length, native.streams().length);
  for (const stream of log.streams) {
    compareInfo(stream, native);
    await compareRecords(stream, native, compared);
  }
  return compared;
}

function compareInfo(stream: LogStream, native: Log): void {
  const info = native.stream(stream.key).info();
  const name = stream.key.toString();
  mustEqual(`the id of ${name}`, stream.id, Number.parseInt(info?.id ?? '', 16));
  mustEqual(`the first sequence of ${name}`, stream.firstSequence, info?.firstSeq);
  mustEqual(`the next sequence of ${name}`, stream.nextSequence, info?.nextSeq);
  mustEqual(`the time of ${name}`, stream.created, info?.createdUs);
  mustEqual(`the segments of ${name}`, stream.segments.length, info?.segments);
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
