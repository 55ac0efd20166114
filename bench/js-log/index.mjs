// SPDX-License-Identifier: MIT
// A log of format version 1 in plain JavaScript, written from docs/format.md and docs/durability.md alone: the baseline
// that the native log is compared with, and the check that those pages suffice for a writer. It shares nothing with `lib`
// and `native`.
//
// It makes a log, or opens one that it closed itself, and appends; the native log reads what it wrote, recovers it after
// a crash, and can go on with it. Left out, as the format allows: sealing, shared segments of tiny streams, truncation,
// the weaker modes, and replaying a journal. Keys are strings. A full disk is a failure. It writes LOCK but cannot hold
// it (JavaScript has no flock): that no native writer opens the directory meanwhile is up to the caller.
//
// Every commit is one write with O_DSYNC of everything that was accepted while the write before was under way.

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalogue } from './catalogue.mjs';
import { Checkpointer } from './checkpoint.mjs';
import { Commit } from './commit.mjs';
import { JsLogError, makeDirectory, releaseLock, syncDirectory, takeLock, unlinkFile } from './files.mjs';
import { encodeUserHeaders } from './headers.mjs';
import { CreateStream, FRAME_HEADER_BYTES, Frame, frameBytesFor, Rotate, recordBytesMax } from './items.mjs';
import { blockBytesFor, encodeBlock, Journal } from './journal.mjs';
import { alignUp, Memory, PAGE_BYTES } from './memory.mjs';
import { Segment, Stream } from './segment.mjs';

export { JsLogError };

const DEFAULTS = {
  segmentBytes: 67_108_864,
  journalFirstBytes: 1_048_576,
  journalFileBytes: 16_777_216,
  journalLiveBytesMax: 67_108_864,
  frameBytesMax: 65_536,
  commitBytesMax: 4_194_304,
  bufferedBytesMax: 16_777_216,
  destageBytes: 524_288,
  carryBytesMax: 131_072,
};
const KEY_BYTES_MAX = 1024;
const RECORD_DATA_BYTES_MAX = 134_217_728;
const BATCH_BYTES_MAX = 134_217_728;
const MARK_DELAY_MS = 5;
/** A block, and the page of zeros behind it. */
const BLOCK_BUFFER_BYTES = 1_048_576;
const SPARE_COMMITS_MAX = 4;

/** Set by `keepResolve`, one executor for all promises. */
let keptResolve;
function keepResolve(resolve) {
  keptResolve = resolve;
}

const OPTION_MIN = PAGE_BYTES;
const OPTION_MAX = { frameBytesMax: 524_288, segmentBytes: 17_179_869_184 };

function resolveOptions(options) {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw new TypeError(`Expected an option of the log but received ${name}`);
    const max = OPTION_MAX[name] ?? 1_073_741_824;
    if (!Number.isInteger(value) || value < OPTION_MIN || value > max) {
      throw new RangeError(`Expected ${name} from ${OPTION_MIN} to ${max} but received ${value}`);
    }
  }
  const all = { ...DEFAULTS, ...options };
  // The headers of a journal file and a block take three pages.
  for (const name of ['journalFirstBytes', 'journalFileBytes']) {
    all[name] = Math.max(3 * PAGE_BYTES, alignUp(all[name], PAGE_BYTES));
  }
  // When a next file exceeds the bound, a checkpoint has to be due: see there.
  all.journalLiveBytesMax = Math.max(all.journalLiveBytesMax, 2 * all.journalFileBytes);
  return all;
}

/** Opens the log in `directory`, or makes one there. Rejects with a `JsLogError`. */
export async function openJsLog(directory, options = {}) {
  const resolved = resolveOptions(options);
  await makeDirectory(directory);
  const entries = readdirSync(directory).filter((name) => name !== 'LOCK');
  if (entries.length > 0 && !existsSync(join(directory, 'CATALOG'))) {
    throw new JsLogError('NOT_CLEAN', `${directory} is not empty and has no catalogue`);
  }
  takeLock(directory);
  try {
    const stored = entries.length > 0 ? readCatalogue(directory) : undefined;
    const log = new JsLog(directory, resolved, stored);
    await log.begin();
    return log;
  } catch (error) {
    releaseLock(directory);
    throw error;
  }
}

class JsLog {
  // What the checkpointer and the journal see.
  directory;
  options;
  uuid;
  streams;
  snapshot;
  /** Segments with durable bytes that are not in their files. */
  pendingSegments = new Set();
  /** The last durable commit, and the last LSN up to it. */
  mark;
  durableLsn;
  journal;

  #byKey = new Map();
  #checkpointer;
  #clock;
  #nextLsn;
  #idsGiven = 0;
  #session;
  /** Commits that wait; the last one takes what is accepted. */
  #queue = [];
  #spare = [];
  #block = Memory.aligned(BLOCK_BUFFER_BYTES);
  #writing = null;
  #scheduled = false;
  #waitingBytes = 0;
  #drains = [];
  #markTimer;
  #markDue = false;
  #failure = null;
  #closing = null;

  constructor(directory, options, stored) {
    this.directory = directory;
    this.options = options;
    this.uuid = stored?.uuid ?? randomBytes(16);
    this.streams = stored?.streams ?? [];
    this.snapshot = stored?.snapshot ?? 0;
    this.mark = stored?.mark ?? 0;
    this.#nextLsn = stored?.nextLsn ?? 1;
    this.durableLsn = this.#nextLsn - 1;
    this.#clock = Math.max(stored?.time ?? 0, Date.now() * 1000) - performance.now() * 1000;
    const highest = Math.max(stored?.highestGeneration ?? 0, ...this.#storedGenerations());
    this.journal = new Journal(join(directory, 'journal'), this.uuid, highest, options, (error) => this.fail(error));
    this.#session = highest + 1;
    this.#checkpointer = new Checkpointer(this);
    for (const stream of this.streams) {
      const key = stream.key.toString();
      if (!Buffer.from(key).equals(stream.key)) throw new JsLogError('UNSUPPORTED', 'A key is not UTF-8');
      this.#byKey.set(key, stream);
    }
  }

  #storedGenerations() {
    const path = join(this.directory, 'journal');
    const names = existsSync(path) ? readdirSync(path) : [];
    return names.filter((name) => name.endsWith('.journal')).map((name) => Number.parseInt(name, 10));
  }

  /** Begins a session: a new journal file, and a snapshot that starts there. Older files are of no use then. */
  async begin() {
    const old = this.#storedGenerations();
    for (const name of ['journal', 'streams', 'shared', 'free']) await makeDirectory(join(this.directory, name));
    await syncDirectory(join(this.directory, 'journal'));
    await this.journal.begin();
    await this.#checkpointer.begin();
    for (const generation of old) {
      await unlinkFile(join(this.directory, 'journal', `${String(generation).padStart(20, '0')}.journal`));
    }
    this.#markTimer = setTimeout(this.#commitMark, MARK_DELAY_MS).unref();
  }

  /**
   * Adds a record; `data` is copied at once. Resolves with `{ seq, lsn }` when it is durable: it and all before it are
   * synced. Rejects with `QUEUE_FULL`, having changed nothing, when `bufferedBytesMax` is used up.
   */
  append(key, data, headers) {
    try {
      const stream = this.#accept(key, data, headers);
      const promise = new Promise(keepResolve);
      stream.frame.commit.promise(keptResolve, stream.nextSequence - 1, this.#nextLsn - 1);
      return promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Records `{ key, data, headers? }` of any streams in one commit: all of them survive, or none. */
  async appendBatch(records) {
    this.#throwIfClosed();
    let bytes = 0;
    const checked = records.map(({ key, data, headers }) => {
      if (!this.#byKey.has(key)) checkKey(key);
      const [encoded, dataBytes] = [encodeUserHeaders(headers), dataBytesOf(data)];
      const recordMax = recordBytesMax(dataBytes, encoded);
      bytes += recordMax;
      return { key, data, dataBytes, encoded, recordMax };
    });
    if (records.length === 0) return [];
    if (bytes > BATCH_BYTES_MAX) throw new JsLogError('TOO_LARGE', `A batch of ${bytes} bytes`);
    this.#checkRoom(bytes);
    const commit = this.#commitFor(bytes);
    const places = checked.map(({ key, data, dataBytes, encoded, recordMax }) => {
      const stream = this.#byKey.get(key) ?? this.#create(commit, key);
      this.#add(commit, stream, data, dataBytes, encoded, recordMax);
      return { seq: stream.nextSequence - 1, lsn: this.#nextLsn - 1 };
    });
    return await new Promise((resolve) => commit.wait(resolve, places));
  }

  /** Adds a record that nobody waits for. False: much is waiting, so await `drain()`. Throws what `append` rejects with. */
  ingest(key, data, headers) {
    this.#accept(key, data, headers);
    return this.#waitingBytes * 2 < this.options.bufferedBytesMax;
  }

  /** Resolves when there is room again. */
  async drain() {
    this.#throwIfFailed();
    if (this.#waitingBytes * 2 < this.options.bufferedBytesMax) return;
    await new Promise((resolve) => this.#drains.push(resolve));
  }

  /** Resolves when everything accepted so far is durable. */
  async sync() {
    this.#throwIfFailed();
    const commit = this.#queue.at(-1) ?? this.#writing;
    if (commit !== null) await new Promise((resolve) => commit.wait(resolve, undefined));
  }

  /** Makes everything durable, brings all of it into segment files, and says in the catalogue that the log was closed. */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    clearTimeout(this.#markTimer);
    try {
      await this.sync();
      await this.#checkpointer.finish();
      await this.journal.close();
    } finally {
      releaseLock(this.directory);
    }
  }

  // What the checkpointer and the journal call.

  /** Log time in microseconds: the wall clock at opening, or the latest that is stored, and what passed since. */
  now() {
    return Math.floor(this.#clock + performance.now() * 1000);
  }

  /** Of the first journal file that is still needed. */
  startGeneration() {
    let start = this.journal.current.generation;
    for (const { oldestGeneration } of this.pendingSegments) start = Math.min(start, oldestGeneration);
    return start;
  }

  order(item) {
    this.#commitFor(item.storedBytes).items.push(item);
  }

  /** Moves an open segment's end to a page, so that its file can hold all of it. */
  orderFiller(segment) {
    if (segment.stream.open !== segment) return;
    segment.stream.frame?.close();
    if (segment.end % PAGE_BYTES === 0) return;
    const bytes = alignUp(segment.end + FRAME_HEADER_BYTES, PAGE_BYTES) - segment.end;
    const commit = this.#commitFor(bytes);
    const frame = new Frame(commit, segment, this.#nextLsn, bytes, this.options.frameBytesMax);
    commit.items.push(frame);
    frame.fill(bytes);
  }

  /** The first failure ends the log for writing. Nothing is tried again: see docs/durability.md. */
  fail(cause) {
    if (this.#failure !== null) return;
    this.#failure = new JsLogError('FAILED', `The log failed: ${cause.message}`, cause);
    for (const commit of [this.#writing, ...this.#queue]) commit?.fail(this.#failure);
    this.#queue = [];
    for (const resolve of this.#drains.splice(0)) resolve(Promise.reject(this.#failure));
  }

  // Accepting.

  #accept(key, data, headers) {
    this.#throwIfClosed();
    const known = this.#byKey.get(key);
    if (known === undefined) checkKey(key);
    const encoded = headers === undefined ? null : encodeUserHeaders(headers);
    const dataBytes = dataBytesOf(data);
    const recordMax = recordBytesMax(dataBytes, encoded);
    this.#checkRoom(recordMax);
    const commit = this.#commitFor(recordMax);
    const stream = known ?? this.#create(commit, key);
    this.#add(commit, stream, data, dataBytes, encoded, recordMax);
    return stream;
  }

  #throwIfFailed() {
    if (this.#failure !== null) throw this.#failure;
  }

  #throwIfClosed() {
    this.#throwIfFailed();
    if (this.#closing !== null) throw new JsLogError('CLOSED', 'The log is closed');
  }

  #checkRoom(bytes) {
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.options.bufferedBytesMax) {
      throw new JsLogError('QUEUE_FULL', `${this.#waitingBytes} bytes wait already`);
    }
  }

  /** The commit that takes what comes now, or the next one where `bytes` more would be too many for it. */
  #commitFor(bytes) {
    let commit = this.#queue[this.#queue.length - 1];
    if (commit === undefined || (commit.bytes > 0 && commit.bytes + bytes > this.options.commitBytesMax)) {
      commit = (this.#spare.pop() ?? new Commit()).begin(this.#nextLsn);
      this.#queue.push(commit);
      this.#schedule();
    }
    commit.bytes += bytes;
    this.#waitingBytes += bytes;
    return commit;
  }

  #create(commit, key) {
    const stream = new Stream(Buffer.from(key), this.#newId(), this.now());
    this.#byKey.set(key, stream);
    this.streams.push(stream);
    commit.items.push(new CreateStream(stream));
    return stream;
  }

  /** Unique in the log: no other session began with this generation. */
  #newId() {
    return { low: ++this.#idsGiven, high: this.#session };
  }

  #add(commit, stream, data, dataBytes, headers, recordMax) {
    const lsn = this.#nextLsn++;
    let { frame } = stream;
    if (frame === null || frame.commit !== commit || !frame.takes(lsn, recordMax)) {
      frame = this.#beginFrame(commit, stream, lsn, recordMax);
    }
    frame.add(lsn, data, dataBytes, headers);
    stream.nextSequence++;
    commit.lsnLimit = lsn + 1;
  }

  #beginFrame(commit, stream, lsn, recordMax) {
    stream.frame?.close();
    let segment = stream.open;
    const isFull = segment !== undefined && segment.end + frameBytesFor(recordMax) > this.options.segmentBytes;
    if (segment === undefined || (isFull && segment.end > PAGE_BYTES)) segment = this.#rotate(commit, stream, segment);
    stream.frame = new Frame(commit, segment, lsn, recordMax, this.options.frameBytesMax);
    commit.items.push(stream.frame);
    return stream.frame;
  }

  #rotate(commit, stream, old) {
    const previousId = old?.id ?? { low: 0, high: 0 };
    const segment = new Segment(stream, this.#newId(), stream.nextSequence, this.now(), previousId);
    segment.chunkBytes = old?.chunkBytes ?? segment.chunkBytes;
    commit.items.push(new Rotate(old, segment));
    stream.segments.push(segment);
    return segment;
  }

  // Committing.

  /** At the end of the turn, promises included, so that all that is appended in it shares a commit. */
  #schedule() {
    if (this.#scheduled || this.#writing !== null) return;
    this.#scheduled = true;
    process.nextTick(this.#issue);
  }

  #issue = () => {
    this.#scheduled = false;
    if (this.#failure !== null) return;
    const commit = this.#queue.shift();
    this.#writing = commit;
    let bodyBytes = 0;
    for (const item of commit.items) {
      item.close();
      bodyBytes += item.storedBytes;
    }
    const blockBytes = blockBytesFor(bodyBytes);
    if (this.journal.fits(blockBytes)) this.#write(commit, blockBytes);
    else
      this.journal
        .advance(blockBytes)
        .then(() => this.#write(commit, blockBytes))
        .catch((error) => this.fail(error));
  };

  #write(commit, blockBytes) {
    if (this.#failure !== null) return;
    if (blockBytes + PAGE_BYTES > this.#block.bytes.length) this.#block = Memory.aligned(blockBytes + PAGE_BYTES);
    commit.number = this.mark + 1;
    commit.time = this.now();
    encodeBlock(this.#block, commit, this.journal.current, this.mark);
    this.journal.write(this.#block, blockBytes, this.#written);
  }

  #written = (error) => {
    if (this.#failure !== null) return;
    if (error !== null) {
      this.fail(error);
      return;
    }
    const commit = this.#writing;
    this.#writing = null;
    this.mark = commit.number;
    this.durableLsn = commit.lsnLimit - 1;
    const { generation } = this.journal.current;
    for (const item of commit.items) item.settle(generation, this.pendingSegments);
    this.#markDue = commit.items.length > 0;
    this.#waitingBytes -= commit.bytes;
    commit.acknowledge();
    if (this.#spare.length < SPARE_COMMITS_MAX) this.#spare.push(commit);
    if (this.#drains.length > 0 && this.#waitingBytes * 2 < this.options.bufferedBytesMax) {
      for (const resolve of this.#drains.splice(0)) resolve();
    }
    if (this.#queue.length > 0) this.#schedule();
    this.#checkpointer.startIfDue();
    if (this.#closing === null) this.#markTimer.refresh();
  };

  /** An empty block whose mark says that the last commit was durable: then damage to it cannot pass for a torn tail. */
  #commitMark = () => {
    if (!this.#markDue || this.#writing !== null || this.#queue.length > 0 || this.#closing !== null) return;
    this.#commitFor(0);
  };
}

function checkKey(key) {
  if (typeof key !== 'string' || !key.isWellFormed()) throw new TypeError('Expected a well-formed string as the key');
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > KEY_BYTES_MAX)
    throw new RangeError(`Expected a key of 1 to 1,024 bytes but received ${bytes}`);
}

function dataBytesOf(data) {
  const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data?.byteLength;
  if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
    throw new TypeError(`Expected a string or a Uint8Array as data but received ${typeof data}`);
  }
  if (bytes > RECORD_DATA_BYTES_MAX) throw new JsLogError('TOO_LARGE', `A record of ${bytes} bytes`);
  return bytes;
}
