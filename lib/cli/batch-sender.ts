// SPDX-License-Identifier: MIT
// Hands records to a log as fast as it takes them, in batches of which a bounded number is under way. What waits for
// a batch to fill is sent as soon as nothing is under way, so that a slow input is not kept waiting. The fate of each
// batch is noted: a log that refuses one may have taken those behind it.

import type { BatchRecord, Durability, Log } from '../index.js';

const BATCHES_IN_FLIGHT_MAX = 8;
const BATCH_BYTES_MAX = 2 ** 20;

/** A line of the input. */
export interface Place {
  readonly source: string;
  readonly line: number;
}

/** Records that were sent together, or that would have been next, and from where to where they come. */
export interface SentBatch {
  readonly first: Place;
  readonly last: Place;
  readonly records: number;
  /** LSN of the first; the others follow without a gap. Undefined: the log has not taken them. */
  readonly firstLsn: number | undefined;
}

/** What became of the records, as far as it is known. */
export interface Fate {
  /** Records at the beginning that are durable, without a gap, and their LSNs. */
  readonly durableRecords: number;
  readonly firstLsn: number | undefined;
  readonly lastLsn: number | undefined;
  /** What lies behind them, in the order of the input: nothing, unless the log failed. */
  readonly rest: readonly SentBatch[];
}

/** What is needed of a log. */
export type BatchLog = Pick<Log, 'appendBatch' | 'durableLsn'>;

interface Batch {
  readonly first: Place;
  last: Place;
  records: BatchRecord[];
  bytes: number;
}

/** Takes records. Rejections are the first failure of a batch; after it none is sent. */
export class BatchSender {
  readonly #log: BatchLog;
  readonly #durability: Durability;
  readonly #batchRecordsMax: number;
  #batch: Batch | undefined;
  #inFlight = 0;
  #failure: unknown;
  #wake: () => void = () => {};
  /** In the order of the input; the first ones are let go of once they are durable. */
  #sent: { batch: SentBatch }[] = [];
  #durableRecords = 0;
  #firstLsn: number | undefined;
  #lastLsn: number | undefined;

  constructor(log: BatchLog, durability: Durability, batchRecordsMax: number) {
    this.#log = log;
    this.#durability = durability;
    this.#batchRecordsMax = batchRecordsMax;
  }

  /** Takes a record, whose bytes must stay as they are until it is sent. False: await `room` before the next. */
  add(record: BatchRecord, place: Place): boolean {
    // A record that is larger than a batch goes alone.
    if (this.#batch !== undefined && this.#batch.bytes + record.data.length > BATCH_BYTES_MAX) this.#send();
    this.#batch ??= { first: place, last: place, records: [], bytes: 0 };
    this.#batch.records.push(record);
    this.#batch.last = place;
    this.#batch.bytes += record.data.length;
    if (this.#batch.records.length >= this.#batchRecordsMax || this.#inFlight === 0) this.#send();
    return this.#failure === undefined && this.#inFlight < BATCHES_IN_FLIGHT_MAX;
  }

  /** Resolves when there is room. */
  async room(): Promise<void> {
    await this.#until(() => this.#inFlight < BATCHES_IN_FLIGHT_MAX);
  }

  /** Resolves when all that was added is acknowledged; rejects when nothing is under way any more. */
  async finish(): Promise<void> {
    this.#send();
    await this.#until(() => this.#inFlight === 0);
  }

  /** Asked for after `finish` and a sync, or what came of them. */
  fate(): Fate {
    this.#letGo();
    const rest = this.#sent.map(({ batch }) => batch);
    if (this.#batch !== undefined) rest.push(sentBatch(this.#batch, undefined));
    return { durableRecords: this.#durableRecords, firstLsn: this.#firstLsn, lastLsn: this.#lastLsn, rest };
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #send(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#failure !== undefined) return;
    this.#batch = undefined;
    this.#inFlight++;
    const sent = { batch: sentBatch(batch, undefined) };
    this.#sent.push(sent);
    // The bytes are copied before the call returns.
    this.#log.appendBatch(batch.records, { durability: this.#durability }).then(
      ({ firstLsn }) => {
        sent.batch = { ...sent.batch, firstLsn };
        this.#settled();
      },
      (error: unknown) => {
        this.#failure ??= error;
        this.#settled();
      },
    );
  }

  #settled(): void {
    this.#inFlight--;
    this.#letGo();
    if (this.#inFlight === 0) this.#send();
    this.#wake();
  }

  #letGo(): void {
    const { durableLsn } = this.#log;
    let count = 0;
    for (const { batch } of this.#sent) {
      if (batch.firstLsn === undefined || lastLsnOf(batch, batch.firstLsn) > durableLsn) break;
      this.#durableRecords += batch.records;
      this.#firstLsn ??= batch.firstLsn;
      this.#lastLsn = lastLsnOf(batch, batch.firstLsn);
      count++;
    }
    if (count > 0) this.#sent = this.#sent.slice(count);
  }
}

/** The LSN of a batch's last record. */
export function lastLsnOf({ records }: SentBatch, firstLsn: number): number {
  return firstLsn + records - 1;
}

function sentBatch({ first, last, records }: Batch, firstLsn: number | undefined): SentBatch {
  return { first, last, records: records.length, firstLsn };
}
