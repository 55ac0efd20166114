// SPDX-License-Identifier: MIT
// Where the end of several streams begins: the LSN from which on there are N records, or those since a time. Only
// LSNs are kept, so that memory does not depend on the records, and streams are read from their ends.

import type { Log, LogRecord, StreamInfo } from '../index.js';

const FIRST_STEP_RECORDS = 64;

/** The LSN of the `count`th last record of all the streams together; of their first one where there are fewer. */
export async function lsnOfLast(log: Log, streams: readonly StreamInfo[], count: number): Promise<number> {
  if (count === 0) return Number.MAX_SAFE_INTEGER;
  // The `count` highest so far. Streams that end below all of them have nothing to add.
  let highest: number[] = [];
  for (const stream of [...streams].sort((a, b) => b.lastLsn - a.lastLsn)) {
    const floor = highest.length < count ? 0 : (highest[0] ?? 0);
    if (stream.lastLsn <= floor) break;
    const found = await lastLsns(log, stream, count, floor);
    highest = [...highest, ...found].sort((a, b) => a - b).slice(-count);
  }
  return highest[0] ?? 1;
}

/** The LSN of the first record at or after a time, of all the streams; undefined where there is none. */
export async function lsnSince(log: Log, streams: readonly StreamInfo[], timeUs: number): Promise<number | undefined> {
  let lowest: number | undefined;
  for (const stream of streams) {
    // Log time does not fall from LSN to LSN: what a stream has is later than what is lowest so far, or it is not.
    if (stream.lastTimeUs < timeUs) continue;
    const lsn = await firstSince(log, stream, timeUs);
    if (lsn !== undefined && (lowest === undefined || lsn < lowest)) lowest = lsn;
  }
  return lowest;
}

/** LSNs above `floor` of the stream's last records, at most `count`: read in steps that double, from the end. */
async function lastLsns(log: Log, stream: StreamInfo, count: number, floor: number): Promise<number[]> {
  const lsns: number[] = [];
  let end = stream.nextSeq - 1;
  for (let step = Math.min(count, FIRST_STEP_RECORDS); end >= stream.firstSeq && lsns.length < count; step *= 2) {
    const from = Math.max(stream.firstSeq, end - Math.min(step, count - lsns.length) + 1);
    let lowest = Number.POSITIVE_INFINITY;
    for await (const batch of log.stream(stream.key).readBatches({ from, to: end })) {
      for (const record of batch) {
        lowest = Math.min(lowest, record.lsn);
        if (record.lsn > floor) lsns.push(record.lsn);
      }
    }
    if (lowest <= floor) break;
    end = from - 1;
  }
  return lsns;
}

/** By halves, since times do not fall from one record to the next. */
async function firstSince(log: Log, stream: StreamInfo, timeUs: number): Promise<number | undefined> {
  let low = stream.firstSeq;
  let high = stream.nextSeq;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const record = await firstRecord(log, stream, middle);
    if (record === undefined || record.timeUs >= timeUs) high = middle;
    else low = record.seq + 1;
  }
  return (await firstRecord(log, stream, low))?.lsn;
}

/** The record with that sequence or, where damage hides it, the next one. */
async function firstRecord(log: Log, stream: StreamInfo, seq: number): Promise<LogRecord | undefined> {
  for await (const record of log.stream(stream.key).read({ from: seq, batchBytes: 1 })) return record;
  return undefined;
}
