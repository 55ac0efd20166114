// SPDX-License-Identifier: MIT
// seglog ingest: lines into a log. The only command that writes, and that makes a log.
//
// However it ends, it ends with a sync and says how many records are durable then: those of the lines before the one
// at which it stopped.

import { type Command, Option } from 'commander';
import { type Durability, openLog } from '../index.js';
import { integerFrom, parseKey, withDirectory, withJson, withKeyHex } from './arguments.js';
import { BatchSender } from './batch-sender.js';
import { CliError } from './failure.js';
import { IngestJob, type IngestResult } from './ingest-job.js';
import { Interruption } from './interruption.js';
import { withNulls } from './json.js';
import { type KeyOfLine, keyAtPath } from './key-field.js';
import { sourcesOf } from './lines.js';
import { jsonLine } from './output.js';
import type { Session } from './session.js';
import { countOf, formatBytes, formatCount, formatSeconds, roundSeconds } from './units.js';

const BATCH_DEFAULT = 1000;
const BATCH_MAX = 1_000_000;

interface IngestOptions {
  readonly key: string | undefined;
  readonly keyField: string | undefined;
  readonly keyHex: boolean;
  readonly durability: Durability;
  readonly batch: number;
  readonly json: boolean;
}

interface IngestSummary extends IngestResult {
  readonly directory: string;
  readonly status: 'complete' | 'interrupted' | 'failed';
}

export function addIngest(program: Command, session: Session): void {
  const command = withDirectory(program.command('ingest'))
    .description('Append each line of the files, or of standard input, to a log. Makes the log where there is none.')
    .argument('[file...]', 'files to read; - is standard input, and the default')
    .addOption(new Option('--key <key>', 'append all lines to the stream of this key').conflicts('keyField'))
    .option('--key-field <path>', 'lines are JSON; the value at this path (user.id) is the key')
    .addOption(
      new Option('--durability <mode>', 'what a batch waits for before it counts; in the end all is durable')
        .choices(['sync', 'os', 'none'])
        .default('sync'),
    )
    .option('--batch <count>', 'records per batch at most', integerFrom(1, BATCH_MAX), BATCH_DEFAULT);
  withKeyHex(withJson(command))
    .addHelpText('after', '\nExample:\n  $ seglog ingest ./data --key-field user.id events.jsonl')
    .action((directory: string, files: string[], options: IngestOptions) => ingest(session, directory, files, options));
}

async function ingest(
  session: Session,
  directory: string,
  files: readonly string[],
  options: IngestOptions,
): Promise<void> {
  const keyOf = keyChooser(options);
  const sources = await sourcesOf(files.length === 0 ? ['-'] : files);
  const interruption = new Interruption();
  try {
    const log = await openLog(directory);
    const job = new IngestJob(log, sources, keyOf, new BatchSender(log, options.durability, options.batch));
    const failure = await job.run(interruption.signal);
    const status = failure !== undefined ? 'failed' : interruption.signal.aborted ? 'interrupted' : 'complete';
    await printSummary(session, { directory, status, ...job.result() }, options.json);
    if (failure !== undefined) throw failure;
    const interrupted = interruption.failure(`stopped behind ${job.position}`, 'go on with the line behind it');
    if (interrupted !== undefined) throw interrupted;
  } finally {
    interruption.end();
  }
}

function keyChooser(options: IngestOptions): KeyOfLine {
  if (options.keyField !== undefined) {
    if (options.keyHex) throw new CliError('USAGE', '--key-hex is of --key, and cannot stand beside --key-field');
    return keyAtPath(options.keyField);
  }
  if (options.key === undefined) throw new CliError('USAGE', 'one of --key and --key-field is needed');
  const key = parseKey(options.key, options.keyHex);
  return () => key;
}

async function printSummary(session: Session, summary: IngestSummary, json: boolean): Promise<void> {
  const { records, durableRecords, bytes, seconds, firstLsn, lastLsn } = summary;
  const perSecond = (count: number) => (seconds === 0 ? 0 : count / seconds);
  const recordsPerSecond = Math.round(perSecond(records));
  if (json)
    return session.out.line(jsonLine(withNulls({ ...summary, seconds: roundSeconds(seconds), recordsPerSecond })));
  const rates = `${formatCount(recordsPerSecond)} records/s, ${formatBytes(Math.round(perSecond(bytes)))}/s`;
  await session.out.line(`${countOf(records, 'record')}, ${formatBytes(bytes)} in ${formatSeconds(seconds)}: ${rates}`);
  const durable = durableRecords === records ? 'all' : formatCount(durableRecords);
  const lsns = firstLsn === undefined ? '' : `, LSNs ${formatCount(firstLsn)} to ${formatCount(lastLsn ?? 0)}`;
  await session.out.line(records === 0 ? 'Nothing was appended.' : `Durable: ${durable} of them${lsns}.`);
}
