// SPDX-License-Identifier: MIT
// One open log of the addon as one environment uses it: its state, the appends that wait for room, reads, streams by key.
// Every promise that a method hands out is settled by exactly one answer, or by close().

import type { Batch } from './batch.js';
import { Channel, type Listener } from './channel.js';
import { checkInteger } from './check.js';
import { CLOSED, closedError, type Failure, readOnlyError, SeglogError, toError, tooLarge } from './errors.js';
import { keyBytes } from './key.js';
import type { NativeAddon, NativeLog, NativeReadResult, NativeRecovery, NativeVerifyResult } from './native.js';
import { type Durability, nativeOptionValues, type ResolvedOptions } from './options.js';
import type { Damage } from './report.js';
import { StreamRef } from './stream-ref.js';
import { termsOf } from './terms.js';
import { Appended, batchResult, type Reject, type Resolve, type Waiter } from './tickets.js';
import type { AppendResult, BatchResult, LogStats } from './types.js';
import { type Waiting, WaitingQueue } from './waiting.js';

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
/** Who waits on this thread. */
const NOBODY: Waiter = { done: () => {}, fail: () => {} };
/** Of bufferedBytesMax. */
const HIGH_WATER_PART = 0.5;

export class Engine implements Listener {
  readonly options: ResolvedOptions;
  /** The index of `options.durability`. */
  readonly durabilityDefault: number;
  /** ingest() returns false when so much waits. */
  readonly highWaterBytes: number;
  readonly damage: Damage[] = [];
  readonly #native: NativeAddon;
  readonly #log: NativeLog;
  readonly #channel: Channel;
  readonly #reads = new Map<number, (result: NativeReadResult | undefined) => void>();
  readonly #verifications = new Map<number, (result: NativeVerifyResult | undefined) => void>();
  readonly #refs = new Map<string, StreamRef>();
  readonly #unwatched: number;
  readonly #queue = new WaitingQueue();
  #roomAsked = false;
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
    this.durabilityDefault = this.durabilityIndex(options.durability);
    this.#unwatched = this.durabilityIndex('none');
    this.#channel = new Channel(native, options, (stream) => this.idOf(stream), this);
    this.highWaterBytes = options.bufferedBytesMax * HIGH_WATER_PART;
    const openToken = this.#channel.tickets.add({
      done: () => {
        this.#state = 'open';
        opened(undefined);
      },
      fail: opened,
    });
    this.#log = native.open(
      directory,
      native.constants.createModes.indexOf(options.create),
      options.readOnly,
      options.onCorruption === 'skip',
      options.direct,
      nativeOptionValues(options, native.constants),
      lockOwner,
      termsOf(options),
      openToken,
      this.#channel.ring.memory,
      this.#channel.answers,
      this.#channel.wake,
    );
    this.#channel.attach(this.#log);
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
   * Hands an append over, or lets it wait where there is no room. Throws the refusal, with the caller on the stack.
   */
  append(
    stream: StreamRef,
    durability: number,
    headers: Uint8Array | undefined,
    data: string | Uint8Array,
    resolve: Resolve,
    reject: Reject,
    signal: AbortSignal | undefined,
    expectedSeq: number,
  ): void {
    this.#writable();
    if (this.#queue.length === 0) {
      const taken = this.#hand(stream, durability, headers, data, resolve, reject, expectedSeq);
      if (taken === true) return;
      if (taken !== false) throw toError(taken);
    }
    // The caller goes on with its own bytes.
    const owned = typeof data === 'string' ? data : new Uint8Array(data);
    this.#wait({
      submit: () => this.#hand(stream, durability, headers, owned, resolve, reject, expectedSeq),
      fail: (failure) => reject(toError(failure)),
      reject,
      signal,
    });
  }

  /** The same for a batch; where `always`, it may wait whatever else does. */
  appendBatch(batch: Batch, durability: number, signal: AbortSignal | undefined, always = false): Promise<BatchResult> {
    this.#prepare(batch);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        done: (firstLsn, sequences) => resolve(this.#batchResult(batch.refs, firstLsn, sequences)),
        fail: (failure) => reject(toError(failure)),
      };
      if (this.#queue.length === 0) {
        const taken = this.#handBatch(batch, durability, waiter);
        if (taken === true) return;
        if (taken !== false) throw toError(taken);
      }
      batch.own();
      const submit = () => this.#handBatch(batch, durability, waiter);
      this.#wait({ submit, fail: waiter.fail, reject, signal }, always);
    });
  }

  /**
   * Appends on this thread, behind what was handed over before: commits it all and returns when the record is as durable
   * as asked. Throws the refusal.
   */
  appendSync(
    stream: StreamRef,
    durability: number,
    headers: Uint8Array | undefined,
    data: string | Uint8Array,
  ): AppendResult {
    this.#writable();
    const none = (): void => {};
    const { firstLsn, sequences } = this.#commitHere(() => this.#hand(stream, durability, headers, data, none, none));
    return new Appended(sequences[0] ?? 0, firstLsn, stream.id ?? this.idOf(stream));
  }

  /** The same for a batch. */
  appendBatchSync(batch: Batch, durability: number): BatchResult {
    this.#prepare(batch);
    const { firstLsn, sequences } = this.#commitHere(() => this.#handBatch(batch, durability, NOBODY));
    return this.#batchResult(batch.refs, firstLsn, sequences);
  }

  /** Makes everything that was handed over durable, on this thread. */
  syncSync(): void {
    this.log();
    const channel = this.#channel;
    if (this.options.readOnly) return;
    this.#commitHere(() =>
      channel.request(channel.tickets.add(NOBODY), (log, token) => void this.#native.sync(log, token)),
    );
  }

  /** Hands a record over for which nobody waits. False once much waits. */
  ingest(stream: StreamRef, headers: Uint8Array | undefined, data: string | Uint8Array): boolean {
    const log = this.#writable();
    const channel = this.#channel;
    if (channel.ring.refuses) this.#throwRefusal(log);
    if (this.#queue.length > 0) {
      throw new SeglogError('QUEUE_FULL', 'Appends wait for room; await drain() before ingesting more');
    }
    const handle = stream.handle(this.#native, log);
    let taken: boolean | Failure = false;
    if (channel.ring.recordBytes(headers, data) <= channel.ring.entryBytesMax) {
      taken = channel.ingest(handle, this.#unwatched, headers, data);
    } else {
      const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
      taken = channel.request(0, (to, token) =>
        this.#native.append(to, handle, bytes, headers, this.#unwatched, token, 0),
      );
    }
    if (taken === false) throw new SeglogError('QUEUE_FULL', 'More is waiting to be committed than bufferedBytesMax');
    if (taken !== true) throw toError(taken);
    if (channel.ring.usedBytes() + channel.ring.calledBytes() < this.highWaterBytes) return true;
    this.#askForRoom();
    return false;
  }

  /** Resolves when less than half of bufferedBytesMax waits. */
  async drain(): Promise<void> {
    const log = this.log();
    const failure = await new Promise<Failure | undefined>((resolve) => {
      const waiter = { done: () => resolve(undefined), fail: resolve };
      this.#channel.requestAside(waiter, (to, token) => this.#native.drain(to, token));
    });
    if (failure !== undefined) throw toError(failure);
    if (!this.closed && this.#channel.ring.refuses) this.#throwRefusal(log);
  }

  /**
   * Submits behind the appends that wait, and resolves or rejects with the answer. An async function, so that the stack
   * of an error that it makes names those who await it.
   */
  async request(call: (log: NativeLog, token: number) => void): Promise<void> {
    this.log();
    const failure = await new Promise<Failure | undefined>((resolve, reject) => {
      const channel = this.#channel;
      const waiter = { done: () => resolve(undefined), fail: resolve };
      if (this.options.readOnly) {
        channel.requestAside(waiter, call);
        return;
      }
      const submit = () => channel.request(channel.tickets.add(waiter), (log, token) => void call(log, token));
      if (this.#queue.length > 0 || submit() !== true)
        this.#queueUp({ submit, fail: resolve, reject, signal: undefined });
    });
    if (failure !== undefined) throw toError(failure);
  }

  /** Undefined: the log was closed before the answer came. */
  read(read: NativeRead): Promise<NativeReadResult | undefined> {
    return new Promise((resolve) => {
      const token = this.#channel.newToken();
      const skip = this.options.onCorruption === 'skip';
      const { stream, fromSeq, toSeq, fromLsn, bytesMax, accepted, locate = false } = read;
      this.#native.read(this.log(true), stream, fromSeq, toSeq, fromLsn, bytesMax, accepted, skip, locate, token);
      this.#reads.set(token, resolve);
      this.#channel.expectOther();
    });
  }

  /**
   * `heard` is called with progress, where that is wanted, and at last with a result that is done, or with undefined
   * where the log was closed before. It must not throw. Returns what ends the verification early.
   */
  verify(withProgress: boolean, heard: (result: NativeVerifyResult | undefined) => void): () => void {
    const token = this.#channel.newToken();
    this.#native.verify(this.log(), withProgress, token);
    this.#verifications.set(token, heard);
    this.#channel.expectOther();
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
    const channel = this.#channel;
    if (checked > channel.highestLsn) channel.highestLsn = this.#native.stats(this.log()).nextLsn - 1;
    return checkInteger(checked, 'lsn', 0, channel.highestLsn);
  }

  get durableLsn(): number {
    if (this.#state !== 'closed') this.#lastDurableLsn = this.#native.durableLsn(this.#log);
    return this.#lastDurableLsn;
  }

  stats(): LogStats {
    const waitingRequests = this.#channel.tickets.pending;
    return { ...this.#native.stats(this.log(true)), waitingRequests, appendsWaiting: this.#queue.length };
  }

  /** Refuses new calls, hands over what waits, then closes or leaves. Rejects with why the log failed, if it did. */
  async close(): Promise<void> {
    const closing = this.request((log, token) => this.#native.close(log, token));
    this.#state = 'closing';
    try {
      await closing;
    } finally {
      this.release();
    }
  }

  /** Leaves the native log. Whoever waits still gets CLOSED. */
  release(): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'opening') this.#lastDurableLsn = this.#native.durableLsn(this.#log);
    this.#state = 'closed';
    this.#channel.detach();
    this.#native.release(this.#log);
    this.#channel.tickets.failAll(CLOSED);
    for (const resolve of this.#reads.values()) resolve(undefined);
    for (const heard of this.#verifications.values()) heard(undefined);
    this.#reads.clear();
    this.#verifications.clear();
  }

  readDone(result: NativeReadResult): void {
    this.#channel.otherDone();
    const resolve = this.#reads.get(result.token);
    this.#reads.delete(result.token);
    resolve?.(result);
  }

  verified(result: NativeVerifyResult): void {
    const heard = this.#verifications.get(result.token);
    if (result.done) {
      this.#channel.otherDone();
      this.#verifications.delete(result.token);
    }
    heard?.(result);
  }

  // What was answered made room for what waits.
  delivered(): void {
    if (this.#queue.length > 0) this.#pump();
  }

  // What waits for room goes first, and what has none makes it: a commit on this thread takes all that the ring holds.
  #commitHere(hand: () => boolean | Failure): { firstLsn: number; sequences: ArrayLike<number> } {
    const channel = this.#channel;
    for (;;) {
      if (this.#queue.length > 0) this.#pump();
      const taken = this.#queue.length > 0 ? false : hand();
      if (taken === true) return channel.awaitHere(this.#log, channel.tickets.last);
      if (taken !== false) throw toError(taken);
      const ticket = channel.tickets.add(NOBODY);
      channel.awaitRoomHere(this.#log, ticket);
      channel.take();
    }
  }

  #writable(): NativeLog {
    const log = this.log();
    if (this.options.readOnly) throw readOnlyError();
    return log;
  }

  #throwRefusal(log: NativeLog): void {
    const failure = this.#native.tellRefusal(log);
    if (failure !== undefined) throw toError(failure);
  }

  #hand(
    stream: StreamRef,
    durability: number,
    headers: Uint8Array | undefined,
    data: string | Uint8Array,
    resolve: Resolve,
    reject: Reject,
    expectedSeq = 0,
  ): boolean | Failure {
    const channel = this.#channel;
    if (channel.tickets.pending >= this.options.appendsWaitingMax) return false;
    const handle = stream.handle(this.#native, this.#log);
    if (channel.ring.recordBytes(headers, data) <= channel.ring.entryBytesMax) {
      return channel.append(stream, handle, durability, headers, data, resolve, reject, expectedSeq);
    }
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
    const ticket = channel.tickets.addAppend(stream, resolve, reject);
    return channel.request(ticket, (log, token) =>
      this.#native.append(log, handle, bytes, headers, durability, token, expectedSeq),
    );
  }

  // What is to be known of all records before one of them is written. Throws TypeError and TOO_LARGE.
  #prepare(batch: Batch): void {
    const log = this.#writable();
    const { batchBytesMax } = this.options;
    const bytes = batch.bytesMax <= batchBytesMax ? 0 : batch.byteCount();
    if (batch.count > 1 && bytes > batchBytesMax) {
      throw tooLarge(`the batch has ${bytes} bytes, over batchBytesMax (${batchBytesMax})`);
    }
    batch.findStreams(this.#native, log);
  }

  #handBatch(batch: Batch, durability: number, waiter: Waiter): boolean | Failure {
    const channel = this.#channel;
    if (channel.tickets.pending >= this.options.appendsWaitingMax) return false;
    if (channel.ring.takesBatch(batch)) return channel.appendBatch(durability, waiter, batch);
    const { bytes, layout } = batch.flatten();
    return channel.request(channel.tickets.add(waiter), (log, token) =>
      this.#native.appendBatch(log, bytes, layout, durability, token),
    );
  }

  #batchResult(refs: readonly StreamRef[], firstLsn: number, sequences: ArrayLike<number>): BatchResult {
    for (const ref of refs) if (ref.id === undefined) this.idOf(ref);
    return batchResult(refs, firstLsn, sequences);
  }

  #wait(waiting: Waiting, always = false): void {
    if (!always && this.#queue.length >= this.options.appendsWaitingMax) {
      throw new SeglogError(
        'QUEUE_FULL',
        `More than appendsWaitingMax (${this.options.appendsWaitingMax}) appends wait`,
      );
    }
    this.#queueUp(waiting);
  }

  #queueUp(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#askForRoom();
  }

  // One question at a time: the answer comes when fewer bytes wait than half the bound. Where it is not bytes that fill
  // the log, the next answer makes room.
  #askForRoom(): void {
    if (this.#roomAsked || this.#channel.tickets.pending >= this.options.appendsWaitingMax) return;
    this.#roomAsked = true;
    const answered = () => {
      this.#roomAsked = false;
      this.#pump();
    };
    // A failed log refuses each of those that wait, with the reason.
    this.#channel.requestAside({ done: answered, fail: answered }, (log, token) => this.#native.drain(log, token));
  }

  #pump(): void {
    if (!this.#queue.handOver()) this.#askForRoom();
  }
}
