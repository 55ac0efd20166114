// SPDX-License-Identifier: MIT
// Who waits for which answer. A ticket is the token of an append or request; the slot that it names holds what settles
// it, in arrays of their own, since an object per append would cost about as much as the append.

import { type Failure, toError } from './errors.js';
import type { StreamRef } from './stream-ref.js';
import type { AppendResult, BatchResult } from './types.js';

/** Who waits for an answer that is not one append's. */
export interface Waiter {
  /** Of a batch: the LSN of its first record, and the sequences of all. Of other requests 0 and none. */
  done(firstLsn: number, sequences: ArrayLike<number>): void;
  fail(failure: Failure): void;
}

export type Resolve = (result: AppendResult) => void;
export type Reject = (error: unknown) => void;

const SLOTS_AT_FIRST = 256;
/** Tickets and other tokens cross as 31 bits. */
export const TICKET_MAX = 0x7fffffff;
const NO_SEQUENCES: ArrayLike<number> = [];

/** What an append resolves with. */
export class Appended implements AppendResult {
  readonly seq: number;
  readonly lsn: number;
  readonly #streamId: string;

  constructor(seq: number, lsn: number, streamId: string) {
    this.seq = seq;
    this.lsn = lsn;
    this.#streamId = streamId;
  }

  get ref(): string {
    return formatRef(this.#streamId, this.seq, this.lsn);
  }
}

/** What a batch resolves with. Its records are made when somebody looks at them: not everybody does. */
export function batchResult(refs: readonly StreamRef[], firstLsn: number, sequences: ArrayLike<number>): BatchResult {
  let records: AppendResult[] | undefined;
  return {
    firstLsn,
    get records() {
      records ??= refs.map((ref, index) => new Appended(sequences[index] ?? 0, firstLsn + index, ref.id ?? ''));
      return records;
    },
  };
}

/** A record's `ref`. */
export function formatRef(streamId: string, seq: number, lsn: number): string {
  return `${streamId}-${seq}-${lsn}`;
}

export class Tickets {
  readonly #idOf: (stream: StreamRef) => string;
  /** By slot, the ticket that has it; 0: free. */
  #tickets: number[];
  #resolves: (Resolve | undefined)[];
  #rejects: (Reject | undefined)[];
  #streams: (StreamRef | undefined)[];
  #waiters: (Waiter | undefined)[];
  #mask: number = SLOTS_AT_FIRST - 1;
  #last = 0;
  #pending = 0;

  /** `idOf` is asked once for each stream, when its first append is answered. */
  constructor(idOf: (stream: StreamRef) => string) {
    this.#idOf = idOf;
    this.#tickets = new Array(SLOTS_AT_FIRST).fill(0);
    this.#resolves = new Array(SLOTS_AT_FIRST).fill(undefined);
    this.#rejects = new Array(SLOTS_AT_FIRST).fill(undefined);
    this.#streams = new Array(SLOTS_AT_FIRST).fill(undefined);
    this.#waiters = new Array(SLOTS_AT_FIRST).fill(undefined);
  }

  /** Tickets that were given out and not answered. */
  get pending(): number {
    return this.#pending;
  }

  /** The ticket that was given out last. */
  get last(): number {
    return this.#last;
  }

  /** A ticket for one append to `stream`. */
  addAppend(stream: StreamRef, resolve: Resolve, reject: Reject): number {
    const ticket = this.#take();
    const slot = ticket & this.#mask;
    this.#streams[slot] = stream;
    this.#resolves[slot] = resolve;
    this.#rejects[slot] = reject;
    return ticket;
  }

  /** A ticket for something else. */
  add(waiter: Waiter): number {
    const ticket = this.#take();
    this.#waiters[ticket & this.#mask] = waiter;
    return ticket;
  }

  /** The ticket was not used after all. */
  drop(ticket: number): void {
    this.#free(ticket & this.#mask);
  }

  done(ticket: number, lsn: number, seq: number): void {
    const slot = ticket & this.#mask;
    const resolve = this.#resolves[slot];
    const stream = this.#streams[slot];
    const waiter = this.#waiters[slot];
    this.#free(slot);
    if (resolve !== undefined && stream !== undefined) {
      resolve(new Appended(seq, lsn, stream.id ?? this.#idOf(stream)));
    } else {
      waiter?.done(lsn, seq === 0 ? NO_SEQUENCES : [seq]);
    }
  }

  doneMany(ticket: number, firstLsn: number, sequences: ArrayLike<number>): void {
    const slot = ticket & this.#mask;
    const waiter = this.#waiters[slot];
    this.#free(slot);
    waiter?.done(firstLsn, sequences);
  }

  // The stack of a failure that comes later does not name the caller: that would cost an async function per append.
  fail(ticket: number, failure: Failure): void {
    const slot = ticket & this.#mask;
    const reject = this.#rejects[slot];
    const waiter = this.#waiters[slot];
    this.#free(slot);
    if (reject !== undefined) reject(toError(failure));
    else waiter?.fail(failure);
  }

  failAll(failure: Failure): void {
    for (const ticket of this.#tickets.filter((each) => each !== 0)) this.fail(ticket, failure);
  }

  // Nothing is left in a freed slot: it would live until the slot is used again.
  #free(slot: number): void {
    this.#tickets[slot] = 0;
    this.#resolves[slot] = undefined;
    this.#rejects[slot] = undefined;
    this.#streams[slot] = undefined;
    this.#waiters[slot] = undefined;
    this.#pending--;
  }

  // The next number whose slot is free: one that waits for long is passed by.
  #take(): number {
    if (this.#pending > this.#mask / 2) this.#grow();
    do this.#last = this.#last === TICKET_MAX ? 1 : this.#last + 1;
    while (this.#tickets[this.#last & this.#mask] !== 0);
    this.#tickets[this.#last & this.#mask] = this.#last;
    this.#pending++;
    return this.#last;
  }

  #grow(): void {
    const slots = 2 * (this.#mask + 1);
    const moved = <T>(values: readonly T[], empty: T): T[] => {
      const larger: T[] = new Array(slots).fill(empty);
      for (const [slot, ticket] of this.#tickets.entries()) {
        const value = values[slot];
        if (ticket !== 0 && value !== undefined) larger[ticket & (slots - 1)] = value;
      }
      return larger;
    };
    const resolves = moved(this.#resolves, undefined);
    const rejects = moved(this.#rejects, undefined);
    const streams = moved(this.#streams, undefined);
    const waiters = moved(this.#waiters, undefined);
    this.#tickets = moved(this.#tickets, 0);
    this.#resolves = resolves;
    this.#rejects = rejects;
    this.#streams = streams;
    this.#waiters = waiters;
    this.#mask = slots - 1;
  }
}
