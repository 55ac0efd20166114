// SPDX-License-Identifier: MIT
// A writer is killed at random, again and again, over one directory. After each kill everything that it had
// acknowledged under 'sync' or 'os' is there; what is there is a beginning of what it appended, in the order of its
// calls, once, under any durability; batches are whole or absent. In each way to append.
// SEGLOG_KILL_ROUNDS sets the number of rounds (20; 300 for the full count; the narrower modes take a fifth of it each),
// SEGLOG_SEED repeats a run's choices.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Log, type LogRecord, type OpenOptions, openLog } from '../lib/index.js';
import { startChild, supportPath } from './support/child.js';
import { collect, temporaryDirectory } from './support/directory.js';
import { checkRecovery, checkRound, parsePayload, parseReports, type Reports } from './support/kill-check.js';

const ROUNDS = Number(process.env.SEGLOG_KILL_ROUNDS ?? 20);
const SEED = Number(process.env.SEGLOG_SEED ?? Math.floor(Math.random() * 2 ** 31));
const KEYS = 20;
// Small, so that journals are recycled, streams destaged and segments rotated in every round.
const OPTIONS: OpenOptions = {
  segmentBytes: 262_144,
  journalFirstBytes: 131_072,
  journalFileBytes: 524_288,
  journalLiveBytesMax: 2_097_152,
  destageBytes: 16_384,
};

/** Modes of kill-writer.mjs, with the options that go with them. Each but the first takes a part of the rounds. */
const MODES: readonly (readonly [string, string, number, OpenOptions])[] = [
  ['appends of all durabilities in flight', 'mixed', ROUNDS, {}],
  ["'sync' appends in flight", 'sync', Math.ceil(ROUNDS / 5), {}],
  ["'os' appends in flight", 'os', Math.ceil(ROUNDS / 5), {}],
  ["'none' appends in flight", 'none', Math.ceil(ROUNDS / 5), {}],
  [
    'weaker appends under syncEvery',
    'weak',
    Math.ceil(ROUNDS / 5),
    { syncEvery: { ms: 5, bytes: 65_536, records: 99 } },
  ],
  ['appends that commit on their own thread', 'here', Math.ceil(ROUNDS / 5), {}],
  ['ingested records', 'ingest', Math.ceil(ROUNDS / 5), { bufferedBytesMax: 65_536 }],
];

interface Run {
  readonly directory: string;
  readonly mode: string;
  readonly options: OpenOptions;
}

interface Totals {
  records: number;
  acknowledged: number;
  wholeBatches: number;
  absentBatches: number;
  readonly statuses: Record<string, number>;
}

test.each(MODES)(
  `of %s kills lose nothing that survives them (seed ${SEED})`,
  {
    timeout: 60_000 + ROUNDS * 3_000,
  },
  async (_, mode, rounds, options) => {
    const run: Run = { directory: temporaryDirectory(), mode, options: { ...OPTIONS, ...options } };
    const totals: Totals = { records: 0, acknowledged: 0, wholeBatches: 0, absentBatches: 0, statuses: {} };
    for (let round = 0; round < rounds; round++) {
      const before = await readBefore(run);
      const reports = await killedWriter(run, round);
      await checkAfterKill(run, round, before, reports, totals);
    }
    expect(await checkWholeLog(run)).toBe(totals.records);

    console.log(`kill ${mode}: ${rounds} rounds, seed ${SEED}`, JSON.stringify(totals));
    expect(totals.records).toBeGreaterThan(0);
    if (mode !== 'none') expect(totals.acknowledged).toBeGreaterThan(rounds);
    if (mode !== 'mixed') return;
    expect(totals.acknowledged).toBeGreaterThan(rounds * 50);
    // Enough rounds show both outcomes of batches that were in flight; few rounds show at least that some were.
    const expected = rounds >= 100 ? 20 : 1;
    expect(totals.wholeBatches + totals.absentBatches).toBeGreaterThanOrEqual(expected);
    if (rounds >= 100) expect(Math.min(totals.wholeBatches, totals.absentBatches)).toBeGreaterThanOrEqual(expected);
  },
);

interface Before {
  readonly lastLsn: number;
  readonly nextSeqs: ReadonlyMap<number, number>;
}

// In every other round the log is left as recovery made it, without a clean close between two kills.
async function readBefore({ directory, options }: Run): Promise<Before> {
  const log = await openLog(directory, options);
  const nextSeqs = new Map<number, number>();
  for (const { key, nextSeq } of log.streams()) nextSeqs.set(Number(String(key).slice(4)), nextSeq);
  const lastLsn = Math.max(0, ...log.streams().map((info) => info.lastLsn));
  await log.close();
  return { lastLsn, nextSeqs };
}

async function killedWriter({ directory, mode, options }: Run, round: number): Promise<Reports> {
  const seed = SEED + round;
  const args = [supportPath('kill-writer.mjs'), directory, String(round), String(seed), JSON.stringify(options), mode];
  const child = startChild(process.execPath, args);
  // One round in ten is killed at any time after its start, opening included; the others once the log is open.
  if (round % 10 === 9) {
    await sleep((seed % 97) + 20);
  } else {
    await child.firstReport;
    await sleep((Math.imul(seed, 2_654_435_761) >>> 8) % 150);
  }
  child.process.kill('SIGKILL');
  const exit = await child.exit;
  expect(exit).toMatchObject({ signal: 'SIGKILL', stderr: '' });
  return parseReports(exit.reports);
}

async function checkAfterKill(
  { directory, options }: Run,
  round: number,
  before: Before,
  reports: Reports,
  totals: Totals,
): Promise<void> {
  const log = await openLog(directory, options);
  const records = await collect(log.read({ fromLsn: before.lastLsn + 1 }));
  const { whole, absent } = checkRound(round, records, before.nextSeqs, reports);
  checkRecovery(log, records, before.lastLsn, reports);
  await checkLastOfBefore(log, before, round);
  const { status } = log.recovery;
  await log.close();
  totals.records += records.length;
  const synced = reports.synced.reduce((sum, count) => sum + count, 0);
  totals.acknowledged += reports.acknowledged.length + reports.acknowledgedBatches.size + synced;
  totals.wholeBatches += whole;
  totals.absentBatches += absent;
  totals.statuses[status] = (totals.statuses[status] ?? 0) + 1;
}

async function checkLastOfBefore(log: Log, { nextSeqs }: Before, round: number): Promise<void> {
  for (const [key, nextSeq] of nextSeqs) {
    const record = await log.stream(`key ${key}`).get(nextSeq - 1);
    expect(record && parsePayload(record).round, `the last record of key ${key} before the round`).toBeLessThan(round);
  }
}

// Everything that all rounds left, once more from the beginning. Returns how many records there are.
async function checkWholeLog({ directory, options }: Run): Promise<number> {
  const log = await openLog(directory, options);
  expect(log.recovery.status).toBe('clean');
  let count = 0;
  for (let key = 0; key < KEYS; key++) {
    let last: { readonly round: number; readonly counter: number } = { round: -1, counter: 0 };
    for await (const batch of log.stream(`key ${key}`).readBatches()) {
      for (const record of batch) {
        last = checkFollows(last, record);
        count++;
      }
    }
  }
  await log.close();
  return count;
}

function checkFollows(last: { readonly round: number; readonly counter: number }, record: LogRecord) {
  const { round, counter } = parsePayload(record);
  if (round === last.round) expect(counter, `record ${record.seq} of ${record.key}`).toBe(last.counter + 1);
  else expect([round > last.round, counter], `record ${record.seq} of ${record.key}`).toEqual([true, 0]);
  return { round, counter };
}
