// SPDX-License-Identifier: MIT
// What lies between one environment and the addon's log: the ring that appends are written into, the tickets of those
// who wait, and the ways to learn of answers. Normally the addon calls us. While appends follow answers at once, we look
// for answers ourselves, since a call from another thread takes longer than a small commit; bounded by `pollUsMax`, and
// only while there is a processor for each environment that has the log open, and one for its committer.

import { availableParallelism } from 'node:os';
// Not the globals: each look at those calls a getter.
import { performance } from 'node:perf_hooks';
import { nextTick } from 'node:process';
import type { Batch } from './batch.js';
import { type Failure, toError } from './errors.js';
import type { NativeAddon, NativeLog, NativeReadResult, NativeRing, NativeVerifyResult } from './native.js';
import type { ResolvedOptions } from './options.js';
import { Ring } from './ring.js';
import type { StreamRef } from './stream-ref.js';
import { type Reject, type Resolve, TICKET_MAX, Tickets, type Waiter } from './tickets.js';

const PROCESSORS = availableParallelism();
/** Answers that one call takes at most. */
const ANSWERS_MAX = 1024;
const ANSWER_NUMBERS = 3;
/** More than this is published at once, so that the committer begins while more is written. */
const PUBLISH_BYTES = 64 * 1024;
/** The ring of a larger `bufferedBytesMax`; what does not fit waits in JavaScript. */
const RING_BYTES_MAX = 256 * 1024 * 1024;
/** An append this soon after the last answer belongs to a loop that waits for answers. */
const FOLLOWS_MS = 0.5;
/** Where looking was in vain so often in a row, the disk is slower than looking is worth: seldom tried again. */
const VAIN_MAX = 3;
const VAIN_TRY_EVERY = 64;

/** What hears of answers that are no tickets'. */
export interface Listener {
  readDone(result: NativeReadResult): void;
  verified(result: NativeVerifyResult): void;
  /** After each delivery. */
  delivered(): void;
}

export class Channel {
  readonly tickets: Tickets;
  readonly ring: Ring;
  readonly answers: Float64Array = new Float64Array(1 + ANSWERS_MAX * ANSWER_NUMBERS);
  highestLsn = 0;
  readonly #native: NativeAddon;
  readonly #kinds: NativeRing;
  readonly #listener: Listener;
  readonly #pollMs: number;
  #log: NativeLog | undefined;
  #publishScheduled = false;
  #lastToken = 0;
  /** Reads and verifications that are under way. */
  #others = 0;
  #alive = true;
  #polling = false;
  #decided = false;
  #lastAnswerMs = 0;
  #vain = 0;

  constructor(
    native: NativeAddon,
    { bufferedBytesMax, commit }: ResolvedOptions,
    idOf: (stream: StreamRef) => string,
    listener: Listener,
  ) {
    this.#native = native;
    this.#kinds = native.constants.ring;
    this.#pollMs = commit.pollUsMax / 1000;
    this.#listener = listener;
    this.tickets = new Tickets(idOf);
    this.ring = new Ring(native.constants.ring, Math.min(bufferedBytesMax, RING_BYTES_MAX));
  }

  /** From now on there is a log behind it. */
  attach(log: NativeLog): void {
    this.#log = log;
  }

  /** Nothing is heard of the log any more. */
  detach(): void {
    this.#log = undefined;
  }

  /** Writes an append that `resolve` or `reject` hears of. False where there is no room. */
  append(
    stream: StreamRef,
    handle: number,
    durability: number,
    headers: Uint8Array | undefined,
    data: string | Uint8Array,
    resolve: Resolve,
    reject: Reject,
    expectedSeq: number,
  ): boolean {
    const ticket = this.tickets.addAppend(stream, resolve, reject);
    const kind = expectedSeq === 0 ? this.#kinds.append : this.#kinds.expect;
    let written = false;
    try {
      written = this.ring.writeRecord(kind, durability, ticket, handle, headers, data, expectedSeq);
    } finally {
      if (!written) this.tickets.drop(ticket);
    }
    if (!written) return false;
    this.#written();
    this.#expect();
    return true;
  }

  /** Writes a record that nobody waits for. False where there is no room. */
  ingest(handle: number, durability: number, headers: Uint8Array | undefined, data: string | Uint8Array): boolean {
    if (!this.ring.writeRecord(this.#kinds.ingest, durability, this.ring.epoch, handle, headers, data)) return false;
    this.#written();
    return true;
  }

  /** Writes a batch. False where there is no room. */
  appendBatch(durability: number, waiter: Waiter, batch: Batch): boolean {
    const ticket = this.tickets.add(waiter);
    let written = false;
    try {
      written = this.ring.writeBatch(durability, ticket, batch);
    } finally {
      if (!written) this.tickets.drop(ticket);
    }
    if (!written) return false;
    this.#written();
    this.#expect();
    return true;
  }

  /**
   * Hands over by a call what is answered under `ticket` (0: by nobody); its turn comes behind what was written before.
   * False where there is no room for it in the ring; a failure where the addon refuses it. In both cases the ticket is
   * dropped.
   */
  request(ticket: number, call: (log: NativeLog, token: number) => Failure | undefined): boolean | Failure {
    const room = this.#log !== undefined && this.ring.hasRoomForRequest();
    const refused = this.#log === undefined || !room ? false : call(this.#log, ticket);
    if (refused !== undefined) {
      if (ticket !== 0) this.tickets.drop(ticket);
      return typeof refused === 'object' && refused.code === 'QUEUE_FULL' ? false : refused;
    }
    this.ring.writeRequest();
    this.#written();
    if (ticket !== 0) this.#expect();
    return true;
  }

  /** The same for a request that has no place in the row, about what was written before. */
  requestAside(waiter: Waiter, call: (log: NativeLog, token: number) => void): void {
    if (this.#log === undefined) return;
    this.#publish();
    call(this.#log, this.tickets.add(waiter));
    this.#expect();
  }

  /**
   * Publishes, commits on this thread up to the answer of `ticket`, and frees the ticket. Throws the failure. `sequences`
   * has one number for a single append, none for what is no append.
   */
  awaitHere(log: NativeLog, ticket: number): { firstLsn: number; sequences: ArrayLike<number> } {
    this.ring.publish();
    const completion = this.#native.awaitHere(log, ticket);
    this.tickets.drop(ticket);
    if (completion?.failure !== undefined) throw toError(completion.failure);
    const [, , lsn = 0, seq = 0] = this.answers;
    const firstLsn = completion?.firstLsn ?? lsn;
    const sequences = completion?.sequences ?? (seq === 0 ? [] : [seq]);
    this.highestLsn = Math.max(this.highestLsn, firstLsn + sequences.length - 1);
    return { firstLsn, sequences };
  }

  /** Commits on this thread until there is room again. */
  awaitRoomHere(log: NativeLog, ticket: number): void {
    this.ring.publish();
    this.#native.drain(log, ticket);
    this.awaitHere(log, ticket);
  }

  /** For a read or a verification: of the size of a ticket. No read is as old as so many. */
  newToken(): number {
    this.#lastToken = this.#lastToken === TICKET_MAX ? 1 : this.#lastToken + 1;
    return this.#lastToken;
  }

  /** A read or verification was begun, or has ended. */
  expectOther(): void {
    this.#others++;
    this.#expect();
  }

  otherDone(): void {
    this.#others--;
  }

  /** Takes what was answered. */
  readonly take = (): void => {
    const { ring, tickets, answers } = this;
    ring.clearAnswers();
    for (let more = true; more && this.#log !== undefined; more = answers[0] !== 0) {
      const count = this.#native.take(this.#log);
      for (let at = 1; at <= count * ANSWER_NUMBERS; at += ANSWER_NUMBERS) {
        const lsn = answers[at + 1] ?? 0;
        if (lsn > this.highestLsn) this.highestLsn = lsn;
        tickets.done(answers[at] ?? 0, lsn, answers[at + 2] ?? 0);
      }
      if (answers[0] !== 0) this.#takeRest(this.#log);
    }
    this.#lastAnswerMs = performance.now();
    this.#decided = false;
    this.#listener.delivered();
  };

  /** The addon calls it. */
  readonly wake = (): void => {
    if (this.#log === undefined) return;
    this.take();
    if (!this.#polling) this.#keepAlive(this.#waiting);
  };

  get #waiting(): boolean {
    return this.tickets.pending > 0 || this.#others > 0;
  }

  #takeRest(log: NativeLog): void {
    const { completions, reads, verifications } = this.#native.takeRest(log);
    for (const { token, failure, firstLsn, sequences } of completions) {
      if (failure !== undefined) {
        this.tickets.fail(token, failure);
      } else {
        this.highestLsn = Math.max(this.highestLsn, firstLsn + sequences.length - 1);
        this.tickets.doneMany(token, firstLsn, sequences);
      }
    }
    for (const result of reads) this.#listener.readDone(result);
    for (const result of verifications) this.#listener.verified(result);
  }

  // Appends of one tick are published together.
  #written(): void {
    if (this.ring.unpublishedBytes >= PUBLISH_BYTES) {
      this.#publish();
    } else if (!this.#publishScheduled) {
      this.#publishScheduled = true;
      nextTick(this.#publishScheduledOnes);
    }
  }

  readonly #publishScheduledOnes = (): void => {
    this.#publishScheduled = false;
    this.#publish();
  };

  #publish(): void {
    if (this.ring.publish() && this.#log !== undefined) this.#native.rouse(this.#log);
  }

  // Somebody waits from now on. How we shall hear of the answer is decided once after each.
  #expect(): void {
    if (this.#polling || this.#decided) return;
    this.#decided = true;
    if (this.#shouldPoll()) this.#startPolling();
    else this.#keepAlive(true);
  }

  #shouldPoll(): boolean {
    if (this.#pollMs === 0 || this.#crowded || performance.now() - this.#lastAnswerMs > FOLLOWS_MS) return false;
    return this.#vain < VAIN_MAX || this.#vain++ % VAIN_TRY_EVERY === 0;
  }

  get #crowded(): boolean {
    return this.ring.sharers >= PROCESSORS;
  }

  #startPolling(): void {
    this.#polling = true;
    this.ring.setPolling(true);
    this.#lastAnswerMs = performance.now();
    setImmediate(this.#poll);
  }

  // A turn of the event loop each time, so that timers and I/O go on.
  readonly #poll = (): void => {
    if (this.#log === undefined) return;
    const answered = this.ring.hasAnswers;
    if (!answered && (this.#crowded || performance.now() - this.#lastAnswerMs > this.#pollMs)) {
      if (this.#waiting) this.#vain++;
      this.#stopPolling();
      return;
    }
    // First: who hears of the answers must not be able to end it.
    setImmediate(this.#poll);
    if (!answered) return;
    this.#vain = 0;
    this.take();
  };

  #stopPolling(): void {
    this.#polling = false;
    this.ring.setPolling(false);
    // What came before the addon could see that.
    if (this.ring.hasAnswers) this.take();
    this.#keepAlive(this.#waiting);
  }

  #keepAlive(keep: boolean): void {
    if (this.#alive === keep || this.#log === undefined) return;
    this.#alive = keep;
    this.#native.keepAlive(this.#log, keep);
  }
}
