// SPDX-License-Identifier: MIT
// What a durable append asks of the kernel, seen from outside: between the call and its acknowledgement the journal is
// written and synced, and no byte of an acknowledged commit block is written again.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type OpenOptions, openLog } from '../lib/index.js';
import { temporaryDirectory } from './support/directory.js';
import { type SystemCall, traceScript, unhex } from './support/strace.js';

const APPENDS = 60;
const PAGE_BYTES = 4096;
/** For 256 appends that are handed over at once, under strace. */
const COMMITS_PER_ROUND_MAX = 16;
// Offsets in a commit block's header, as docs/format.md has them.
const COMMIT_MAGIC = 'SGCB';
const COMMIT_ITEM_COUNT_OFFSET = 12;
const COMMIT_BODY_BYTES_OFFSET = 16;
const COMMIT_FIRST_LSN_OFFSET = 48;
const COMMIT_HEADER_BYTES = 96;

interface JournalWrite {
  readonly call: SystemCall;
  readonly path: string;
  readonly offset: number;
  readonly end: number;
  /** Of its commit block: from which its LSNs count, and whether it has any. */
  readonly firstLsn: number;
  readonly items: number;
  /** Where its commit block ends; a zero page may follow in the same write. */
  readonly blockEnd: number;
  /** It was durable when it returned: O_DSYNC or RWF_DSYNC. */
  readonly synced: boolean;
}

interface Trace {
  readonly calls: readonly SystemCall[];
  readonly writes: readonly JournalWrite[];
  /** Per append: the lines between which the call and the acknowledgement lie. */
  readonly windows: readonly { readonly from: number; readonly to: number }[];
}

const traceCases: [string, OpenOptions, string?][] = [
  ['with the default options', {}],
  ['without O_DIRECT', { direct: false }],
  [
    'over small recycled journals',
    { journalFirstBytes: 65_536, journalFileBytes: 65_536, journalLiveBytesMax: 262_144, destageBytes: 4096 },
  ],
  [
    'of the log in plain JavaScript, over small recycled journals',
    { journalFirstBytes: 65_536, journalFileBytes: 65_536, journalLiveBytesMax: 262_144, destageBytes: 4096 },
    'js',
  ],
];

describe.each(traceCases)('a durable append %s', (_, options, writer = 'native') => {
  test('is written and synced between the call and its acknowledgement, and not written again', async () => {
    const directory = join(temporaryDirectory(), 'log');
    const args = [directory, String(APPENDS), JSON.stringify(options), writer];
    const trace = readTrace(await traceScript('strace-writer.mjs', args, COMMIT_HEADER_BYTES));

    expect(trace.windows).toHaveLength(APPENDS);
    const acknowledged: { readonly write: JournalWrite; readonly line: number }[] = [];
    for (const [index, { from, to }] of trace.windows.entries()) {
      const durable = trace.writes.filter(
        (write) => write.call.entered > from && write.call.left < to && isDurableBefore(trace, write, to),
      );
      expect(durable.length, `durable journal writes of append ${index}`).toBeGreaterThan(0);
      for (const write of durable) acknowledged.push({ write, line: to });
    }

    for (const { write, line } of acknowledged) {
      const again = trace.writes.filter(
        (later) =>
          later.call.entered > line &&
          later.path === write.path &&
          later.offset < write.blockEnd &&
          later.end > write.offset,
      );
      expect(again, `writes over the block at ${write.offset} of ${write.path}`).toEqual([]);
    }

    const log = await openLog(directory);
    expect(log.recovery).toMatchObject({ status: 'clean', lastLsn: APPENDS });
    await log.close();
  });
});

// The first one may sync: an LSN that is shown must lie below a limit that is durable.
test('appends that are not durable are acknowledged without a sync, but for the first', async () => {
  const directory = join(temporaryDirectory(), 'log');
  const args = [directory, '5', JSON.stringify({ durability: 'none', markDelayMs: 1e6 })];
  const trace = readTrace(await traceScript('strace-writer.mjs', args, COMMIT_HEADER_BYTES));
  expect(trace.windows).toHaveLength(5);
  for (const { from, to } of trace.windows.slice(1)) {
    const durable = trace.writes.filter((write) => write.call.entered > from && isDurableBefore(trace, write, to));
    expect(durable).toEqual([]);
  }
});

interface Load {
  readonly rounds: number;
  readonly inFlight: number;
  readonly keys: number;
  readonly here?: boolean;
}

const loads: [string, Load][] = [
  ['one append at a time', { rounds: 100, inFlight: 1, keys: 1 }],
  ['appendSync', { rounds: 100, inFlight: 1, keys: 1, here: true }],
  ['256 appends in flight', { rounds: 8, inFlight: 256, keys: 1 }],
  ['256 appends in flight over 1,000 keys', { rounds: 8, inFlight: 256, keys: 1000 }],
];

test.each(loads)(
  'of %s none is acknowledged before its commit is durable, and a sync is made per commit',
  async (_, load) => {
    const { rounds, inFlight, keys, here = false } = load;
    const directory = join(temporaryDirectory(), 'log');
    const how = here ? 'here' : 'in-flight';
    const args = [directory, ...[rounds, inFlight, keys].map(String), how, JSON.stringify({ markDelayMs: 1e6 })];
    const calls = await traceScript('strace-load-writer.mjs', args, COMMIT_HEADER_BYTES);
    const trace = readTrace(calls);
    const marks = calls.map((call) => ({ call, text: markOf(call) })).filter(({ text }) => text !== '');
    const begin = marks.find(({ text }) => text === 'begin')?.call.left ?? Infinity;
    const end = marks.find(({ text }) => text === 'end')?.call.entered ?? -1;

    const commits = trace.writes.filter(({ call, items }) => call.entered > begin && call.left < end && items > 0);
    const acknowledged = marks.filter(({ text }) => text.startsWith('acknowledged'));
    expect(acknowledged).toHaveLength(rounds * inFlight);
    for (const { call, text } of acknowledged) {
      const lsn = Number(text.split(' ')[1]);
      const commit = commits.findLast(({ firstLsn }) => firstLsn <= lsn);
      expect(commit && isDurableBefore(trace, commit, call.entered), `LSN ${lsn}, acknowledged`).toBe(true);
    }

    // Of the journal; what the log does behind it is not waited for.
    const synced = commits.filter((write) => write.synced).length;
    const flushed = calls.filter(
      (call) => call.entered > begin && call.left < end && isSyncOf(call, '.journal'),
    ).length;
    expect(synced + flushed).toBeLessThanOrEqual(commits.length);
    if (inFlight === 1) {
      expect(commits).toHaveLength(rounds);
    } else {
      // What one turn of the event loop hands over is a few commits, whatever the number of keys.
      expect(commits.length).toBeLessThanOrEqual(rounds * COMMITS_PER_ROUND_MAX);
      const others = calls.filter((call) => call.entered > begin && call.left < end && isSyncOf(call, '.seg')).length;
      expect(others).toBeLessThanOrEqual(commits.length);
    }
  },
);

function markOf(call: SystemCall): string {
  const [, printed = ''] = /^3<.*>, "([^"]*)"/.exec(call.args) ?? [];
  return call.name === 'write' ? unhex(printed).toString().trim() : '';
}

function isSyncOf({ name, args, result }: SystemCall, ending: string): boolean {
  return (name === 'fdatasync' || name === 'fsync') && result === 0 && pathOf(args).endsWith(ending);
}

function isDurableBefore(trace: Trace, write: JournalWrite, line: number): boolean {
  if (write.call.left >= line) return false;
  if (write.synced) return true;
  return trace.calls.some(
    ({ name, args, result, entered, left }) =>
      (name === 'fdatasync' || name === 'fsync') &&
      result === 0 &&
      pathOf(args) === write.path &&
      entered > write.call.left &&
      left < line,
  );
}

function readTrace(calls: readonly SystemCall[]): Trace {
  const writes: JournalWrite[] = [];
  const starts = new Map<number, number>();
  const windows: { from: number; to: number }[] = [];
  // Descriptors that were opened for synchronous writes, as "<number><path>" without a later open of that number.
  const synchronous = new Map<string, boolean>();
  for (const call of calls) {
    if (call.name.startsWith('openat')) synchronous.set(String(call.result), /O_DSYNC|O_SYNC/.test(call.args));
    const mark = /^3<.*>, "([^"]*)"/.exec(call.args);
    const [, word, number] = /^(append|acknowledged) (\d+)\n$/.exec(unhex(mark?.[1] ?? '').toString()) ?? [];
    if (word === 'append') starts.set(Number(number), call.left);
    if (word === 'acknowledged') windows.push({ from: starts.get(Number(number)) ?? Infinity, to: call.entered });
    const write = journalWrite(call, synchronous);
    if (write !== undefined) writes.push(write);
  }
  return { calls, writes, windows };
}

// pwrite64(20</dir/journal/1.journal>, "\x53…"..., 4096, 8192) = 4096
// pwritev2(20</dir/journal/1.journal>, [{iov_base="\x53…"..., iov_len=4096}], 1, 8192, RWF_DSYNC) = 4096
function journalWrite(call: SystemCall, synchronous: ReadonlyMap<string, boolean>): JournalWrite | undefined {
  const path = pathOf(call.args);
  if (!call.name.startsWith('pwrite') || !path.endsWith('.journal') || call.result <= 0) return undefined;
  const start = unhex(/"([^"]*)"/.exec(call.args)?.[1] ?? '');
  if (start.subarray(0, COMMIT_MAGIC.length).toString('latin1') !== COMMIT_MAGIC) return undefined;
  const offset = Number(/.*[\])"\d], (\d+)(?:, (?:0|RWF_[A-Z|_]+))?$/.exec(call.args)?.[1]);
  const bodyBytes = start.readUInt32LE(COMMIT_BODY_BYTES_OFFSET);
  const blockBytes = Math.ceil((COMMIT_HEADER_BYTES + bodyBytes) / PAGE_BYTES) * PAGE_BYTES;
  const descriptor = /^(\d+)</.exec(call.args)?.[1] ?? '';
  const synced = /RWF_DSYNC|RWF_SYNC/.test(call.args) || synchronous.get(descriptor) === true;
  expect(Number.isSafeInteger(offset), `an offset in ${call.args}`).toBe(true);
  const firstLsn = Number(start.readBigUInt64LE(COMMIT_FIRST_LSN_OFFSET));
  const items = start.readUInt32LE(COMMIT_ITEM_COUNT_OFFSET);
  return { call, path, offset, end: offset + call.result, blockEnd: offset + blockBytes, firstLsn, items, synced };
}

function pathOf(args: string): string {
  const printed = /^\d+<([^>]*)>/.exec(args)?.[1] ?? '';
  return printed.includes('\\x') ? unhex(printed).toString() : printed;
}
