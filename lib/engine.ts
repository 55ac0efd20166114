// SPDX-License-Identifier: MIT
// One open log of the addon as lib/ uses it: tokens and who waits for them, the appends that wait for room, and the
// streams by key. Every promise that a method hands out is settled by exactly one answer, or by close().

import { checkInteger } from './check.js';
import { CLOSED, closedError, type Failure, SeglogError, toError } from './errors.js';
import { keyBytes } from './key.js';
import type {
  Deliver,
  NativeAddon,
  NativeLog,
  NativeReadResult,
  NativeRecovery,
  NativeVerifyResult,
} from './native.js';
import { type Durability, nativeOptionValues, type ResolvedOptions } from './options.js';
import type { Damage } from './report.js';
import { StreamRef } from './stream-ref.js';
import type { LogStats } from './types.js';

/** Who waits for an answer that is no read. `numbers[at]` to `numbers[at + count - 1]` are the sequences. */
export interface Waiter {
  done(firstLsn: number, numbers: Float64Array, at: number, count: number): void;
  fail(failure: Failure): void;
}

/** What can be handed to the addon now, or wait for room and be handed over later. */
export interface Submission {
  /** Hands it over; undefined when the addon has taken it. */
  submit(token: number): Failure | undefined;
  /** Copies what belongs to the caller: submit is called again after the caller has gone on. */
  own(): void;
  readonly waiter: Waiter;
  readonly signal: AbortSignal | undefined;
}

export interface NativeRead {
  readonly stream: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly fromLsn: number;
  readonly bytesMax: number;
  readonly accepted: boolean;
  /** The result says where its first record lies. */
  readonly locate?: boolean;
}

/** Keys whose streams are remembered; more are looked up again. */
const KEYS_REMEMBERED_MAX = 65_536;
/** How much damage log.damage keeps. */
const DAMAGE_KEPT_MAX = 1000;
/** ingest() returns false when this part of bufferedBytesMax was submitted since there was room last. */
const HIGH_WATER_PART = 0.25;

export class Engine {
  readonly options: ResolvedOptions;
  readonly damage: Damage[] = [];
  readonly #native: NativeAddon;
  readonly #log: NativeLog;
  readonly #waiters = new Map<number, Waiter>();
  readonly #reads = new Map<number, (result: NativeReadResult | undefined) => void>();
  readonly #verifications = new Map<number, (result: NativeVerifyResult | undefined) => void>();
  readonly #refs = new Map<string, StreamRef>();
  #queue: Submission[] = [];
  #queueStart = 0;
  #drainAsked = false;
  #nextToken = 1;
  #submittedBytes = 0;
  #highestLsn = 0;
  #state: 'opening' | 'open' | 'closing' | 'closed' = 'opening';
  #lastDurableLsn = 0;

  /** Starts opening; `opened` is called with the answer. */
  constructor(
    native: NativeAddon,
    directory: string,
    options: ResolvedOptions,
    lockOwner: string,
    opened: (failure: Failure | undefined) => void,
  ) {
    this.options = options;
    this.#native = native;
    const openToken = this.#nextToken++;
    const deliver: Deliver = (completions, failures, reads, verifications) => {
      if (!this.#waiters.has(openToken)) return this.#deliver(completions, failures, reads, verifications);
      this.#waiters.delete(openToken);
      if (failures.length === 0) this.#state = 'open';
      opened(failures[0]?.failure);
    };
    this.#waiters.set(openToken, { done: () => {}, fail: () => {} });
    this.#log = native.open(
      directory,
      native.constants.createModes.indexOf(options.create),
      options.readOnly,
      options.onCorruption === 'skip',
      options.direct,
      nativeOptionValues(options, native.constants),
      lockOwner,
      openToken,
      deliver,
    );
  }

  get native(): NativeAddon {
    return this.#native;
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** The addon's log. Throws CLOSED once close() was called, or, where `whileClosing`, once it has ended. */
  log(whileClosing = false): NativeLog {
    if (this.#state === 'closed' || (this.#state === 'closing' && !whileClosing)) throw closedError();
    return this.#log;
  }

  recovery(): NativeRecovery {
    return this.#native.recovery(this.#log);
  }

  /** The stream of a key, which need not exist. Throws TypeError and RangeError. */
  refOf(key: unknown): StreamRef {
    const known = typeof key === 'string' ? this.#refs.get(key) : undefined;
    if (known !== undefined) return known;
    const ref = new StreamRef(keyBytes(key));
    if (typeof key !== 'string') return ref;
    if (this.#refs.size >= KEYS_REMEMBERED_MAX) this.#refs.clear();
    this.#refs.set(key, ref);
    return ref;
  }

  /** The id of a stream that has records. */
  idOf(ref: StreamRef): string {
    ref.id ??= this.#native.describe(this.log(true), ref.find(this.#native, this.log(true)))?.id;
    if (ref.id === undefined) throw new SeglogError('NOT_FOUND', `The stream ${String(ref.key)} has no records`);
    return ref.id;
  }

  durabilityIndex(durability: Durability): number {
    return this.#native.constants.durabilities.indexOf(durability);
  }

  /**
   * Hands an append over, or queues it where there is no room. Throws the refusal, with the caller on the stack.
   */
  append(submission: Submission, byteCount: number): void {
    this.log();
    if (this.#queueLength === 0) {
      const failure = this.#submit(submission);
      this.#submittedBytes += byteCount;
      if (failure === undefined) return;
      if (failure.code !== 'QUEUE_FULL') throw toError(failure);
    }
    if (this.#queueLength >= this.options.appendsWaitingMax) {
      throw new SeglogError(
        'QUEUE_FULL',
        `More than appendsWaitingMax (${this.options.appendsWaitingMax}) appends wait`,
      );
    }
    submission.own();
    this.#queue.push(submission);
    this.#askForRoom();
  }

  /** Hands a record over for which nobody waits. False once much was submitted since there was room last. */
  ingest(submit: (log: NativeLog) => Failure | undefined, byteCount: number): boolean {
    const log = this.log();
    if (this.#queueLength > 0) {
      throw new SeglogError('QUEUE_FULL', 'Appends wait for room; await drain() before ingesting more');
    }
    const failure = submit(log);
    if (failure !== undefined) throw toError(failure);
    this.#submittedBytes += byteCount;
    if (this.#submittedBytes < this.options.bufferedBytesMax * HIGH_WATER_PART) return true;
    this.#askForRoom();
    return false;
  }

  /**
   * Submits behind the appends that wait, and resolves or rejects with the answer. An async function, so that the stack
   * of an error that it makes names those who await it.
   */
  async request(submit: (log: NativeLog, token: number) => void): Promise<void> {
    const log = this.log();
    const failure = await new Promise<Failure | undefined>((resolve) => {
      const submission: Submission = {
        submit: (token) => void submit(log, token),
        own: () => {},
        waiter: { done: () => resolve(undefined), fail: resolve },
        signal: undefined,
      };
      if (this.#queueLength === 0) this.#submit(submission);
      else this.#queue.push(submission);
    });
    if (failure !== undefined) throw toError(failure);
  }

  /** Undefined: the log was closed before the answer came. */
  read(read: NativeRead): Promise<NativeReadResult | undefined> {
    return new Promise((resolve) => {
      const token = this.#nextToken++;
      const skip = this.options.onCorruption === 'skip';
      const { stream, fromSeq, toSeq, fromLsn, bytesMax, accepted, locate = false } = read;
      this.#native.read(this.log(true), stream, fromSeq, toSeq, fromLsn, bytesMax, accepted, skip, locate, token);
      this.#reads.set(token, resolve);
    });
  }

  /**
   * `heard` is called with progress, where that is wanted, and at last with a result that is done, or with undefined
   * where the log was closed before. It must not throw. Returns what ends the verification early.
   */
  verify(withProgress: boolean, heard: (result: NativeVerifyResult | undefined) => void): () => void {
    const token = this.#nextToken++;
    this.#native.verify(this.log(), withProgress, token);
    this.#verifications.set(token, heard);
    return () => {
      if (this.#verifications.has(token)) this.#native.cancelVerify(this.#log, token);
    };
  }

  noteDamage(damage: Damage): void {
    if (this.damage.length < DAMAGE_KEPT_MAX) this.damage.push(damage);
  }

  /** A safe integer that was given out as an LSN, or RangeError. */
  checkLsn(lsn: unknown): number {
    const checked = checkInteger(lsn, 'lsn');
    if (checked > this.#highestLsn) this.#highestLsn = this.#native.stats(this.log()).nextLsn - 1;
    return checkInteger(checked, 'lsn', 0, this.#highestLsn);
  }

  get durableLsn(): number {
    if (this.#state !== 'closed') this.#lastDurableLsn = this.#native.durableLsn(this.#log);
    return this.#lastDurableLsn;
  }

  stats(): LogStats {
    return { ...this.#native.stats(this.log(true)), appendsWaiting: this.#queueLength };
  }

  /** Refuses new calls, hands over what waits, then closes. Rejects with why the log failed, if it did. */
  async close(): Promise<void> {
    const closing = this.request((log, token) => this.#native.close(log, token));
    this.#state = 'closing';
    try {
      await closing;
    } finally {
      this.release();
    }
  }

  /** Lets go of the native log. Whoever waits still gets CLOSED. */
  release(): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'opening') this.#lastDurableLsn = this.#native.durableLsn(this.#log);
    this.#state = 'closed';
    this.#native.release(this.#log);
    for (const waiter of this.#waiters.values()) waiter.fail(CLOSED);
    for (const resolve of this.#reads.values()) resolve(undefined);
    for (const heard of this.#verifications.values()) heard(undefined);
    this.#waiters.clear();
    this.#reads.clear();
    this.#verifications.clear();
  }

  get #queueLength(): number {
    return this.#queue.length - this.#queueStart;
  }

  #submit(submission: Submission): Failure | undefined {
    const token = this.#nextToken++;
    const failure = submission.submit(token);
    if (failure === undefined) this.#waiters.set(token, submission.waiter);
    return failure;
  }

  // One question at a time: the answer comes when fewer bytes wait than half the bound.
  #askForRoom(): void {
    if (this.#drainAsked) return;
    this.#drainAsked = true;
    const token = this.#nextToken++;
    const answered = () => {
      this.#drainAsked = false;
      this.#submittedBytes = 0;
      this.#pump();
    };
    // A failed log refuses each of those that wait, with the reason.
    this.#waiters.set(token, { done: answered, fail: answered });
    this.#native.drain(this.#log, token);
  }

  #pump(): void {
    while (this.#queueStart < this.#queue.length) {
      const head = this.#queue[this.#queueStart];
      if (head === undefined) break;
      if (!head.signal?.aborted) {
        const failure = this.#submit(head);
        if (failure?.code === 'QUEUE_FULL') {
          this.#askForRoom();
          break;
        }
        if (failure !== undefined) head.waiter.fail(failure);
      }
      this.#queueStart++;
    }
    // Gives back what was handed over, in pieces, so that a long queue does not move for each of them.
    if (this.#queueStart === this.#queue.length || this.#queueStart >= 4096) {
      this.#queue = this.#queue.slice(this.#queueStart);
      this.#queueStart = 0;
    }
  }

  readonly #deliver: Deliver = (completions, failures, reads, verifications) => {
    for (const { token, failure } of failures) {
      const waiter = this.#waiters.get(token);
      this.#waiters.delete(token);
      waiter?.fail(failure);
    }
    for (let at = 0; at < completions.length; ) {
      const token = completions[at] ?? 0;
      const firstLsn = completions[at + 2] ?? 0;
      const count = completions[at + 3] ?? 0;
      if (completions[at + 1] === 1 && token !== 0) {
        const waiter = this.#waiters.get(token);
        this.#waiters.delete(token);
        if (count > 0 && firstLsn + count - 1 > this.#highestLsn) this.#highestLsn = firstLsn + count - 1;
        waiter?.done(firstLsn, completions, at + 4, count);
      }
      at += 4 + count;
    }
    for (const result of reads) {
      const resolve = this.#reads.get(result.token);
      this.#reads.delete(result.token);
      resolve?.(result);
    }
    for (const result of verifications) {
      const heard = this.#verifications.get(result.token);
      if (result.done) this.#verifications.delete(result.token);
      heard?.(result);
    }
  };
}
