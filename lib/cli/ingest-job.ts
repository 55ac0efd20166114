// SPDX-License-Identifier: MIT
// One run of ingest: from sources to a log, with what was done and what of it is durable. Memory is bounded by the
// chunk that was read, one line, and the batches under way.

import { type Log, SeglogError } from '../index.js';
import { type BatchSender, type Fate, lastLsnOf, type Place, type SentBatch } from './batch-sender.js';
import { CliError, failureAt } from './failure.js';
import type { KeyOfLine } from './key-field.js';
import { LineSplitter, type Source } from './lines.js';
import { Progress } from './progress.js';

export interface IngestResult {
  /** Records that were taken from the input, and their data. */
  readonly records: number;
  readonly bytes: number;
  /** Records that survive a power cut: all of them, unless the log failed. */
  readonly durableRecords: number;
  readonly blankLines: number;
  readonly inputBytes: number;
  readonly seconds: number;
  /** LSNs of the durable records; undefined where there are none. */
  readonly firstLsn: number | undefined;
  readonly lastLsn: number | undefined;
  /** The first line that is not stored; undefined where the end was reached. */
  readonly resumeAt: Place | undefined;
  /** Lines behind that one that are stored all the same: a log that is full may refuse a batch and take a later one. */
  readonly storedBehind: readonly LineRange[];
}

/** Lines from one to another, both included. */
export interface LineRange {
  readonly first: Place;
  readonly last: Place;
}

/** What a run needs of a log. */
export type IngestLog = Pick<Log, 'appendBatch' | 'close' | 'durableLsn' | 'options' | 'sync'>;

/** An append that was in flight when the log failed is undecided. */
const UNDECIDED_HINT = 'see what the ends of the streams hold before going on: lines from there on may be stored';

export class IngestJob {
  readonly #log: IngestLog;
  readonly #sources: readonly Source[];
  readonly #keyOf: KeyOfLine;
  readonly #sender: BatchSender;
  readonly #startMs: number = performance.now();
  #sourceName = '';
  /** Lines of the source that were taken: the next one is the line that fails. */
  #lines = 0;
  #blankLines = 0;
  #inputBytes = 0;
  #added = 0;
  #bytes = 0;
  #seconds = 0;
  #fate: Fate = { durableRecords: 0, firstLsn: undefined, lastLsn: undefined, rest: [] };
  /** Of the rest, what the log has taken all the same. */
  #stored: readonly SentBatch[] = [];
  #atEnd = false;

  constructor(log: IngestLog, sources: readonly Source[], keyOf: KeyOfLine, sender: BatchSender) {
    this.#log = log;
    this.#sources = sources;
    this.#keyOf = keyOf;
    this.#sender = sender;
  }

  /** Reads until the end, a failure or the signal; then makes durable what was taken, and closes the log. */
  async run(signal: AbortSignal): Promise<unknown> {
    const inputFailure = await caught(this.#readAll(signal));
    const sendFailure = await caught(this.#sender.finish());
    const storeFailure = sendFailure ?? (await caught(this.#log.sync()));
    if (sendFailure !== undefined) await caught(this.#log.sync());
    this.#seconds = (performance.now() - this.#startMs) / 1000;
    const { durableLsn } = this.#log;
    this.#fate = this.#sender.fate();
    this.#stored = this.#fate.rest.filter(
      (batch) => batch.firstLsn !== undefined && lastLsnOf(batch, batch.firstLsn) <= durableLsn,
    );
    const closeFailure = await caught(this.#log.close());
    // Where the log failed, the input's failure lies behind lines that are not stored.
    return this.#storeFailure(storeFailure) ?? inputFailure ?? closeFailure;
  }

  result(): IngestResult {
    const { durableRecords, firstLsn, lastLsn, rest } = this.#fate;
    const lastStored = this.#stored.at(-1);
    return {
      records: this.#added,
      bytes: this.#bytes,
      durableRecords: this.#stored.reduce((sum, { records }) => sum + records, durableRecords),
      blankLines: this.#blankLines,
      inputBytes: this.#inputBytes,
      seconds: this.#seconds,
      firstLsn: firstLsn ?? this.#stored[0]?.firstLsn,
      lastLsn: lastStored?.firstLsn === undefined ? lastLsn : lastLsnOf(lastStored, lastStored.firstLsn),
      resumeAt: rest[0]?.first ?? (this.#atEnd ? undefined : this.#nextPlace()),
      storedBehind: this.#storedBehind(),
    };
  }

  /** The file and line that was taken last. */
  get position(): string {
    return `${this.#sourceName}:${this.#lines}`;
  }

  /** What the log refused, with the line to go on with, and those to leave out then. */
  #storeFailure(failure: unknown): unknown {
    const next = this.#fate.rest[0];
    if (failure === undefined || next === undefined) return failure;
    const behind = this.#storedBehind().map(rangeText).join(', ');
    const more = behind === '' ? '' : `; of the lines behind it these are stored all the same: ${behind}`;
    const isUndecided = failure instanceof SeglogError && failure.code === 'FAILED';
    return failureAt(placeText(next.first), failure, more, isUndecided ? UNDECIDED_HINT : undefined);
  }

  /** Batches side by side as one range. */
  #storedBehind(): LineRange[] {
    const ranges: { first: Place; last: Place }[] = [];
    let range: { first: Place; last: Place } | undefined;
    for (const batch of this.#fate.rest) {
      if (!this.#stored.includes(batch)) {
        range = undefined;
      } else if (range === undefined) {
        range = { first: batch.first, last: batch.last };
        ranges.push(range);
      } else {
        range.last = batch.last;
      }
    }
    return ranges;
  }

  #nextPlace(): Place {
    return { source: this.#sourceName, line: this.#lines + 1 };
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const progress = new Progress(totalBytes(this.#sources));
    try {
      for (const source of this.#sources) {
        if (signal.aborted) return;
        await this.#read(source, signal, progress);
      }
      this.#atEnd = !signal.aborted;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      progress.end();
    }
  }

  async #read(source: Source, signal: AbortSignal, progress: Progress): Promise<void> {
    this.#sourceName = source.name;
    this.#lines = 0;
    const splitter = new LineSplitter(this.#log.options.recordBytesMax);
    try {
      for await (const chunk of source.open(signal)) {
        for (const line of splitter.split(chunk)) {
          if (this.#take(line)) continue;
          await this.#sender.room();
          if (signal.aborted) return;
        }
        this.#inputBytes += chunk.length;
        progress.update(this.#inputBytes);
        if (signal.aborted) return;
      }
      const last = splitter.end();
      if (last !== undefined && !this.#take(last)) await this.#sender.room();
    } catch (error) {
      // What the line is to blame for; failures of the log stay as they are.
      if (!(error instanceof CliError)) throw error;
      throw failureAt(placeText(this.#nextPlace()), error, '');
    }
  }

  /** False: wait for room. */
  #take(line: Buffer): boolean {
    const key = this.#keyOf(line);
    let hasRoom = true;
    if (key === undefined) {
      this.#blankLines++;
    } else {
      hasRoom = this.#sender.add({ key, data: line }, this.#nextPlace());
      this.#added++;
      this.#bytes += line.length;
    }
    this.#lines++;
    return hasRoom;
  }
}

/** What a promise rejects with. */
function caught(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function placeText({ source, line }: Place): string {
  return `${source}:${line}`;
}

function rangeText({ first, last }: LineRange): string {
  if (first.source !== last.source) return `${placeText(first)} to ${placeText(last)}`;
  return first.line === last.line ? placeText(first) : `${placeText(first)} to ${last.line}`;
}

function totalBytes(sources: readonly Source[]): number | undefined {
  let total = 0;
  for (const { bytes } of sources) {
    if (bytes === undefined) return undefined;
    total += bytes;
  }
  return total;
}
