// SPDX-License-Identifier: MIT
// The golden directories of each format version (test/golden/README.md): the independent reader and the native one
// read exactly what expected.json says, and a writer opens them and goes on.

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Log, openLog } from '../lib/index.js';
import { type IndependentLog, readLog } from './independent-reader/index.js';
import { temporaryDirectory } from './support/directory.js';

const V1 = fileURLToPath(new URL('golden/v1/', import.meta.url));
const NAMES = ['bodies', 'closed', 'crashed', 'recycled', 'sealed-truncated', 'shared'];

/** What each is there for, lest it be made anew without it. */
const FEATURES: Readonly<Record<string, (log: IndependentLog) => boolean>> = {
  bodies: ({ clean, counts }) => !clean && (counts.items.body ?? 0) > 0,
  closed: (log) => log.clean && log.streams.length === 9,
  crashed: ({ clean, counts }) => !clean && counts.journalFiles > 1 && (counts.items.bytes ?? 0) > 0,
  recycled: ({ clean, counts }) => !clean && counts.recycledFiles > 0,
  'sealed-truncated': ({ streams }) =>
    streams.some(
      ({ firstSequence, segments }) => firstSequence > 1 && segments.some(({ state }) => state === 'sealed'),
    ),
  shared: ({ clean, sharedSegments }) => !clean && sharedSegments.some(({ state }) => state === 'sealed'),
};

/** With the empty directories that git did not keep. */
function copyOf(name: string): string {
  const copy = temporaryDirectory();
  cpSync(join(V1, name, 'log'), copy, { recursive: true });
  for (const directory of ['streams', 'shared', 'free']) mkdirSync(join(copy, directory), { recursive: true });
  return copy;
}

function contentOfIndependent(log: IndependentLog): unknown[] {
  const streams = log.streams.map(({ key, id, firstSequence, nextSequence, created, records }) => ({
    key: key.toString('hex'),
    id,
    firstSeq: firstSequence,
    nextSeq: nextSequence,
    createdUs: created,
    records: Array.from(records(), ({ sequence, lsn, time, kind, headers, data }) =>
      contentOfRecord(sequence, lsn, time, kind, headers, data),
    ),
  }));
  return streams.sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function contentOfNative(log: Log): Promise<unknown[]> {
  const streams = [];
  for (const { key, id, firstSeq, nextSeq, createdUs } of log.streams()) {
    const records: unknown[] = [];
    for await (const { seq, lsn, timeUs, kind, headers, data } of log.stream(key).read()) {
      records.push(contentOfRecord(seq, lsn, timeUs, kind, Object.entries(headers), data));
    }
    const hex = Buffer.from(key).toString('hex');
    streams.push({ key: hex, id: Number.parseInt(id, 16), firstSeq, nextSeq, createdUs, records });
  }
  return streams.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function contentOfRecord(
  sequence: number,
  lsn: number,
  time: number,
  kind: string,
  headers: ReadonlyArray<readonly [string, string | Buffer]>,
  data: Buffer,
): unknown[] {
  const encoded = headers.map(([name, value]) => [
    name,
    typeof value === 'string' ? value : { hex: value.toString('hex') },
  ]);
  return [sequence, lsn, time, kind, encoded, data.length, createHash('sha256').update(data).digest('hex')];
}

function readExpected(name: string): { status: string; streams: unknown[] } {
  return JSON.parse(readFileSync(join(V1, name, 'expected.json'), 'utf8'));
}

test('no golden directory is without a test', () => {
  expect(readdirSync(V1).sort()).toEqual(NAMES);
});

describe.each(NAMES)('golden directory v1/%s', (name) => {
  test('has what it is there for', () => {
    expect(FEATURES[name]?.(readLog(join(V1, name, 'log')))).toBe(true);
  });

  test('is read by the independent reader as expected', () => {
    expect(contentOfIndependent(readLog(join(V1, name, 'log')))).toEqual(readExpected(name).streams);
  });

  test('is read by the native reader as expected, read-only and for writing', async () => {
    const { status, streams } = readExpected(name);
    const copy = copyOf(name);
    for (const readOnly of [true, false]) {
      const log = await openLog(copy, { create: 'never', readOnly });
      expect(log.recovery.status).toBe(status);
      expect(await contentOfNative(log)).toEqual(streams);
      await log.close();
    }
    expect(contentOfIndependent(readLog(copy))).toEqual(streams);
  });

  test('takes another record', async () => {
    const copy = copyOf(name);
    const log = await openLog(copy, { create: 'never' });
    const [first] = log.streams();
    expect((await log.append(first?.key ?? '', 'more')).seq).toBe(first?.nextSeq);
    await log.close();
    expect(readLog(copy).streams.find(({ nextSequence }) => nextSequence === (first?.nextSeq ?? 0) + 1)).toBeDefined();
  });
});
