// SPDX-License-Identifier: MIT
// seglog info: what a log is, and in which state.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Log, RecoveryReport } from '../index.js';
import { withDirectory, withJson } from './arguments.js';
import { damageLine } from './damage-line.js';
import { EXIT } from './exit-codes.js';
import { bytesAt, withFileInside } from './inside.js';
import { jsonDamage, jsonKey, withNulls } from './json.js';
import { jsonLine } from './output.js';
import { openToRead, type Session } from './session.js';
import { escapeText } from './text.js';
import { countOf, formatBytes, formatCount, formatDuration, formatTime } from './units.js';

// Where the catalogue's header has them: docs/format.md.
const VERSION_OFFSET = 8;
const LOG_UUID_OFFSET = 16;
const LOG_UUID_BYTES = 16;

const STATUS_MEANINGS: Readonly<Record<RecoveryReport['status'], string>> = {
  new: 'it was new',
  clean: 'it was closed',
  recovered: 'it was not closed; nothing lies behind its last commit',
  'torn-tail': 'it was not closed; what lies behind its last whole commit is cut off when it is opened for writing',
  corrupt: 'acknowledged bytes are damaged',
};

interface Totals {
  readonly directory: string;
  readonly formatVersion: number | undefined;
  readonly logId: string | undefined;
  readonly status: RecoveryReport['status'];
  readonly streams: number;
  readonly records: number;
  readonly bytes: number;
  readonly segments: number;
  readonly lastTimeUs: number | undefined;
  readonly lastLsn: number;
  readonly nextLsn: number;
  readonly lastCommit: number;
  readonly journalFiles: number;
  readonly journalBytes: number;
  readonly pendingBytes: number;
}

export function addInfo(program: Command, session: Session): void {
  withJson(withDirectory(program.command('info')))
    .description('Show what a log is and in which state. Damage that opening finds is shown, not a failure to open.')
    .addHelpText('after', '\nExample:\n  $ seglog info ./data')
    .action((directory: string, options: { readonly json: boolean }) => info(session, directory, options.json));
}

async function info(session: Session, directory: string, json: boolean): Promise<void> {
  const log = await openToRead(directory, true);
  try {
    const totals = await totalsOf(log, directory);
    if (log.recovery.damage.length > 0) session.exitCode = EXIT.damaged;
    if (json) await session.out.line(jsonLine({ ...withNulls(totals), recovery: jsonRecovery(log.recovery) }));
    else await printInfo(session, totals, log.recovery);
  } finally {
    await log.close();
  }
}

async function totalsOf(log: Log, directory: string): Promise<Totals> {
  const streams = log.streams();
  const sum = (of: (stream: (typeof streams)[number]) => number) =>
    streams.reduce((total, stream) => total + of(stream), 0);
  const { status, segments, lastLsn, nextLsn, lastCommit, pendingBytes } = log.recovery;
  return {
    directory,
    ...(await catalogHeader(directory)),
    status,
    streams: streams.length,
    records: sum((stream) => stream.nextSeq - stream.firstSeq),
    bytes: sum((stream) => stream.bytes),
    segments,
    // 0 where there are no records, or no more.
    lastTimeUs: streams.reduce((last, stream) => Math.max(last, stream.lastTimeUs), 0) || undefined,
    lastLsn,
    nextLsn,
    lastCommit,
    ...(await journalOnDisk(directory)),
    pendingBytes,
  };
}

/** From the snapshot that is there; opening has checked that one of the two is valid. */
async function catalogHeader(directory: string): Promise<Pick<Totals, 'formatVersion' | 'logId'>> {
  for (const name of ['CATALOG', 'CATALOG.copy']) {
    const header = await firstBytes(directory, name, LOG_UUID_OFFSET + LOG_UUID_BYTES);
    if (header?.toString('latin1', 0, VERSION_OFFSET) !== 'SEGLOGCT') continue;
    return { formatVersion: header.readUInt32LE(VERSION_OFFSET), logId: header.toString('hex', LOG_UUID_OFFSET) };
  }
  return { formatVersion: undefined, logId: undefined };
}

/** Undefined where there is no such file, or a link in its place. */
async function firstBytes(directory: string, name: string, count: number): Promise<Buffer | undefined> {
  try {
    const bytes = await withFileInside(directory, name, (handle) => bytesAt(handle, 0, count));
    return bytes.length === count ? bytes : undefined;
  } catch {
    return undefined;
  }
}

async function journalOnDisk(directory: string): Promise<Pick<Totals, 'journalFiles' | 'journalBytes'>> {
  const names = (await readdir(join(directory, 'journal'))).filter((name) => name.endsWith('.journal'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, 'journal', name))).size));
  return { journalFiles: names.length, journalBytes: sizes.reduce((total, size) => total + size, 0) };
}

function jsonRecovery(report: RecoveryReport): object {
  return withNulls({
    ...report,
    replayed: report.replayed.map(({ key, firstSeq, lastSeq }) => ({ ...jsonKey(key), firstSeq, lastSeq })),
    tornTail: report.tornTail === undefined ? null : withNulls(report.tornTail),
    damage: report.damage.map(jsonDamage),
  });
}

async function printInfo(session: Session, totals: Totals, report: RecoveryReport): Promise<void> {
  const last = totals.lastTimeUs;
  const rows: [string, string][] = [
    ['Directory', escapeText(totals.directory)],
    ['Log id', totals.logId ?? 'unknown'],
    ['Format', totals.formatVersion === undefined ? 'unknown' : `version ${totals.formatVersion}`],
    ['Status', `${report.status}: ${STATUS_MEANINGS[report.status]}`],
    ['Streams', formatCount(totals.streams)],
    ['Records', formatCount(totals.records)],
    ['Segments', `${formatCount(totals.segments)}, ${formatBytes(totals.bytes)} with framing`],
    ['Journal', `${countOf(totals.journalFiles, 'file')}, ${formatBytes(totals.journalBytes)} on disk`],
    ['Pending', `${formatBytes(totals.pendingBytes)} of the segments' bytes are in the journal only`],
    ['LSNs', `last ${formatCount(totals.lastLsn)}, next ${formatCount(totals.nextLsn)}`],
    ['Commits', `last ${formatCount(totals.lastCommit)}, known durable ${formatCount(report.durableCommit)}`],
    ['Last record', last === undefined ? '-' : `${formatTime(last)} (${formatDuration(Date.now() - last / 1000)} ago)`],
    ['Opened', `in ${formatDuration(report.durationMs)}, ${formatBytes(report.journalBytesRead)} of journal read`],
    ...recoveryRows(report),
  ];
  for (const [name, value] of rows) await session.out.line(`${session.style('bold', name.padEnd(13))}${value}`);
}

/** What only a log that was not closed, or is damaged, has. */
function recoveryRows(report: RecoveryReport): [string, string][] {
  const rows: [string, string][] = [];
  if (report.commitsAccepted > 0) {
    const commits = countOf(report.commitsAccepted, 'commit');
    rows.push(['Replayed', `${commits} with ${countOf(report.recordsReplayed, 'record')} behind the last snapshot`]);
  }
  const torn = report.tornTail;
  if (torn !== undefined) {
    const doubt = report.mayHaveBeenAcknowledged ? '; it may have been acknowledged' : '';
    rows.push(['Torn tail', `${torn.file} at ${torn.offset}, ${formatBytes(torn.bytes)}${doubt}`]);
  }
  const lost = report.lostLsns;
  if (lost !== undefined) rows.push(['Lost LSNs', `${lost.first} to ${lost.last} at most, never synced`]);
  if (report.clock.status !== 'ok') {
    const { status, wallUs, storedUs } = report.clock;
    rows.push(['Clock', `${status}: now ${formatTime(wallUs)}, stored ${formatTime(storedUs)}`]);
  }
  for (const damage of report.damage) rows.push(['Damage', damageLine(damage)]);
  return rows;
}
