// SPDX-License-Identifier: MIT
// Logs of all shapes, closed or left behind by a killed writer, as the independent reader and the native one see them:
// the same streams, the same records. And damaged ones: neither gives out a record that was not written.
// SEGLOG_INDEPENDENT_RECORDS sets the size of the large log (20,000; a million with `npm run test:independent`).

import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type OpenOptions, openLog } from '../lib/index.js';
import { readCatalogue } from './independent-reader/catalogue.js';
import { readLog } from './independent-reader/index.js';
import { readJournal } from './independent-reader/journal.js';
import { runModule, startChild, supportPath } from './support/child.js';
import { rejection, temporaryDirectory } from './support/directory.js';
import { compareReaders, compareWith, compareWithDamage, digestsOf } from './support/independent-compare.js';

const RECORDS = Number(process.env.SEGLOG_INDEPENDENT_RECORDS ?? 20_000);
const FLIPS = 50;
const SEED = Number(process.env.SEGLOG_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** So small that a short log has its segments rotated and sealed, its bytes carried and its journal files recycled. */
const SMALL: OpenOptions = {
  segmentBytes: 16_384,
  sharedStreamBytesMax: 8192,
  journalFirstBytes: 65_536,
  journalFileBytes: 65_536,
  journalLiveBytesMax: 262_144,
  destageBytes: 4096,
  carryBytesMax: 8192,
  frameBytesMax: 4096,
  commitBytesMax: 32_768,
  outOfLineBytes: 512,
};

interface Plan {
  readonly records: number;
  readonly end: 'close' | 'kill';
  readonly batchRecords?: number;
  readonly largeRecords?: number;
  readonly truncate?: boolean;
}

/** Runs the writer in a process of its own, to its end or until it is killed. Returns the log's directory. */
async function write(plan: Plan, options: OpenOptions): Promise<string> {
  const directory = temporaryDirectory();
  const args = [directory, JSON.stringify({ seed: SEED, ...plan }), JSON.stringify(options)];
  const writer = startChild(process.execPath, [supportPath('mixed-writer.mjs'), ...args]);
  if (plan.end === 'kill') {
    await writer.firstReport;
    await sleep(50 + (SEED % 50));
    writer.process.kill('SIGKILL');
  }
  const { code, signal, stderr } = await writer.exit;
  expect({ code, signal, stderr }).toEqual(
    plan.end === 'kill' ? { code: null, signal: 'SIGKILL', stderr: '' } : { code: 0, signal: null, stderr: '' },
  );
  return directory;
}

/** Where files begin with a magic and a version. */
const VERSION_AT = 9;

/** Runs a module that kills its process in the end. Returns the log's directory. */
async function writeAndDie(source: string): Promise<string> {
  const directory = temporaryDirectory();
  const program = `const directory = process.argv[1];\n${source}\nprocess.kill(process.pid, 'SIGKILL');`;
  const { signal, stderr } = await runModule(program, [directory]);
  expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
  return directory;
}

function copyOf(directory: string): string {
  const copy = temporaryDirectory();
  cpSync(directory, copy, { recursive: true });
  return copy;
}

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x40;
  writeFileSync(path, bytes);
}

/** Somewhere in the header of a frame or in its first record, if the file has frames. */
function placeInFrame(path: string, below: (bound: number) => number): number {
  const frames = Array.from(readFileSync(path, 'latin1').matchAll(/SGFR/g), ({ index }) => index);
  return (frames[below(frames.length)] ?? 0) + below(80);
}

describe(`the two readers agree on (seed ${SEED})`, () => {
  test(`${RECORDS} records, left behind by a killed writer`, { timeout: 60_000 + RECORDS }, async () => {
    const directory = await write(
      { records: RECORDS, end: 'kill', batchRecords: RECORDS / 500, largeRecords: 2 },
      {
        segmentBytes: Math.max(65_536, 4 * RECORDS),
        journalFirstBytes: 131_072,
        journalFileBytes: Math.max(524_288, 4096 * Math.round(RECORDS / 1000)),
        journalLiveBytesMax: Math.max(2_097_152, 16 * RECORDS),
      },
    );
    const compared = await compareReaders(directory);
    console.log(`independent reader: seed ${SEED}, ${JSON.stringify(compared, undefined, 2)}`);
    const { records, recordsWithHeaders, emptyRecords, segments, sharedSegments, journal } = compared;
    expect(records).toBeGreaterThanOrEqual(RECORDS);
    const { own, shared, withLsnDifferences, withTables } = journal.frames;
    const { open = 0, ended = 0, sealed = 0 } = segments;
    const { frame = 0, 'shared frame': sharedFrame = 0, rotate = 0 } = journal.items;
    const inSegments = { open, ended, sealed, own, shared, withLsnDifferences, withTables };
    const inJournal = { blocks: journal.journalBlocks, recycled: journal.recycledFiles, frame, sharedFrame, rotate };
    for (const [what, count] of Object.entries({ recordsWithHeaders, emptyRecords, ...inSegments, ...inJournal })) {
      expect(count, what).toBeGreaterThan(0);
    }
    expect(sharedSegments.open).toBe(1);

    // What recovery makes of it is the same log again.
    const copy = copyOf(directory);
    const log = await openLog(copy);
    const reopened = await compareWith(readLog(directory), log);
    await log.close();
    expect(reopened.records).toBe(records);
    expect((await compareReaders(copy)).records).toBe(records);
  });

  const occurred = new Set<string>();
  describe.each([
    { end: 'close', truncate: false },
    { end: 'close', truncate: true },
    { end: 'kill', truncate: false },
    { end: 'kill', truncate: true },
  ] as const)('a log of small files, $end, truncated $truncate', ({ end, truncate }) => {
    test('and on what opening makes of it', { timeout: 90_000 }, async () => {
      const directory = await write({ records: 2500, batchRecords: 40, largeRecords: 0, end, truncate }, SMALL);
      const compared = await compareReaders(directory);
      for (const kind of Object.keys(compared.journal.items)) occurred.add(kind);
      if (compared.journal.frames.fillers > 0) occurred.add('filler');
      if ((compared.segments.sealed ?? 0) > 0) occurred.add('sealed segment');
      if ((compared.sharedSegments.sealed ?? 0) > 0) occurred.add('sealed shared segment');
      if (compared.journal.recycledFiles > 0) occurred.add('recycled journal file');
      const first = readLog(directory).streams.map(({ firstSequence }) => firstSequence);
      expect(Math.max(...first) > 1).toBe(truncate);

      const copy = copyOf(directory);
      const log = await openLog(copy, SMALL);
      expect(log.recovery.status).toBe(end === 'close' ? 'clean' : 'recovered');
      await compareWith(readLog(directory), log);
      await log.append('orders', 'after recovery');
      await log.close();
      expect((await compareReaders(copy)).records).toBe(compared.records + 1);
    });
  });

  test('every kind of item and frame, in the logs above and one whose journal is never cut', async () => {
    const options = { segmentBytes: 16_384, sharedStreamBytesMax: 8192, destageBytes: 4096, outOfLineBytes: 512 };
    const directory = await write({ records: 1000, batchRecords: 40, end: 'kill', truncate: true }, options);
    const { journal } = await compareReaders(directory);
    for (const kind of Object.keys(journal.items)) occurred.add(kind);
    const items = [
      'body',
      'bytes',
      'create stream',
      'filler',
      'frame',
      'rotate',
      'sealed',
      'shared frame',
      'truncate before',
    ];
    const segments = ['sealed segment', 'sealed shared segment', 'recycled journal file'];
    expect([...occurred].sort()).toEqual([...items, ...segments].sort());
  });

  test('LSNs that fall from one index entry of a shared segment to the next', async () => {
    const directory = temporaryDirectory();
    const options = { sharedStreamBytesMax: 2 ** 20, segmentBytes: 524_288, frameBytesMax: 4096 };
    const log = await openLog(directory, options);
    // The frames of one commit lie stream by stream: 1,300 records of 'a' take more than two entries.
    const batch = Array.from({ length: 3900 }, (_, index) => ({ key: 'abc'.charAt(index % 3), data: 'x'.repeat(100) }));
    for (let commit = 0; commit < 4; commit++) await log.appendBatch(batch);
    await expect.poll(() => log.stats().segmentsSealed, { timeout: 20_000 }).toBeGreaterThan(0);
    await log.close();
    const { sharedSegments, records } = await compareReaders(directory);
    expect(sharedSegments.sealed).toBeGreaterThan(0);
    expect(records).toBe(4 * 3900);
  });

  test('a stream whose segments were all sealed, truncated and dropped, several times', async () => {
    const directory = temporaryDirectory();
    for (let life = 0; life < 3; life++) {
      const log = await openLog(directory, { sharedStreamBytesMax: 0 });
      const stream = log.stream('a');
      await stream.append('one');
      await stream.seal();
      await expect.poll(() => log.stats().segmentsSealed, { timeout: 20_000 }).toBe(1);
      await stream.truncateBefore(life + 2);
      await log.close();
      expect(await compareReaders(directory)).toMatchObject({ records: 0, segments: { open: 1, sealed: 0 } });
    }
  });
});

describe('a log between two snapshots', () => {
  test('opens with the newer catalogue, the older one, or either of them damaged', async () => {
    const before = await writeAndDie(`
      const log = await openLog(directory, ${JSON.stringify(SMALL)});
      for (let n = 0; n < 300; n++) await log.append('key ' + (n % 7), 'x'.repeat(n));`);
    // What opening leaves, together with all that was there before, is what lies between its first snapshot and its
    // second one.
    const after = copyOf(before);
    const log = await openLog(after, SMALL);
    const opened = copyOf(after);
    await log.close();
    for (const name of readdirSync(join(before, 'journal'))) {
      cpSync(join(before, 'journal', name), join(opened, 'journal', name));
    }
    cpSync(join(before, 'CATALOG.copy'), join(opened, 'CATALOG.copy'));
    expect(readCatalogue(opened).number).toBeGreaterThan(readCatalogue(before).number);

    expect((await compareReaders(opened)).records).toBe(300);
    const damaged = copyOf(opened);
    flip(join(damaged, 'CATALOG'), 100);
    const older = await compareReaders(damaged);
    expect(older.records).toBe(300);
    expect(readCatalogue(damaged).number).toBe(readCatalogue(before).number);
    rmSync(join(opened, 'CATALOG.copy'));
    expect((await compareReaders(opened)).records).toBe(300);
    flip(join(damaged, 'CATALOG.copy'), 100);
    expect(await rejection(openLog(damaged, { readOnly: true }))).toMatchObject({ code: 'CORRUPT' });
    expect(() => readLog(damaged)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });
});

describe('a torn tail', () => {
  // The first file is full soon and then durable; all commits in the second one are undecided.
  const source = `
    const log = await openLog(directory, { journalFirstBytes: 65_536, journalFileBytes: 1_048_576 });
    for (let n = 0; n < 60; n++) await log.append('key ' + (n % 3), 'x'.repeat(n), { durability: 'os' });`;

  test('is found in the same place by both readers, with the same void commits, wherever the damage is', async () => {
    const directory = await writeAndDie(source);
    const whole = await digestsOf(directory);
    const { blocks } = readJournal(directory, readCatalogue(directory));
    const mark = Math.max(...blocks.map((block) => block.mark));
    const undecided = blocks.filter(({ number }) => number > mark);
    expect(undecided[0]?.offset).toBe(8192);
    expect(undecided.length).toBeGreaterThan(30);
    let voidBlocks = 0;
    for (const block of [...undecided.slice(0, 1), ...undecided.slice(20, 21), ...undecided.slice(-1)]) {
      for (const at of [40, 97, 8]) {
        const damaged = copyOf(directory);
        const file = `journal/${String(block.generation).padStart(20, '0')}.journal`;
        flip(join(damaged, file), block.offset + at);
        const { tornTail, records } = await compareReaders(damaged);
        expect(tornTail?.commit).toBe(block.number);
        expect(records).toBeLessThan(whole.records);
        voidBlocks += tornTail?.voidBlocks ?? 0;
      }
    }
    expect(voidBlocks).toBeGreaterThan(20);
  });

  test('at or below the mark is corruption to both', async () => {
    const directory = await writeAndDie(source);
    const { blocks } = readJournal(directory, readCatalogue(directory));
    const mark = Math.max(...blocks.map((block) => block.mark));
    const block = blocks.find(({ number }) => number === mark);
    if (block === undefined) throw new Error('No block at the mark');
    flip(join(directory, `journal/${String(block.generation).padStart(20, '0')}.journal`), block.offset + 97);
    expect(await rejection(openLog(directory, { readOnly: true }))).toMatchObject({ code: 'CORRUPT' });
    expect(() => readLog(directory)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });
});

describe('flipped bytes', () => {
  test.each(['close', 'kill'] as const)(
    'yield no record that was not written (%s)',
    { timeout: 180_000 },
    async (end) => {
      const directory = await write({ records: 600, batchRecords: 20, largeRecords: 0, end, truncate: true }, SMALL);
      const whole = await digestsOf(directory);
      const files = readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== 'LOCK' && !entry.parentPath.endsWith('free'))
        .map((entry) => join(entry.parentPath, entry.name));
      const outcomes: Record<string, number> = {};
      let state = SEED;
      const below = (bound: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return Math.floor((state / 2 ** 32) * bound);
      };
      const flipAndCompare = async (path: string, offset: number) => {
        flip(path, offset);
        const outcome = await compareWithDamage(directory, whole, `${path} at ${offset}`);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        flip(path, offset);
      };
      for (let round = 0; round < FLIPS; round++) {
        const path = files[below(files.length)] ?? '';
        await flipAndCompare(path, below(2) === 0 ? below(statSync(path).size) : placeInFrame(path, below));
      }
      for (const path of files) await flipAndCompare(path, VERSION_AT);
      console.log(`flipped bytes: seed ${SEED}, ${end}, ${JSON.stringify(outcomes)}`);
      expect(await digestsOf(directory)).toEqual(whole);
      expect(outcomes['both refuse']).toBeGreaterThan(0);
      expect(outcomes['no record is damaged']).toBeGreaterThan(0);
    },
  );
});
