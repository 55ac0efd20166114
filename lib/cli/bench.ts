// SPDX-License-Identifier: MIT
// seglog bench: how fast this disk takes durable records, through a log and through a file written by hand. It works in
// a subdirectory of its own, which is gone when it ends, however that is.

import { rmSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { integerFrom, withJson } from './arguments.js';
import {
  CONTENDERS,
  type Contender,
  PAYLOADS,
  type RunResult,
  runWorkload,
  WORKLOADS,
  type Workload,
} from './bench-run.js';
import { CliError } from './failure.js';
import { Interruption } from './interruption.js';
import { jsonLine } from './output.js';
import { Progress } from './progress.js';
import type { Session } from './session.js';
import { type Column, tableLines } from './table.js';
import { escapeText } from './text.js';
import { countOf, formatBytes, formatCount } from './units.js';

const REPEAT_DEFAULT = 3;
const REPEAT_MAX = 100;
const SECONDS_DEFAULT = 0.4;
const SECONDS_MAX = 60;
const REMOVE_ATTEMPTS_MAX = 100;

interface BenchOptions {
  readonly seconds: number;
  readonly repeat: number;
  readonly json: boolean;
}

/** The runs of one workload with one payload by one contender. */
interface Row {
  readonly workload: Workload;
  readonly payloadBytes: number;
  readonly contender: Contender;
  readonly runs: RunResult[];
}

const COLUMNS: readonly Column[] = [
  { title: 'WORKLOAD', align: 'left', cut: true },
  { title: 'PAYLOAD', align: 'right' },
  { title: 'WITH', align: 'left' },
  { title: 'RECORDS/S', align: 'right' },
  { title: 'SPREAD', align: 'right' },
  { title: 'P50', align: 'right' },
  { title: 'P99', align: 'right' },
  { title: 'TO FS', align: 'right' },
];

export function addBench(program: Command, session: Session): void {
  const command = program
    .command('bench')
    .description('Measure how fast durable records are taken on the disk of DIR, beside a file written by hand.')
    .argument('<dir>', 'a directory on that disk; nothing is left in it')
    .option('--seconds <number>', 'how long each run takes', secondsOf, SECONDS_DEFAULT)
    .option('--repeat <count>', 'runs of each kind, alternating', integerFrom(1, REPEAT_MAX), REPEAT_DEFAULT);
  withJson(command)
    .addHelpText('after', '\nExample:\n  $ seglog bench /var/lib/service')
    .action((directory: string, options: BenchOptions) => bench(session, directory, options));
}

async function bench(session: Session, parent: string, options: BenchOptions): Promise<void> {
  if (!statSync(parent, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CliError('NOT_FOUND', `no directory at ${parent}`, 'give one on the disk to measure');
  }
  const directory = await mkdtemp(join(parent, 'seglog-bench-'));
  const remove = () => removeAll(directory);
  // A second ^C ends the process at once.
  process.on('exit', remove);
  const interruption = new Interruption();
  try {
    const rows = await runAll(directory, options, interruption.signal);
    const interrupted = interruption.failure('stopped before the end: nothing to report');
    if (interrupted !== undefined) throw interrupted;
    if (options.json) await session.out.line(jsonLine(jsonReport(parent, options, rows)));
    else for (const line of tableOf(session, rows)) await session.out.line(line);
  } finally {
    remove();
    process.off('exit', remove);
    interruption.end();
  }
}

// Where the process ends in the middle of a run, its threads still make files while these are removed.
function removeAll(directory: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      rmSync(directory, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === REMOVE_ATTEMPTS_MAX) throw error;
    }
  }
}

async function runAll(directory: string, { seconds, repeat }: BenchOptions, signal: AbortSignal): Promise<Row[]> {
  const rows = WORKLOADS.flatMap((workload) =>
    PAYLOADS.flatMap((payloadBytes) =>
      CONTENDERS.map((contender): Row => ({ workload, payloadBytes, contender, runs: [] })),
    ),
  );
  const progress = new Progress(rows.length * repeat, (runs) => countOf(Math.round(runs), 'run'));
  try {
    for (let round = 0; round < repeat; round++) {
      // Every other round the other way round, so that neither is always behind the other.
      for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
        if (signal.aborted) return rows;
        const run = join(directory, 'run');
        await mkdir(run);
        row.runs.push(await runWorkload(row.contender, row.workload, row.payloadBytes, seconds, run, signal));
        await rm(run, { recursive: true });
        progress.update(
          rows.reduce((sum, { runs }) => sum + runs.length, 0),
          rows.length * repeat,
        );
      }
    }
  } finally {
    progress.end();
  }
  return rows;
}

function tableOf(session: Session, rows: readonly Row[]): string[] {
  const cells = rows.map((row) => {
    const { recordsPerSecond, lowest, highest, p50Us, p99Us } = figuresOf(row);
    const ratio = row.contender === 'fs' ? undefined : ratioToFs(row, rows);
    return [
      `${row.workload.name} ${row.workload.title}`,
      formatBytes(row.payloadBytes),
      row.contender,
      formatCount(recordsPerSecond),
      `${Math.round(((highest - lowest) / recordsPerSecond) * 100)}%`,
      ...[p50Us, p99Us].map((us) => (us === null ? '' : `${formatCount(us)} µs`)),
      ratio === undefined ? '' : `${ratio.toFixed(2)}×`,
    ];
  });
  const [titles = '', ...lines] = tableLines(COLUMNS, cells, session.out.columns);
  return [session.style('bold', escapeText(titles)), ...lines];
}

function jsonReport(directory: string, { seconds, repeat }: BenchOptions, rows: readonly Row[]): object {
  const results = rows.map((row) => ({
    workload: row.workload.name,
    title: row.workload.title,
    payloadBytes: row.payloadBytes,
    contender: row.contender,
    ...figuresOf(row),
    ratioToFs: Math.round(ratioToFs(row, rows) * 1000) / 1000,
  }));
  return { directory, seconds, repeat, results };
}

/** The median run's rate, the lowest and the highest, and the medians of what appends waited. */
function figuresOf({ runs }: Row) {
  const rates = runs.map(({ records, seconds }) => records / seconds).toSorted((a, b) => a - b);
  const waited = (part: number) => {
    const all = runs.flatMap(({ latency }) => latency.percentileUs(part) ?? []).toSorted((a, b) => a - b);
    return all.length === 0 ? null : Math.round(medianOf(all) * 10) / 10;
  };
  return {
    recordsPerSecond: Math.round(medianOf(rates)),
    lowest: Math.round(rates[0] ?? 0),
    highest: Math.round(rates.at(-1) ?? 0),
    p50Us: waited(0.5),
    p99Us: waited(0.99),
    p999Us: waited(0.999),
  };
}

function ratioToFs(row: Row, rows: readonly Row[]): number {
  const fs = rows.find(
    ({ workload, payloadBytes, contender }) =>
      contender === 'fs' && workload === row.workload && payloadBytes === row.payloadBytes,
  );
  return fs === undefined ? 1 : figuresOf(row).recordsPerSecond / figuresOf(fs).recordsPerSecond;
}

function medianOf(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}

function secondsOf(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`It is no number of seconds above 0 and up to ${SECONDS_MAX}.`);
}
