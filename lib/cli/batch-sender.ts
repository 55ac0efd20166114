// SPDX-License-Identifier: MIT
// Hands records to a log as fast as it takes them, in batches of which a bounded number is under way. What waits for
// a batch to fill is sent as soon as nothing is under way, so that a slow input is not kept waiting.

import type { BatchRecord, Durability, Log } from '../index.js';

const BATCHES_IN_FLIGHT_MAX = 8;
const BATCH_BYTES_MAX = 2 ** 20;

/** Takes records; `acknowledged` of them are as safe as the mode says. */
export interface Sender {
  readonly acknowledged: number;
  /** Takes a record, or copies it. False: await `room` before the next. */
  add(record: BatchRecord): boolean;
  /** Resolves when there is room. Rejects where the log refused something. */
  room(): Promise<void>;
  /** Resolves when all that was added is acknowledged; rejects as `room` does. */
  finish(): Promise<void>;
}

/** Batches under `'sync'` and `'os'`, single records under `'none'`. */
export function senderFor(log: Log, durability: Durability, batchRecordsMax: number): Sender {
  return durability === 'none' ? new IngestSender(log) : new BatchSender(log, durability, batchRecordsMax);
}

class IngestSender implements Sender {
  readonly #log: Log;
  acknowledged = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  add({ key, data }: BatchRecord): boolean {
    const hasRoom = this.#log.ingest(key, data);
    this.acknowledged++;
    return hasRoom;
  }

  room(): Promise<void> {
    return this.#log.drain();
  }

  finish(): Promise<void> {
    return this.#log.drain();
  }
}

class BatchSender implements Sender {
  readonly #log: Log;
  readonly #durability: Durability;
  readonly #batchRecordsMax: number;
  #batch: BatchRecord[] = [];
  #batchBytes = 0;
  #inFlight = 0;
  #failure: unknown;
  #wake: () => void = () => {};
  acknowledged = 0;

  constructor(log: Log, durability: Durability, batchRecordsMax: number) {
    this.#log = log;
    this.#durability = durability;
    this.#batchRecordsMax = batchRecordsMax;
  }

  add(record: BatchRecord): boolean {
    // A record that is larger than a batch goes alone.
    if (this.#batchBytes + record.data.length > BATCH_BYTES_MAX) this.#send();
    this.#batch.push(record);
    this.#batchBytes += record.data.length;
    if (this.#batch.length >= this.#batchRecordsMax || this.#inFlight === 0) this.#send();
    return this.#failure === undefined && this.#inFlight < BATCHES_IN_FLIGHT_MAX;
  }

  async room(): Promise<void> {
    await this.#until(() => this.#inFlight < BATCHES_IN_FLIGHT_MAX);
  }

  async finish(): Promise<void> {
    this.#send();
    await this.#until(() => this.#inFlight === 0);
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
    const count = this.#batch.length;
    if (count === 0 || this.#failure !== undefined) return;
    this.#inFlight++;
    // The bytes are copied before the call returns.
    const sent = this.#log.appendBatch(this.#batch, { durability: this.#durability });
    this.#batch = [];
    this.#batchBytes = 0;
    sent.then(
      () => this.#settled(count, undefined),
      (error: unknown) => this.#settled(0, error),
    );
  }

  #settled(acknowledged: number, failure: unknown): void {
    this.#inFlight--;
    this.acknowledged += acknowledged;
    this.#failure ??= failure;
    if (this.#inFlight === 0) this.#send();
    this.#wake();
  }
}
