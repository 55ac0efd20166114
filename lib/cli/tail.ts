// SPDX-License-Identifier: MIT
// seglog tail: the last records of some streams in the order of their LSNs, and with -f those that come.
//
// Following opens the log read-only again and again, and reads on behind the last LSN that was seen. An LSN is never
// given to another record and what is read is durable or at least with the kernel, so nothing is shown twice or missed.

import { setTimeout } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Log, SeglogError, type StreamInfo } from '../index.js';
import { duration, integerFrom, since, withDirectory, withJson, withSkipDamage } from './arguments.js';
import { Interruption } from './interruption.js';
import { journalState } from './journal-state.js';
import { jsonRecord } from './json.js';
import { lsnOfLast, lsnSince } from './last-records.js';
import { jsonLine, oneLine } from './output.js';
import { type LineWidths, recordLine } from './record-line.js';
import { type Session, withLog } from './session.js';
import { matchStreams, noStream } from './streams.js';
import { shownWidth } from './text.js';

const COUNT_DEFAULT = 10;
const COUNT_MAX = 1_000_000;
const INTERVAL_MS_DEFAULT = 250;
const INTERVAL_MS_MIN = 10;
const INTERVAL_MS_MAX = 86_400_000;
const KEY_COLUMNS_MAX = 32;
/** Opening a log takes at most this part of the time while it is followed. */
const BUSY_PART = 0.2;
/** After so many passes in a row that met damage, it is damage. */
const FAILED_PASSES_MAX = 5;

interface TailOptions {
  readonly follow: boolean;
  readonly interval: number;
  readonly json: boolean;
  readonly lines: number | undefined;
  readonly since: number | undefined;
  readonly skipDamage: boolean;
}

export function addTail(program: Command, session: Session): void {
  const command = withDirectory(program.command('tail'))
    .description('Print the last records of some streams, in the order in which they were written.')
    .argument('<key|glob>', "a stream's key, or a pattern: see 'seglog ls --help'")
    .option(
      '-n, --lines <count>',
      `how many (default: ${COUNT_DEFAULT}, or all with --since)`,
      integerFrom(0, COUNT_MAX),
    )
    .option('--since <time>', 'only records since then: 10m, 1h30m, 2d, or a time in ISO 8601', since)
    .option('-f, --follow', 'go on with the records that come, until ^C', false)
    .addOption(
      new Option('--interval <time>', 'how often to look for them')
        .argParser(parseInterval)
        .default(INTERVAL_MS_DEFAULT, `${INTERVAL_MS_DEFAULT}ms`),
    );
  withSkipDamage(withJson(command))
    .addHelpText('after', "\nExample:\n  $ seglog tail ./data 'orders/*' -f --since 10m")
    .action((directory: string, pattern: string, options: TailOptions) =>
      new Tail(session, directory, pattern, options).run(),
    );
}

function parseInterval(text: string): number {
  const intervalMs = duration(text);
  if (intervalMs >= INTERVAL_MS_MIN && intervalMs <= INTERVAL_MS_MAX) return intervalMs;
  throw new InvalidArgumentError('It is not from 10ms to 1d.');
}

class Tail {
  readonly #session: Session;
  readonly #directory: string;
  readonly #pattern: string;
  readonly #options: TailOptions;
  /** Undefined until the log was read for the first time. */
  #nextLsn: number | undefined;
  #failedPasses = 0;
  #widths: LineWidths = { key: undefined, seq: 0 };

  constructor(session: Session, directory: string, pattern: string, options: TailOptions) {
    this.#session = session;
    this.#directory = directory;
    this.#pattern = pattern;
    this.#options = options;
  }

  async run(): Promise<void> {
    if (!this.#options.follow) return this.#pass(undefined);
    const interruption = new Interruption();
    try {
      await this.#follow(interruption.signal);
    } catch (error) {
      if (!interruption.signal.aborted) throw error;
    } finally {
      interruption.end();
    }
    this.#session.exitCode = interruption.exitCode ?? this.#session.exitCode;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let seen: string | undefined;
    while (!signal.aborted) {
      const startMs = performance.now();
      const state = await journalState(this.#directory);
      if (state === undefined || state !== seen) {
        if (await this.#attempt(signal)) seen = state;
        await this.#session.out.flush();
      }
      const tookMs = performance.now() - startMs;
      const pauseMs = Math.min(INTERVAL_MS_MAX, Math.max(this.#options.interval, tookMs / BUSY_PART));
      await setTimeout(pauseMs, undefined, { signal });
    }
  }

  /** False: the log could not be read just now. */
  async #attempt(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#pass(signal);
      this.#failedPasses = 0;
      return true;
    } catch (error) {
      this.#failedPasses++;
      if (!(error instanceof SeglogError)) throw error;
      // Files that a writer uses again while they are read look damaged; true damage is still there the next time.
      const mayPass = error.code === 'LOCKED' || (error.code === 'CORRUPT' && this.#failedPasses < FAILED_PASSES_MAX);
      if (!mayPass) throw error;
      if (this.#nextLsn === undefined && this.#failedPasses === 1) {
        await this.#session.note(`seglog: waiting: ${oneLine(error.message)}`);
      }
      return false;
    }
  }

  /** Prints what there is from the last LSN seen on. */
  #pass(signal: AbortSignal | undefined): Promise<void> {
    return withLog(this.#session, this.#directory, this.#options, async (log) => {
      const streams = matchStreams(log, this.#pattern);
      const isFirst = this.#nextLsn === undefined;
      if (streams.length === 0 && isFirst && !this.#options.follow) throw noStream(this.#pattern);
      this.#widen(streams);
      const endLsn = log.recovery.lastLsn + 1;
      const fromLsn = this.#nextLsn ?? (await this.#firstLsn(log, streams));
      if (fromLsn !== undefined && fromLsn < endLsn) await this.#print(log, streams, fromLsn, signal);
      this.#nextLsn = endLsn;
    });
  }

  async #firstLsn(log: Log, streams: readonly StreamInfo[]): Promise<number | undefined> {
    const { lines, since: sinceUs } = this.#options;
    const bySince = sinceUs === undefined ? 1 : await lsnSince(log, streams, sinceUs);
    if (bySince === undefined || (lines === undefined && sinceUs !== undefined)) return bySince;
    return Math.max(bySince, await lsnOfLast(log, streams, lines ?? COUNT_DEFAULT));
  }

  async #print(
    log: Log,
    streams: readonly StreamInfo[],
    fromLsn: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { out } = this.#session;
    for await (const record of log.read({ fromLsn, keys: streams.map((stream) => stream.key), signal })) {
      await out.line(
        this.#options.json ? jsonLine(jsonRecord(record)) : recordLine(this.#session, record, this.#widths),
      );
      // Should the reading fail further on, the next pass begins here.
      this.#nextLsn = record.lsn + 1;
    }
  }

  /** Makes room for the longest key and sequence so far; the key is only shown where there are several. */
  #widen(streams: readonly StreamInfo[]): void {
    let key = this.#widths.key ?? 0;
    let seq = this.#widths.seq;
    for (const stream of streams) {
      key = Math.max(key, Math.min(KEY_COLUMNS_MAX, shownWidth(stream.key)));
      seq = Math.max(seq, String(stream.nextSeq - 1).length);
    }
    const isOne = streams.length === 1 && streams[0]?.key === this.#pattern;
    this.#widths = { key: isOne ? undefined : key, seq };
  }
}
