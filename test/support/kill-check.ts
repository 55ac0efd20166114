// SPDX-License-Identifier: MIT
// What kill.test.ts expects of a log whose writer was killed. Every check throws with what it saw.

import { strict as assert } from 'node:assert';
import { crc32 } from 'node:zlib';
import type { Log, LogRecord } from '../../lib/index.js';

/** What one life of the writer reported before it was killed. */
export interface Reports {
  /** Undefined: it was killed before the log was open. */
  readonly opened: string | undefined;
  /** Acknowledged single records whose durability survives a kill. */
  readonly acknowledged: readonly { key: number; counter: number; seq: number; lsn: number }[];
  /** Batches that were begun: id to record count. */
  readonly begun: ReadonlyMap<number, number>;
  /** Batches whose acknowledgement survives a kill: id to first LSN. */
  readonly acknowledgedBatches: ReadonlyMap<number, number>;
  /** By key, how many records of it were handed over before a sync that was done. */
  readonly synced: readonly number[];
  /** The highest LSN that was shown, whatever the durability. */
  readonly highestLsn: number;
}

export interface Payload {
  readonly round: number;
  readonly key: number;
  readonly counter: number;
  readonly batch: number | undefined;
  readonly batchRecords: number;
  /** Counts the records of the round, in the order of the calls. */
  readonly number: number;
}

/** Reads the lines of kill-writer.mjs. The last one may have been cut by the kill. */
export function parseReports(text: string): Reports {
  let opened: string | undefined;
  let highestLsn = 0;
  let synced: readonly number[] = [];
  const acknowledged: { key: number; counter: number; seq: number; lsn: number }[] = [];
  const begun = new Map<number, number>();
  const acknowledgedBatches = new Map<number, number>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [kind, ...words] = line.split(' ');
    const numbers = words.map(Number);
    const survives = words[0] !== 'none';
    if (kind === 'open') {
      opened = words[0];
    } else if (kind === 'start') {
      begun.set(numbers[0] ?? -1, numbers[1] ?? -1);
    } else if (kind === 'ack') {
      const [, key = -1, counter = -1, seq = -1, lsn = -1] = numbers;
      highestLsn = Math.max(highestLsn, lsn);
      if (survives) acknowledged.push({ key, counter, seq, lsn });
    } else if (kind === 'batch') {
      const [, batch = -1, firstLsn = -1] = numbers;
      highestLsn = Math.max(highestLsn, firstLsn + (begun.get(batch) ?? 0) - 1);
      if (survives) acknowledgedBatches.set(batch, firstLsn);
    } else if (kind === 'synced') {
      synced = numbers;
    } else {
      throw new Error(`the writer reported ${line}`);
    }
  }
  return { opened, acknowledged, begun, acknowledgedBatches, synced, highestLsn };
}

/** Verifies a record's own checksum and that it stands under the key that it names. */
export function parsePayload(record: LogRecord): Payload {
  const text = record.data.toString('utf8');
  const end = text.lastIndexOf(',');
  const where = `record ${record.seq} of ${record.key}`;
  assert.equal(Number(text.slice(end + 1)), crc32(text.slice(0, end)), `${where} differs from what was appended`);
  const [round, key, counter, batch, batchRecords, number] = text.split(',');
  assert.equal(record.key, `key ${key}`, `${where} stands under another key`);
  return {
    round: Number(round),
    key: Number(key),
    counter: Number(counter),
    batch: batch === '-' ? undefined : Number(batch),
    batchRecords: Number(batchRecords),
    number: Number(number),
  };
}

/**
 * Checks what one round left: it is a beginning of what was handed over, in the order of the calls, whatever the streams
 * and durabilities (so nothing is missing in the middle, twice, out of order or never appended); every stream begins
 * behind what was there before and goes on without a gap; everything that was acknowledged is where it was said to be,
 * and each batch is whole or absent.
 */
export function checkRound(
  round: number,
  records: readonly LogRecord[],
  firstSeqs: ReadonlyMap<number, number>,
  reports: Reports,
): { readonly whole: number; readonly absent: number } {
  const counts = new Map<number, number>();
  const byCounter = new Map<string, LogRecord>();
  const batches = new Map<number, { count: number; readonly expected: number; readonly lsns: number[] }>();
  let lastLsn = 0;
  for (const [index, record] of records.entries()) {
    const payload = parsePayload(record);
    const where = `record ${record.seq} of ${record.key}`;
    assert.ok(record.lsn > lastLsn, `${where}: LSN ${record.lsn} follows ${lastLsn}`);
    lastLsn = record.lsn;
    assert.equal(payload.round, round, `${where} is of another round`);
    assert.equal(payload.number, index, `${where}: what was handed over before it is missing, or comes behind it`);
    const counter = counts.get(payload.key) ?? 0;
    assert.equal(payload.counter, counter, `${where}: the counters have a gap or repeat`);
    assert.equal(record.seq, (firstSeqs.get(payload.key) ?? 1) + counter, `${where}: the sequences have a gap`);
    counts.set(payload.key, counter + 1);
    byCounter.set(`${payload.key} ${counter}`, record);
    if (payload.batch === undefined) continue;
    const batch = batches.get(payload.batch) ?? { count: 0, expected: payload.batchRecords, lsns: [] };
    batch.count++;
    batch.lsns.push(record.lsn);
    batches.set(payload.batch, batch);
  }
  for (const { key, counter, seq, lsn } of reports.acknowledged) {
    const found = byCounter.get(`${key} ${counter}`);
    assert.deepEqual([found?.seq, found?.lsn], [seq, lsn], `acknowledged: key ${key}, counter ${counter}`);
  }
  for (const [key, count] of reports.synced.entries()) {
    assert.ok((counts.get(key) ?? 0) >= count, `key ${key}: ${counts.get(key)} of ${count} records that were synced`);
  }
  for (const [id, { count, expected, lsns }] of batches) {
    assert.equal(reports.begun.get(id), expected, `batch ${id} was never begun, or with another size`);
    assert.equal(count, expected, `batch ${id} has ${count} of ${expected} records`);
    assert.equal((lsns.at(-1) ?? 0) - (lsns[0] ?? 0), expected - 1, `the LSNs of batch ${id} have a gap`);
  }
  let [whole, absent] = [0, 0];
  for (const id of reports.begun.keys()) {
    const firstLsn = reports.acknowledgedBatches.get(id);
    if (firstLsn !== undefined) assert.equal(batches.get(id)?.lsns[0], firstLsn, `acknowledged batch ${id}`);
    else if (batches.has(id)) whole++;
    else absent++;
  }
  return { whole, absent };
}

/** Checks that log.recovery says what happened, with the right numbers. */
export function checkRecovery(log: Log, records: readonly LogRecord[], previousLsn: number, reports: Reports): void {
  const { recovery } = log;
  const expected = reports.opened === undefined ? /^(new|clean|recovered|torn-tail)$/ : /^(recovered|torn-tail)$/;
  assert.match(recovery.status, expected);
  const lastLsn = records.at(-1)?.lsn ?? previousLsn;
  assert.equal(recovery.lastLsn, lastLsn, 'recovery.lastLsn');
  assert.ok(recovery.nextLsn > reports.highestLsn, `LSN ${reports.highestLsn} was shown and would be given out again`);
  assert.ok(recovery.nextLsn > recovery.lastLsn, 'recovery.nextLsn');
  assert.equal(recovery.streams, log.streams().length, 'recovery.streams');
  assert.equal(recovery.tornTail !== undefined, recovery.status === 'torn-tail', 'recovery.tornTail');
  assert.deepEqual(recovery.damage, []);
}
