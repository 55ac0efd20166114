// SPDX-License-Identifier: MIT
// The table of docs/errors.md, row by row: each error is met for real, is thrown as the row says, and leaves the log as
// the row says. A row without a case and a case without a row fail.

import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { ERROR_CODES } from '../lib/errors.js';
import { type Log, type OpenOptions, openLog } from '../lib/index.js';
import { runModule, startChild, supportPath } from './support/child.js';
import { openTestLog, rejection, temporaryDirectory } from './support/directory.js';
import { type Met, meetInChild } from './support/error-case.js';
import { Actor } from './support/worker.js';

type Case = (context: TestContext) => Promise<Met>;

interface Row {
  readonly code: string;
  readonly how: string;
  readonly thrown: string;
  readonly afterwards: string;
}

const DOCUMENT = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
const ROWS = [...DOCUMENT.matchAll(/^\| `([A-Z_]+)` \| (.+) \| `(\w+)` \| (\w+) \|$/gm)].map(
  ([, code = '', how = '', thrown = '', afterwards = '']): Row => ({ code, how, thrown, afterwards }),
);
const EIO = 5;
const DISK = { diskBytes: 8 * 2 ** 20 };

const CASES: Readonly<Record<string, Case>> = {
  // @ts-expect-error: on purpose
  'INVALID_ARGUMENT: an argument of the wrong type': () => usableAfter((log) => log.append('key', { data: 1 })),
  'INVALID_ARGUMENT: a number outside its range': () => usableAfter((log) => log.stream('key').get(0)),
  'INVALID_ARGUMENT: an unknown or misspelt option': () =>
    // @ts-expect-error: on purpose
    usableAfter((log) => log.append('key', 'data', { durablity: 'os' })),
  'INVALID_ARGUMENT: a key that is empty or over 1,024 bytes': () =>
    usableAfter(
      (log) => log.append('', 'data'),
      (log) => log.append('k'.repeat(1025), 'data'),
      (log) => log.append('é'.repeat(513), 'data'),
    ),
  'INVALID_ARGUMENT: a lone surrogate in a key, data, headers or the path': () =>
    usableAfter(
      (log) => log.append('\ud800', 'data'),
      (log) => log.append('key', 'a\udc00'),
      (log) => log.append('key', 'data', { headers: { '\ud800': 'value' } }),
      (log) => log.append('key', 'data', { headers: { name: '\ud800' } }),
      () => openLog(join(temporaryDirectory(), '\ud800')),
    ),
  'INVALID_ARGUMENT: headers over 64 KiB': () =>
    usableAfter(
      (log) => log.append('key', 'data', { headers: { name: 'x'.repeat(65_536) } }),
      (log) => log.append('key', 'data', { headers: { name: 'é'.repeat(32_768) } }),
    ),
  'INVALID_ARGUMENT: bytes whose buffer was transferred away': () =>
    usableAfter((log) => log.append('key', transferredAway(new Uint8Array(8)))),
  'INVALID_ARGUMENT: an unknown option of `openLog`': () =>
    // @ts-expect-error: on purpose
    unchangedBy(closedLog(), (directory) => openLog(directory, { segmentbyte: 20_000 })),
  'INVALID_ARGUMENT: sizes of `openLog` that contradict each other': () =>
    unchangedBy(closedLog(), (directory) => openLog(directory, { journalLiveBytesMax: 16 * 2 ** 20 })),
  'INVALID_ARGUMENT: modes of `openLog` that contradict each other': async () => {
    await unchangedBy(closedLog(), (directory) => openLog(directory, { readOnly: true, create: 'new' }));
    return unchangedBy(closedLog(), (directory) => openLog(directory, { onCorruption: 'skip' }));
  },
  "NOT_FOUND: `create: 'never'` where there is no log": () =>
    unchangedBy(emptyDirectory(), (directory) => openLog(directory, { create: 'never' })),
  'NOT_FOUND: `readOnly: true` where there is no log': () =>
    unchangedBy(emptyDirectory(), (directory) => openLog(directory, { readOnly: true })),
  "EXISTS: `create: 'new'` where there is a log": () =>
    unchangedBy(closedLog(), (directory) => openLog(directory, { create: 'new' })),
  "EXISTS: `create: 'new'` in a worker, where the process has the log open": () =>
    usableBesideWorker((worker, directory) => worker.open(directory, { create: 'new' })),
  'NOT_A_LOG: a path that is a file': () =>
    unchangedBy(foreignDirectory(), (directory) => openLog(join(directory, 'file'))),
  'NOT_A_LOG: a directory of something else': () => unchangedBy(foreignDirectory(), openLog),
  'NOT_A_LOG: a symbolic link in the place of the catalogue': () =>
    unchangedBy(
      closedLog().then((directory) => {
        const outside = join(temporaryDirectory(), 'CATALOG');
        renameSync(join(directory, 'CATALOG'), outside);
        symlinkSync(outside, join(directory, 'CATALOG'));
        return directory;
      }),
      openLog,
    ),
  'NOT_A_LOG: a directory in the place of the catalogue': () =>
    unchangedBy(
      closedLog().then((directory) => {
        rmSync(join(directory, 'CATALOG'));
        mkdirSync(join(directory, 'CATALOG'));
        return directory;
      }),
      openLog,
    ),
  'NOT_A_LOG: a symbolic link in the place of a segment, when it is read': () =>
    usableAfterReading((segment) => {
      const outside = join(temporaryDirectory(), 'segment');
      renameSync(segment, outside);
      symlinkSync(outside, segment);
    }),
  'FORMAT_UNSUPPORTED: a catalogue of a newer version': () =>
    unchangedBy(
      closedLog().then((directory) => {
        for (const name of ['CATALOG', 'CATALOG.copy']) overwrite(join(directory, name), VERSION_OFFSET, NEWER);
        return directory;
      }),
      openLog,
    ),
  'FORMAT_UNSUPPORTED: a journal file of a newer version': () =>
    unchangedBy(
      closedLog().then((directory) => {
        for (const page of [0, PAGE_BYTES]) overwrite(onlyJournal(directory), page + VERSION_OFFSET, NEWER);
        return directory;
      }),
      openLog,
    ),
  'FORMAT_UNSUPPORTED: a segment of a newer version, when it is read': () =>
    usableAfterReading((segment) => overwrite(segment, VERSION_OFFSET, NEWER)),
  "FORMAT_UNSUPPORTED: a segment's footer of a newer version, when it is read": () =>
    usableAfterReading((segment) => overwrite(segment, 2 * PAGE_BYTES + VERSION_OFFSET, NEWER)),
  'LOCKED: a second opening while a process has the log open': () => lockedOut({}),
  'LOCKED: a second opening in a worker that has the log open': () =>
    usableBesideWorker(async (worker, directory) => {
      await worker.open(directory);
      await worker.open(directory);
    }),
  'LOCKED: a read-only opening while a process has the log open': () => lockedOut({ readOnly: true }),
  "LOCKED: a second opening, where the LOCK file's text is gone": () => lockedOut({}, ''),
  'CORRUPT: damage to acknowledged bytes in the journal': () =>
    unchangedBy(
      crashedLog().then((directory) => {
        // The first block; the mark of the second says that it was durable.
        overwrite(onlyJournal(directory), 2 * PAGE_BYTES + 100, Buffer.alloc(8, 0xa5));
        return directory;
      }),
      openLog,
    ),
  'CORRUPT: damage to both catalogues': () =>
    unchangedBy(
      closedLog().then((directory) => {
        for (const name of ['CATALOG', 'CATALOG.copy']) overwrite(join(directory, name), 40, Buffer.alloc(8, 0xa5));
        return directory;
      }),
      openLog,
    ),
  'CORRUPT: damage to a segment, when it is read': () =>
    usableAfterReading((segment) => overwrite(segment, PAGE_BYTES + 70, Buffer.alloc(8, 0xa5))),
  'IO_ERROR: a read that the device fails': (context) =>
    meetInChild(context, 'read fails', { fault: `read ${EIO} /streams/` }),
  'IO_ERROR: an opening that the device fails': (context) =>
    meetInChild(context, 'opening fails', { fault: `read ${EIO} /CATALOG` }),
  'NO_SPACE: opening on a full disk': (context) => meetInChild(context, 'opening on a full disk', DISK),
  'NO_SPACE: making a log on a full disk': (context) => meetInChild(context, 'making on a full disk', DISK),
  'NO_SPACE: an append when the disk and the journal are full': (context) =>
    meetInChild(context, 'append on a full disk', DISK),
  'NO_SPACE: a record that `ingest` had taken, told by the next `ingest`, `sync`, `drain` or `close`': (context) =>
    meetInChild(context, 'ingest on a full disk', DISK),
  'NO_SPACE: `seal` or `truncateBefore` when the disk and the journal are full': (context) =>
    meetInChild(context, 'seal on a full disk', DISK),
  'NO_SPACE: `close` whose last snapshot meets a full disk': (context) =>
    meetInChild(context, 'close on a full disk', DISK),
  'PERMISSION: a directory that the user may not enter': (context) =>
    meetInChild(context, 'directory without permission'),
  'PERMISSION: a log that the user may only read, opened for writing': (context) =>
    meetInChild(context, 'log without write permission'),
  'READ_ONLY: a change of a log that was opened with `readOnly: true`': async () => {
    const log = await openTestLog({ readOnly: true }, await closedLog());
    const errors = [
      await rejection(log.append('key', 'data')),
      await rejection(log.appendBatch([{ key: 'key', data: 'data' }])),
      caught(() => log.ingest('key', 'data')),
      await rejection(log.seal('key')),
      await rejection(log.stream('key').truncateBefore(2)),
    ];
    expect((await log.stream('key').get(1))?.data.toString()).toBe('data');
    return { error: sameErrors(errors), afterwards: 'usable' };
  },
  'READ_ONLY: opening for writing on a read-only file system': (context) =>
    meetInChild(context, 'read-only file system', DISK),
  'CLOSED: any call after `close()`': async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.append('key', 'data');
    await log.close();
    const errors = [await rejection(log.append('key', 'data')), caught(() => log.ingest('key', 'data'))];
    await reopens(directory, 1);
    return { error: sameErrors(errors), afterwards: 'closed' };
  },
  'CLOSED: a read that is under way when the log is closed': async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.append('key', 'data');
    const reader = log.stream('key').readBatches();
    const closing = log.close();
    const error = await rejection(closing.then(() => reader.next()));
    await reopens(directory, 1);
    return { error: described(error), afterwards: 'closed' };
  },
  'FAILED: an append whose write or sync fails': (context) =>
    meetInChild(context, 'append fails', { fault: `write ${EIO} /journal/` }),
  'FAILED: any append after that': (context) =>
    meetInChild(context, 'append after a failure', { fault: `write ${EIO} /journal/` }),
  'FAILED: an append in a worker, after a write that another thread waited for has failed': (context) =>
    meetInChild(context, 'append in a worker after a failure', { fault: `write ${EIO} /journal/` }),
  'FAILED: `close` of a log that has failed': (context) =>
    meetInChild(context, 'close of a failed log', { fault: `write ${EIO} /journal/` }),
  'FAILED: `close` whose last snapshot fails': (context) =>
    meetInChild(context, 'last snapshot fails', { fault: `sync ${EIO} /CATALOG.tmp` }),
  'QUEUE_FULL: more appends than `appendsWaitingMax` wait for room': () =>
    usableAfterWith({ bufferedBytesMax: 4096, appendsWaitingMax: 1 }, async (log) => {
      // Many: the log commits while they are submitted.
      const appends = Array.from({ length: 1000 }, () => log.append('other', Buffer.alloc(4096)));
      const settled = await Promise.allSettled(appends);
      throw settled.find((one) => one.status === 'rejected')?.reason;
    }),
  'QUEUE_FULL: `ingest` beyond `bufferedBytesMax`': () =>
    usableAfterWith({ bufferedBytesMax: 4096 }, async (log) => {
      const error = caught(() => {
        for (let index = 0; index < 100_000; index++) log.ingest('other', Buffer.alloc(4096));
      });
      await log.drain();
      throw error;
    }),
  'TOO_LARGE: a record over `recordBytesMax`': () =>
    usableAfterWith(
      { recordBytesMax: 1000 },
      (log) => log.append('key', 'x'.repeat(1001)),
      (log) => log.append('key', 'é'.repeat(501)),
      (log) => log.append('key', new Uint8Array(1001)),
      (log) => log.stream('key').appendBatch([{ data: new Uint8Array(1001) }]),
      async (log) => log.ingest('key', new Uint8Array(1001)),
    ),
  'TOO_LARGE: a batch over `batchBytesMax`': () =>
    usableAfterWith({ batchBytesMax: 1000 }, (log) =>
      log.appendBatch(Array.from({ length: 11 }, () => ({ key: 'key', data: 'x'.repeat(100) }))),
    ),
  'TOO_LARGE: a batch over `batchRecordsMax`': () =>
    usableAfterWith({ batchRecordsMax: 2 }, (log) =>
      log.appendBatch(Array.from({ length: 3 }, () => ({ key: 'key', data: 'x' }))),
    ),
  "SEQ_CONFLICT: an append whose `expectedSeq` another record has, or is beyond the stream's end": () =>
    usableAfterWith({}, async (log) => {
      await log.append('other', 'first');
      await log.append('other', 'second', { expectedSeq: 3 }).catch(({ actualSeq }) => expect(actualSeq).toBe(2));
      return log.append('other', 'another', { expectedSeq: 1 });
    }),
  'OPTIONS_MISMATCH: a worker that opens a log with other options than those it is open with': () =>
    usableBesideWorker(
      (worker, directory) => worker.open(directory, { segmentBytes: 2 ** 20 }),
      (worker, directory) => worker.open(directory, { readOnly: true }),
    ),
  'UNSUPPORTED: Windows': (context) => meetInChild(context, 'windows'),
  'UNSUPPORTED: no binary of the addon that loads': (context) => meetInChild(context, 'no addon'),
};

// The fields that every file of a log begins with are magic (8 bytes) and version (4); checksums cover neither.
const VERSION_OFFSET = 8;
const NEWER = Buffer.from([2, 0, 0, 0]);
const PAGE_BYTES = 4096;

test('the table has a row for each code, and a section', () => {
  expect([...new Set(ROWS.map(({ code }) => code))].sort()).toEqual([...ERROR_CODES].sort());
  const sections = [...DOCUMENT.matchAll(/^### ([A-Z_]+)$/gm)].map((match) => match[1]);
  expect(sections).toEqual([...ERROR_CODES]);
});

test('each row has a case, and each case a row', () => {
  expect(ROWS.map(({ code, how }) => `${code}: ${how}`)).toEqual(Object.keys(CASES));
});

test.for(ROWS)('$code is met by $how', async ({ code, how, thrown, afterwards }, context) => {
  const met = await CASES[`${code}: ${how}`]?.(context);
  expect(met?.error).toMatchObject({ name: thrown, code, hint: expect.stringMatching(/^[A-Z].*\.$/) });
  expect(met?.error.docs).toBe(`docs/errors.md#${code.toLowerCase()}`);
  expect(met?.afterwards).toBe(afterwards);
});

test('the example of the document prints what it says, and its links lead somewhere', async () => {
  const example = /^```js\n(.*?)^```$/ms.exec(DOCUMENT)?.[1] ?? '';
  const expected = [...example.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);
  const source = example.replace("import { openLog } from 'seglog';\n", 'process.chdir(process.argv[1]);\n');
  const { stdout } = await runModule(source, [temporaryDirectory()]);
  expect(stdout.trimEnd().split('\n')).toEqual(expected);
  const anchors = [...DOCUMENT.matchAll(/\]\(#(\w+)\)/g)].map((match) => match[1]?.toUpperCase());
  expect(anchors.length).toBeGreaterThan(0);
  for (const anchor of anchors) expect([...ERROR_CODES]).toContain(anchor);
});

test('a damaged bit that looks like a newer version hides nothing from who reads around damage', async () => {
  const directory = await sealedLog();
  for (const page of [0, 2]) overwrite(segmentFiles(directory)[0] ?? '', page * PAGE_BYTES + VERSION_OFFSET, NEWER);
  const strict = await openTestLog({ readOnly: true }, directory);
  expect(await rejection(strict.stream('key').get(1))).toMatchObject({ code: 'FORMAT_UNSUPPORTED' });
  const log = await openTestLog({ readOnly: true, onCorruption: 'skip' }, directory);
  expect((await log.stream('key').get(1))?.data.toString()).toBe('data');
});

test('a lock that a killed process left behind does not stay', async () => {
  const directory = temporaryDirectory();
  const child = startChild(process.execPath, [supportPath('lock-holder.mjs'), directory]);
  await child.firstReport;
  expect(await rejection(openLog(directory))).toMatchObject({ code: 'LOCKED', holder: { pid: child.process.pid } });
  child.process.kill('SIGKILL');
  await once(child.process, 'exit');
  expect(readFileSync(join(directory, 'LOCK'), 'utf8')).toContain(`pid=${child.process.pid}`);
  await reopens(directory, 1);
});

test('an error prints its code, its hint and where to read on, and nothing that it does not have', async () => {
  const source = `const log = await openLog(process.argv[1]);
    console.log(await openLog(process.argv[1]).catch((error) => error));
    console.log(await log.append('', 'data').catch((error) => error));`;
  const { stdout } = await runModule(source, [temporaryDirectory()]);
  const locked =
    /^SeglogError: Another writer[^{]*\{\n {2}code: 'LOCKED',\n {2}hint: '.*',\n {2}docs: '.*',\n {2}path: /;
  expect(stdout).toMatch(locked);
  expect(stdout).toMatch(
    /RangeError: Expected 1 to 1024 bytes for key[^{]*\{\n {2}code: 'INVALID_ARGUMENT',\n {2}hint/,
  );
  expect(stdout).not.toContain('undefined');
});

function usableAfter(...meet: ((log: Log) => Promise<unknown>)[]): Promise<Met> {
  return usableAfterWith({}, ...meet);
}

/** Meets the same error in each way; then the log has what it had, and takes the next record. */
async function usableAfterWith(options: OpenOptions, ...meet: ((log: Log) => Promise<unknown>)[]): Promise<Met> {
  const directory = temporaryDirectory();
  const log = await openTestLog(options, directory);
  await log.append('key', 'first');
  const errors: unknown[] = [];
  for (const one of meet) {
    const { nextLsn } = log.stats();
    errors.push(await rejection(one(log)));
    if (log.stream('other').info() === undefined) expect(log.stats().nextLsn).toBe(nextLsn);
  }
  expect(await log.append('key', 'second')).toMatchObject({ seq: 2 });
  expect((await log.stream('key').getRange(1, 9)).map(({ data }) => data.toString())).toEqual(['first', 'second']);
  await log.close();
  await reopens(directory, 2);
  return { error: sameErrors(errors), afterwards: 'usable' };
}

/** A log with a sealed segment, whose file is changed before it is read. Another stream does not notice. */
async function usableAfterReading(change: (segment: string) => void): Promise<Met> {
  const directory = await sealedLog();
  change(segmentFiles(directory)[0] ?? '');
  const log = await openTestLog({}, directory);
  const error = await rejection(log.stream('key').get(1));
  await log.append('other', 'data');
  expect((await log.stream('other').get(1))?.data.toString()).toBe('data');
  expect(await log.append('key', 'more')).toMatchObject({ seq: 2 });
  expect((await log.stream('key').get(2))?.data.toString()).toBe('more');
  return { error: described(error), afterwards: 'usable' };
}

/** A log of this thread, and a worker that meets the same error in each way. */
async function usableBesideWorker(...meet: ((worker: Actor, directory: string) => Promise<void>)[]): Promise<Met> {
  const directory = temporaryDirectory();
  const log = await openTestLog({}, directory);
  const errors: unknown[] = [];
  for (const one of meet) errors.push(await rejection(one(new Actor(), directory)));
  expect(await log.append('key', 'data')).toMatchObject({ seq: 1 });
  const worker = new Actor();
  await worker.open(directory);
  expect(await worker.run(`return (await own.log.append('key', 'more')).seq`)).toBe(2);
  return { error: sameErrors(errors), afterwards: 'usable' };
}

async function unchangedBy(made: string | Promise<string>, open: (directory: string) => Promise<Log>): Promise<Met> {
  const directory = await made;
  const before = treeOf(directory);
  const errors = [await rejection(open(directory)), await rejection(open(directory))];
  expect(treeOf(directory)).toEqual(before);
  return { error: sameErrors(errors), afterwards: 'unchanged' };
}

async function lockedOut(options: OpenOptions, lockText?: string): Promise<Met> {
  const directory = temporaryDirectory();
  const log = await openTestLog({}, directory);
  if (lockText !== undefined) writeFileSync(join(directory, 'LOCK'), lockText);
  const error = await rejection(openLog(directory, options));
  const holder = { pid: process.pid, host: expect.stringMatching(/./), startedAt: expect.any(Date) };
  expect(error).toHaveProperty('code', 'LOCKED');
  if (lockText === undefined) expect(error).toMatchObject({ holder });
  else expect(error).not.toHaveProperty('holder');
  expect(await log.append('key', 'data')).toMatchObject({ seq: 1 });
  return { error: described(error), afterwards: 'usable' };
}

async function reopens(directory: string, records: number): Promise<void> {
  const log = await openTestLog({}, directory);
  expect((await log.stream('key').getRange(1, 99)).length).toBe(records);
  await log.append('key', 'next');
  await log.close();
}

function emptyDirectory(): string {
  return temporaryDirectory();
}

function foreignDirectory(): string {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), 'text');
  return directory;
}

async function closedLog(): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory);
  await log.append('key', 'data');
  await log.close();
  return directory;
}

/** With a segment of its own that no stream shares. */
async function sealedLog(): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory, { sharedStreamBytesMax: 0 });
  await log.append('key', 'data');
  await log.seal('key');
  await expect.poll(() => log.stats().segmentsSealed, { timeout: 20_000 }).toBe(1);
  await log.close();
  return directory;
}

/** Two blocks, of which the second says that the first was durable, and no end. */
async function crashedLog(): Promise<string> {
  const directory = temporaryDirectory();
  const source = `const log = await openLog(process.argv[1]);
    await log.append('key', 'one');
    await log.append('key', 'two');
    process.kill(process.pid, 'SIGKILL');`;
  expect(await runModule(source, [directory])).toMatchObject({ signal: 'SIGKILL' });
  return directory;
}

function onlyJournal(directory: string): string {
  const names = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.journal'));
  expect(names).toHaveLength(1);
  return join(directory, 'journal', names[0] ?? '');
}

function segmentFiles(directory: string): string[] {
  const names = readdirSync(join(directory, 'streams'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.seg')).map((name) => join(directory, 'streams', name));
}

function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const content = readFileSync(path);
  expect(content.length).toBeGreaterThanOrEqual(offset + bytes.length);
  content.set(bytes, offset);
  writeFileSync(path, content);
}

/** Names and contents; of LOCK the name only, since its text says who tried last. */
function treeOf(root: string): [string, string][] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const isFile = statSync(join(root, name)).isFile() && name !== 'LOCK';
      return [name, isFile ? readFileSync(join(root, name), 'latin1') : ''];
    });
}

function transferredAway(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('Expected an error');
}

function described(error: unknown): Met['error'] {
  if (!(error instanceof Error)) throw new Error(`Expected an error but received ${error}`);
  const { name, code, hint, docs }: { name: string; code?: unknown; hint?: unknown; docs?: unknown } = error;
  return { name, code, hint, docs };
}

function sameErrors(errors: readonly unknown[]): Met['error'] {
  const [first, ...others] = errors.map(described);
  for (const other of others) expect(other).toEqual(first);
  if (first === undefined) throw new Error('Expected errors');
  return first;
}
