// SPDX-License-Identifier: MIT
// The log in plain JavaScript (bench/js-log), written from docs/format.md alone, as the native log and the independent
// reader see it: what it writes is a log of version 1, closed or killed, and both find the records that it acknowledged.
// SEGLOG_SEED repeats a run's choices.

import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Headers, type JsLog, type JsLogOptions, openJsLog } from '../bench/js-log/index.mjs';
import { openLog } from '../lib/index.js';
import { type IndependentLog, readLog } from './independent-reader/index.js';
import { startChild, supportPath } from './support/child.js';
import { collect, rejection, temporaryDirectory } from './support/directory.js';
import { compareReaders, compareWith, digestOfDirectory } from './support/independent-compare.js';

const SEED = Number(process.env.SEGLOG_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** So small that a short log has its segments rotated, its bytes carried and its journal files recycled. */
const SMALL: JsLogOptions = {
  segmentBytes: 65_536,
  journalFirstBytes: 65_536,
  journalFileBytes: 131_072,
  journalLiveBytesMax: 524_288,
  frameBytesMax: 8192,
  commitBytesMax: 65_536,
  destageBytes: 16_384,
  carryBytesMax: 16_384,
};
const MIB = 1_048_576;

interface Written {
  readonly seq: number;
  readonly lsn: number;
  readonly digest: string;
}

/** By key, in order. */
type Truth = Map<string, Written[]>;

function digestOf(data: string | Uint8Array, headers: Headers = {}): string {
  const hash = createHash('sha256').update(data);
  for (const [name, value] of Object.entries(headers)) {
    hash.update(`|${name}|${typeof value}|`).update(value);
  }
  return hash.digest('hex');
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Appends of all kinds and sizes, in turns of about 60 that share commits. */
async function write(log: JsLog, truth: Truth, turns: number, random: () => number): Promise<void> {
  const note = (
    key: string,
    { seq, lsn }: { seq: number; lsn: number },
    data: string | Uint8Array,
    headers?: Headers,
  ) => {
    const list = truth.get(key) ?? [];
    truth.set(key, list);
    list.push({ seq, lsn, digest: digestOf(data, headers) });
  };
  const below = (bound: number) => Math.floor(random() * bound);
  const record = () => {
    const key = ['orders', 'stock', 'Ünï/cödé', '.hidden', 'x'.repeat(300), `key ${below(12)}`][below(6)] ?? '';
    const size = [0, 1, 7, 8, 100, 128, 1000, 5000, 20_000][below(9)] ?? 0;
    const data = random() < 0.3 ? 'é'.repeat(size / 2) : Buffer.alloc(size, below(256));
    const headers: Headers = { number: `${below(1e6)}`, blob: Buffer.alloc(below(40), 1) };
    return random() < 0.2 ? { key, data, headers } : { key, data };
  };
  for (let turn = 0; turn < turns; turn++) {
    const waiting: Promise<unknown>[] = [];
    for (let count = 0; count < 60; count++) {
      const { key, data, headers } = record();
      waiting.push(log.append(key, data, headers).then((place) => note(key, place, data, headers)));
    }
    const batch = Array.from({ length: below(30) }, record);
    const batchPlaces = log.appendBatch(batch);
    waiting.push(
      batchPlaces.then((places) => {
        for (const [index, place] of places.entries()) {
          const { key, data, headers } = batch[index] ?? record();
          note(key, place, data, headers);
        }
      }),
    );
    await Promise.all(waiting);
  }
}

/** Every record that `truth` has is in the log, and no other; whatever `ingested` names is left out. */
async function expectRecords(directory: string, truth: Truth): Promise<void> {
  const log = await openLog(directory, { readOnly: true });
  expect(
    log
      .streams()
      .map(({ key }) => String(key))
      .sort(),
  ).toEqual([...truth.keys()].sort());
  for (const [key, written] of truth) {
    const found = await collect(log.stream(key).read());
    const digests = found.map(({ seq, lsn, data, headers }) => ({ seq, lsn, digest: digestOf(data, headers) }));
    expect(digests, key).toEqual([...written].sort((a, b) => a.seq - b.seq));
  }
  await log.close();
}

describe(`a log that plain JavaScript wrote (seed ${SEED})`, () => {
  test('is the same to the native log and the independent reader, verifies, and is gone on with', {
    timeout: 90_000,
  }, async () => {
    const directory = join(temporaryDirectory(), 'log');
    const truth: Truth = new Map();
    const random = mulberry32(SEED);
    let log = await openJsLog(directory, SMALL);
    await write(log, truth, 60, random);
    for (const bytes of [3 * MIB, 9 * MIB + 5]) {
      const data = Buffer.alloc(bytes, bytes);
      const { seq, lsn } = await log.append('large', data);
      truth.set('large', [...(truth.get('large') ?? []), { seq, lsn, digest: digestOf(data) }]);
    }
    await log.close();

    log = await openJsLog(directory, SMALL);
    await write(log, truth, 30, random);
    await log.close();

    const compared = await compareReaders(directory);
    expect(compared.segments.ended).toBeGreaterThan(20);
    expect(Math.min(compared.recordsWithHeaders, compared.emptyRecords)).toBeGreaterThan(0);
    await expectRecords(directory, truth);

    const native = await openLog(directory);
    expect(native.recovery).toMatchObject({ status: 'clean', lostLsns: undefined, damage: [] });
    expect((await native.verify()).damage).toEqual([]);
    const before = truth.get('orders')?.length ?? 0;
    expect(await native.append('orders', 'native')).toMatchObject({ seq: before + 1 });
    await native.append('a new one', 'native');
    await native.stream('orders').seal();
    expect((await native.verify()).damage).toEqual([]);
    await native.close();
    expect((await compareReaders(directory)).records).toBe(compared.records + 2);
  });

  test('ends a segment on a page, however little room is left on the one before', async () => {
    const directory = temporaryDirectory();
    const log = await openJsLog(directory);
    // Each alone in its frame: the header of a frame and that of a record are 72 bytes.
    for (let left = 0; left <= 80; left += 8) await log.append(`${left} bytes left`, Buffer.alloc(4096 - 72 - left, 1));
    await log.close();
    const { segments } = await compareReaders(directory);
    expect(segments).toMatchObject({ open: 11 });
    const ends = readLog(directory).streams.map((stream) => stream.segments[0]?.end);
    expect(ends).toEqual([8192, ...Array<number>(7).fill(12_288), 8192, 8192, 8192]);
    const native = await openLog(directory);
    expect((await native.verify()).damage).toEqual([]);
    await native.close();
  });

  test('has what was ingested once sync resolves, and each record of a batch in one commit', async () => {
    const directory = temporaryDirectory();
    const log = await openJsLog(directory, { bufferedBytesMax: 100_000 });
    let paused = 0;
    for (let number = 0; number < 5000; number++) {
      if (!log.ingest(`key ${number % 3}`, `record ${number}`)) {
        paused++;
        await log.drain();
      }
    }
    await log.sync();
    expect(log.durableLsn).toBe(5000);
    expect(paused).toBeGreaterThan(0);
    const places = await log.appendBatch([1, 2, 3].map((number) => ({ key: `key ${number}`, data: `${number}` })));
    expect(places).toEqual([1668, 1667, 1].map((seq, index) => ({ seq, lsn: 5001 + index })));
    await log.close();
    expect((await compareReaders(directory)).records).toBe(5003);
  });

  test('stands open to nobody else of its kind, nor while a native log is open', async () => {
    const directory = temporaryDirectory();
    const log = await openJsLog(directory);
    expect(await rejection(openJsLog(directory))).toMatchObject({ code: 'LOCKED' });
    await log.append('key', 'data');
    await log.close();
    const native = await openLog(directory);
    expect(await rejection(openJsLog(directory))).toMatchObject({ code: 'LOCKED' });
    await native.close();
  });

  test('begins with a record that its first journal file has no room for, and goes on', async () => {
    const directory = temporaryDirectory();
    const log = await openJsLog(directory, SMALL);
    await log.append('large', Buffer.alloc(2 * MIB, 7));
    const compared = readLog(directory);
    expect(compared.streams.map(({ nextSequence }) => nextSequence)).toEqual([2]);
    // The file that was made for it exceeds the bound on the live journal: the next ones are made all the same.
    for (let count = 2; count <= 300; count++) {
      expect(await log.append('large', Buffer.alloc(4000))).toMatchObject({ seq: count });
      if (count % 100 === 0) await log.append('large too', Buffer.alloc(2 * MIB, 7));
    }
    await log.close();
    const native = await openLog(directory);
    expect((await native.verify()).damage).toEqual([]);
    await native.close();
  });
});

test('a refused append changes nothing', async () => {
  const directory = temporaryDirectory();
  const log = await openJsLog(directory, { bufferedBytesMax: 10_000 });
  const first = log.append('key', Buffer.alloc(9000));
  expect(await rejection(log.append('other', Buffer.alloc(2000)))).toMatchObject({ code: 'QUEUE_FULL' });
  expect(await rejection(log.append('', 'data'))).toBeInstanceOf(RangeError);
  expect(await rejection(log.append('key', 'data', { name: 'x'.repeat(70_000) }))).toMatchObject({ code: 'TOO_LARGE' });
  expect(
    await rejection(
      log.appendBatch([
        { key: 'key', data: 'd' },
        { key: '\ud800', data: 'd' },
      ]),
    ),
  ).toBeInstanceOf(TypeError);
  expect(await first).toEqual({ seq: 1, lsn: 1 });
  expect(await log.append('other', 'data')).toEqual({ seq: 1, lsn: 2 });
  await log.close();
  expect(await rejection(log.append('key', 'data'))).toMatchObject({ code: 'CLOSED' });
});

test('a failure behind the commits ends the log for writing', async () => {
  const directory = temporaryDirectory();
  const log = await openJsLog(directory, SMALL);
  await log.append('key', 'data');
  rmSync(join(directory, 'journal'), { recursive: true });
  let failure: unknown;
  for (let count = 0; count < 1000 && failure === undefined; count++) {
    failure = await log.append('key', Buffer.alloc(20_000)).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
  expect(failure).toMatchObject({ code: 'FAILED', cause: { code: 'ENOENT' } });
  expect(await rejection(log.append('key', 'data'))).toBe(failure);
  expect(await rejection(log.close())).toBe(failure);
});

describe('a directory that it cannot go on with is refused, and left as it is:', () => {
  async function expectRefusal(directory: string, code: string): Promise<void> {
    rmSync(join(directory, 'LOCK'), { force: true });
    const before = digestOfDirectory(directory);
    expect(await rejection(openJsLog(directory))).toMatchObject({ code });
    rmSync(join(directory, 'LOCK'), { force: true });
    expect(digestOfDirectory(directory)).toBe(before);
  }

  test('a native log with bytes that only the journal has', async () => {
    const directory = temporaryDirectory();
    const native = await openLog(directory, { sharedStreamBytesMax: 0 });
    await native.append('key', 'data');
    await native.close();
    await expectRefusal(directory, 'NOT_CLEAN');
  });

  test('a native log with shared segments', async () => {
    const directory = temporaryDirectory();
    const native = await openLog(directory);
    await native.append('key', 'data');
    await native.close();
    await expectRefusal(directory, 'UNSUPPORTED');
  });

  test('a log that was not closed', async () => {
    const directory = join(temporaryDirectory(), 'log');
    await killWriter(directory, 64, 100);
    await expectRefusal(directory, 'NOT_CLEAN');
  });

  test('a damaged catalogue', async () => {
    const directory = temporaryDirectory();
    await (await openJsLog(directory)).close();
    for (const name of ['CATALOG', 'CATALOG.copy']) {
      const bytes = readFileSync(join(directory, name));
      bytes[100] = 9;
      writeFileSync(join(directory, name), bytes);
    }
    await expectRefusal(directory, 'CORRUPT');
  });

  test("somebody else's files", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'notes.txt'), 'mine');
    await expectRefusal(directory, 'NOT_CLEAN');
  });
});

test('a native log whose segments hold everything is gone on with, and comes back', async () => {
  const directory = temporaryDirectory();
  let native = await openLog(directory, { sharedStreamBytesMax: 0 });
  for (let count = 1; count <= 100; count++) await native.append('key', `native ${count}`);
  await native.stream('key').seal();
  await expect.poll(() => native.stats().segmentsSealed).toBe(1);
  await native.close();
  const log = await openJsLog(directory, SMALL);
  for (let count = 101; count <= 200; count++) {
    expect(await log.append('key', Buffer.alloc(2000))).toEqual({ seq: count, lsn: count });
  }
  await log.close();
  native = await openLog(directory);
  expect(await native.append('key', 'native')).toMatchObject({ seq: 201, lsn: 201 });
  expect((await native.verify()).damage).toEqual([]);
  await native.close();
  expect((await compareReaders(directory)).records).toBe(201);
});

/** Runs a writer that dies after so many appends with some in flight. Returns its reports. */
async function killWriter(directory: string, inFlight: number, appends: number): Promise<string> {
  const args = [directory, JSON.stringify(SMALL), String(inFlight), String(appends)];
  const writer = startChild(process.execPath, [supportPath('js-log-writer.mjs'), ...args]);
  const { signal, stderr, reports } = await writer.exit;
  expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
  return reports;
}

const ROUNDS = 5;

test(`killed in the middle, ${ROUNDS} times, it leaves every record that it acknowledged`, {
  timeout: 90_000,
}, async () => {
  const occurred: Record<string, number> = { bytes: 0, rotate: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const { frames, items, recycledFiles } = (await killAndCheck(64, 1200)).counts;
    const { fillers, withLsnDifferences, withTables } = frames;
    const counts = { ...items, recycledFiles, fillers, withLsnDifferences, withTables };
    for (const [what, count] of Object.entries(counts)) occurred[what] = (occurred[what] ?? 0) + count;
  }
  console.log(`js-log: ${ROUNDS} kills, in their journals ${JSON.stringify(occurred)}`);
  for (const [what, count] of Object.entries(occurred)) expect(count, what).toBeGreaterThan(0);
});

// In a recycled file only the page of zeros behind each block tells the last block from a torn tail. One append at a time
// makes blocks of a page, so that no page of an earlier life is left zero by chance.
test('killed between two commits over recycled files, it leaves no torn tail', { timeout: 60_000 }, async () => {
  const { counts, status } = await killAndCheck(1, 2000);
  expect(counts.recycledFiles).toBeGreaterThan(0);
  expect(status).toBe('recovered');
});

async function killAndCheck(
  inFlight: number,
  appends: number,
): Promise<{ counts: IndependentLog['counts']; status: string }> {
  const directory = join(temporaryDirectory(), 'log');
  const reports = await killWriter(directory, inFlight, appends);
  const acknowledged = [...reports.matchAll(/^ack (\S+) (\d+) (\d+) (\w+)\n/gm)];
  expect(acknowledged.length).toBeGreaterThan(20);

  const independent = readLog(directory);
  const log = await openLog(directory);
  expect(log.recovery).toMatchObject({ damage: [] });
  expect(['recovered', 'torn-tail']).toContain(log.recovery.status);
  await compareWith(independent, log);
  const found = new Map<string, string>();
  for (const { key } of log.streams()) {
    let next = 1;
    for await (const { seq, lsn, data } of log.stream(key).read()) {
      expect(seq).toBe(next++);
      found.set(`${key} ${seq}`, `${lsn} ${digestOf(data)}`);
    }
  }
  for (const [, key, seq, lsn, digest] of acknowledged) expect(found.get(`${key} ${seq}`)).toBe(`${lsn} ${digest}`);
  expect((await log.verify()).damage).toEqual([]);
  await log.append('key-1', 'after recovery');
  await log.close();
  return { counts: independent.counts, status: log.recovery.status };
}
