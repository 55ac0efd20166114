// SPDX-License-Identifier: MIT
// Truncating a stream's oldest records, and using the files of dropped segments again.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Log, type LogRecord, openLog } from '../lib/index.js';
import { rejection, temporaryDirectory } from './support/directory.js';

const small = { segmentBytes: 16_384, sharedStreamBytesMax: 0, destageBytes: 4096, frameBytesMax: 4096 };

async function append(log: Log, key: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await log.append(key, `${key} ${index} ${'x'.repeat(500)}`);
}

async function sequences(log: Log, key: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { seq } of log.stream(key).read()) found.push(seq);
  return found;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('truncateBefore', () => {
  test('of the log is that of the stream of a key', async () => {
    const log = await openLog(temporaryDirectory(), small);
    await append(log, 'a', 10);
    await append(log, 'b', 10);
    await log.truncateBefore('a', 4);
    expect([await sequences(log, 'a'), await sequences(log, 'b')]).toEqual([range(4, 10), range(1, 10)]);
    expect(await rejection(log.truncateBefore('a', 0))).toBeInstanceOf(RangeError);
    expect(await rejection(log.truncateBefore('', 1))).toBeInstanceOf(RangeError);
    const signal = AbortSignal.abort(new Error('reason'));
    expect(await rejection(log.truncateBefore('a', 5, { signal }))).toBe(signal.reason);
    await log.close();
    expect(await rejection(log.truncateBefore('a', 5))).toMatchObject({ code: 'CLOSED' });
  });

  test('hides the records below, keeps the rest and the numbering, and survives a reopen', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, small);
    await append(log, 'a', 100);
    await log.stream('a').truncateBefore(41);
    expect(await sequences(log, 'a')).toEqual(range(41, 100));
    expect(log.stream('a').info()).toMatchObject({ firstSeq: 41, nextSeq: 101 });
    expect(await log.stream('a').get(40)).toBeUndefined();
    expect((await log.stream('a').get(41))?.seq).toBe(41);
    const merged: LogRecord[] = [];
    for await (const record of log.read()) merged.push(record);
    expect(merged.map(({ seq }) => seq)).toEqual(range(41, 100));
    await log.close();
    const again = await openLog(directory, small);
    expect(await sequences(again, 'a')).toEqual(range(41, 100));
    expect((await again.append('a', 'next')).seq).toBe(101);
    await again.close();
  });

  test('drops whole segments and gives their files to new ones', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, small);
    await append(log, 'a', 200);
    await expect.poll(() => log.stats().segmentsSealed).toBeGreaterThan(3);
    await log.stream('a').truncateBefore(190);
    await expect.poll(() => readdirSync(join(directory, 'free')).length).toBe(2);
    await append(log, 'a', 200);
    await expect.poll(() => log.stats().segmentsRecycled).toBeGreaterThan(0);
    expect(await sequences(log, 'a')).toEqual(range(190, 400));
    await log.close();
    const again = await openLog(directory, small);
    expect(await sequences(again, 'a')).toEqual(range(190, 400));
    await again.close();
  });

  test('beyond the end takes everything, below the first record nothing; an unknown stream resolves', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await append(log, 'a', 3);
    await log.stream('a').truncateBefore(1_000);
    expect(await sequences(log, 'a')).toEqual([]);
    await log.stream('a').truncateBefore(2);
    expect(log.stream('a').info()).toMatchObject({ firstSeq: 4, nextSeq: 4 });
    await log.stream('unknown').truncateBefore(5);
    expect(log.stream('unknown').info()).toBeUndefined();
    expect((await log.append('a', 'again')).seq).toBe(4);
    await log.close();
  });

  test('refuses what is no sequence, and a log that is read-only or closed; nothing is changed', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await append(log, 'a', 3);
    for (const seq of [0, -1, 1.5, Number.NaN]) {
      expect(await rejection(log.stream('a').truncateBefore(seq))).toBeInstanceOf(RangeError);
    }
    const stream = log.stream('a');
    await log.close();
    expect(await rejection(stream.truncateBefore(2))).toMatchObject({ code: 'CLOSED' });
    const reader = await openLog(directory, { readOnly: true });
    expect(await rejection(reader.stream('a').truncateBefore(2))).toMatchObject({ code: 'READ_ONLY' });
    expect(await sequences(reader, 'a')).toEqual([1, 2, 3]);
    await reader.close();
    expect(existsSync(join(directory, 'free')) && statSync(join(directory, 'free')).isDirectory()).toBe(true);
  });
});
