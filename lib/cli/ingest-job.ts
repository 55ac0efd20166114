// SPDX-License-Identifier: MIT
// One run of ingest: from sources to a log, with what was done and what of it is durable. Memory is bounded by the
// chunk that was read, one line, and the batches under way.

import type { Log } from '../index.js';
import type { Sender } from './batch-sender.js';
import { CliError } from './failure.js';
import type { KeyOfLine } from './key-field.js';
import { LineSplitter, type Source } from './lines.js';
import { Progress } from './progress.js';

export interface IngestResult {
  /** Records that were handed to the log, and their data. */
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
}

export class IngestJob {
  readonly #log: Log;
  readonly #sources: readonly Source[];
  readonly #keyOf: KeyOfLine;
  readonly #sender: Sender;
  readonly #lsnBefore: number;
  readonly #startMs: number = performance.now();
  #sourceName = '';
  /** Lines of the source that were taken: the next one is the line that fails. */
  #lines = 0;
  #blankLines = 0;
  #inputBytes = 0;
  #added = 0;
  #bytes = 0;
  #durableRecords = 0;
  #seconds = 0;

  constructor(log: Log, sources: readonly Source[], keyOf: KeyOfLine, sender: Sender) {
    this.#log = log;
    this.#sources = sources;
    this.#keyOf = keyOf;
    this.#sender = sender;
    this.#lsnBefore = log.stats().nextLsn - 1;
  }

  /** Reads until the end, a failure or the signal; then makes durable what was taken, and closes the log. */
  async run(signal: AbortSignal): Promise<unknown> {
    let failure: unknown;
    const attempt = async (step: () => Promise<void>) => {
      await step().catch((error: unknown) => {
        failure ??= error;
      });
    };
    await attempt(() => this.#readAll(signal));
    await attempt(() => this.#sender.finish());
    await attempt(() => this.#log.sync());
    this.#seconds = (performance.now() - this.#startMs) / 1000;
    // Nobody else appends, so that the log's LSNs count our records.
    this.#durableRecords = Math.max(0, this.#log.durableLsn - this.#lsnBefore);
    if (this.#durableRecords !== this.#added) {
      failure ??= new CliError('FAILED', `${this.#added} records were appended, ${this.#durableRecords} are durable`);
    }
    await attempt(() => this.#log.close());
    return failure;
  }

  result(): IngestResult {
    const durableRecords = this.#durableRecords;
    return {
      records: this.#added,
      bytes: this.#bytes,
      durableRecords,
      blankLines: this.#blankLines,
      inputBytes: this.#inputBytes,
      seconds: this.#seconds,
      firstLsn: durableRecords === 0 ? undefined : this.#lsnBefore + 1,
      lastLsn: durableRecords === 0 ? undefined : this.#lsnBefore + durableRecords,
    };
  }

  /** The file and line that was taken last. */
  get position(): string {
    return `${this.#sourceName}:${this.#lines}`;
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const progress = new Progress(totalBytes(this.#sources));
    try {
      for (const source of this.#sources) {
        if (signal.aborted) return;
        await this.#read(source, signal, progress);
      }
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
          if (!this.#take(line)) await this.#sender.room();
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
      throw new CliError(error.code, `${this.#sourceName}:${this.#lines + 1}: ${error.message}`);
    }
  }

  /** False: wait for room. */
  #take(line: Buffer): boolean {
    const key = this.#keyOf(line);
    let hasRoom = true;
    if (key === undefined) {
      this.#blankLines++;
    } else {
      hasRoom = this.#sender.add({ key, data: line });
      this.#added++;
      this.#bytes += line.length;
    }
    this.#lines++;
    return hasRoom;
  }
}

function totalBytes(sources: readonly Source[]): number | undefined {
  let total = 0;
  for (const { bytes } of sources) {
    if (bytes === undefined) return undefined;
    total += bytes;
  }
  return total;
}
