// SPDX-License-Identifier: MIT
// The journal's files: made of zeros or recycled in the background, named durably before their first block, written with
// O_DSYNC so that each write is durable when it returns. The journal knows which file is current, which are live, and
// which may be used again.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { CRC_START, crcOf, crcOfNumber, crcOfWords } from './crc32c.mjs';
import { closeFile, openForWriting, renameFile, syncData, syncDirectory, unlinkFile, writeAt } from './files.mjs';
import { alignUp, Memory, PAGE_BYTES, putId, putU32, putU64 } from './memory.mjs';

const BLOCKS_OFFSET = 8192;
const IS_RECYCLED = 1;
const ZERO_BYTES = 1_048_576;
const FREE_FILES_MAX = 4;

/** Read only. */
let zeros;

class JournalFile {
  constructor(directory, uuid, generation, fileBytes, recycled) {
    this.generation = generation;
    this.fileBytes = fileBytes;
    this.recycled = recycled;
    this.path = join(directory, `${String(generation).padStart(20, '0')}.journal`);
    this.at = BLOCKS_OFFSET;
    this.firstCommit = 0;
    this.previous = { generation: 0, end: 0 };
    this.header = Memory.aligned(BLOCKS_OFFSET + PAGE_BYTES);
    const { bytes, words } = this.header;
    bytes.write('SEGLOGJR');
    putU32(words, 8, 1);
    uuid.copy(bytes, 16);
    putU64(words, 32, generation);
    randomBytes(8).copy(bytes, 40);
    putU64(words, 48, fileBytes);
    putU32(words, 56, recycled ? IS_RECYCLED : 0);
    putU32(words, 12, ~crcOf(CRC_START, this.header, 16, PAGE_BYTES));
    bytes.copy(bytes, PAGE_BYTES, 0, PAGE_BYTES);
    const register = crcOfNumber(crcOf(CRC_START, this.header, 16, 32), generation);
    /** The register of JournalSeed behind the salt. */
    this.seed = crcOfWords(register, words[10], words[11]);
  }
}

export class Journal {
  constructor(directory, uuid, generation, { journalFirstBytes, journalFileBytes, journalLiveBytesMax }, onFailure) {
    this.directory = directory;
    this.uuid = uuid;
    this.highestGeneration = generation;
    this.firstBytes = journalFirstBytes;
    this.fileBytes = journalFileBytes;
    this.liveBytesMax = journalLiveBytesMax;
    this.onFailure = onFailure;
    /** From the snapshot's start to the current one. */
    this.live = [];
    this.free = [];
    /** While a checkpoint waits for commits the bound on live files does not hold: they are what frees some. */
    this.urgent = false;
    this.closing = false;
    this.wake = () => {};
  }

  get current() {
    return this.live[this.live.length - 1];
  }

  get liveBytes() {
    return this.live.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  }

  async begin() {
    this.live.push(await this.#prepare(this.firstBytes));
    this.#prepareNext();
  }

  fits(blockBytes) {
    return this.current.at + blockBytes <= this.current.fileBytes;
  }

  /** Makes a file current in which the block fits. Everything before it is durable, as all writes are. */
  async advance(blockBytes) {
    let file = await this.next;
    if (file.fileBytes - BLOCKS_OFFSET < blockBytes) {
      await this.#discard(file);
      file = await this.#prepare(alignUp(BLOCKS_OFFSET + blockBytes, PAGE_BYTES));
    }
    const old = this.current;
    file.previous = { generation: old.generation, end: old.at };
    await closeFile(old.fd);
    this.live.push(file);
    this.#prepareNext();
  }

  /** Writes one block, with a page of zeros behind it where an earlier life's bytes lie. The callback is fs.write's. */
  write(memory, blockBytes, callback) {
    const file = this.current;
    const position = file.at;
    file.at += blockBytes;
    const bytes = file.recycled && file.at < file.fileBytes ? blockBytes + PAGE_BYTES : blockBytes;
    if (bytes > blockBytes) memory.bytes.fill(0, blockBytes, bytes);
    fs.write(file.fd, memory.bytes, 0, bytes, position, (error, written) => {
      callback(error ?? (written < bytes ? new Error(`Journal write of ${bytes} bytes wrote ${written}`) : null));
    });
  }

  /** Both snapshots begin at this generation: older files may be used again. */
  async release(startGeneration) {
    while (this.live[0].generation < startGeneration) {
      const file = this.live.shift();
      if (file.fileBytes === this.fileBytes && this.free.length < FREE_FILES_MAX) this.free.push(file);
      else await unlinkFile(file.path);
    }
    this.wake();
  }

  hurry(urgent) {
    this.urgent = urgent;
    this.wake();
  }

  /** Leaves the live files alone. */
  async close() {
    this.closing = true;
    this.wake();
    const next = await this.next;
    if (next !== undefined) await this.#discard(next);
    for (const { path } of this.free) await unlinkFile(path);
    await closeFile(this.current.fd);
    await syncDirectory(this.directory);
  }

  #prepareNext() {
    this.next = this.#prepareWithinBound();
    this.next.catch(this.onFailure);
  }

  async #prepareWithinBound() {
    // A file beside the current one is always allowed: a checkpoint can free nothing but what lies before the current one.
    const isFull = () => this.live.length > 1 && this.liveBytes + this.fileBytes > this.liveBytesMax;
    while (!this.urgent && !this.closing && isFull()) {
      await new Promise((resolve) => {
        this.wake = resolve;
      });
    }
    return this.closing ? undefined : await this.#prepare(this.fileBytes);
  }

  async #prepare(fileBytes) {
    const old = fileBytes === this.fileBytes ? this.free.pop() : undefined;
    const file = new JournalFile(this.directory, this.uuid, ++this.highestGeneration, fileBytes, old !== undefined);
    const path = old?.path ?? join(this.directory, 'fresh.tmp');
    const fd = await openForWriting(path, old === undefined ? fs.constants.O_CREAT | fs.constants.O_TRUNC : 0);
    try {
      await writeAt(fd, file.header.bytes, BLOCKS_OFFSET + PAGE_BYTES, 0);
      if (old === undefined) await writeZeros(fd, BLOCKS_OFFSET, fileBytes);
      await syncData(fd);
    } finally {
      await closeFile(fd);
    }
    file.header = null;
    await renameFile(path, file.path);
    await syncDirectory(this.directory);
    file.fd = await openForWriting(file.path, fs.constants.O_DSYNC);
    return file;
  }

  async #discard(file) {
    await closeFile(file.fd);
    await unlinkFile(file.path);
  }
}

async function writeZeros(fd, from, to) {
  zeros ??= Memory.aligned(ZERO_BYTES);
  for (let at = from; at < to; at += ZERO_BYTES) await writeAt(fd, zeros.bytes, Math.min(ZERO_BYTES, to - at), at);
}

const COMMIT_MAGIC = Buffer.from('SGCB').readInt32LE();
const COMMIT_HEADER_BYTES = 96;

/** How many bytes a block takes whose items take `bodyBytes`. */
export function blockBytesFor(bodyBytes) {
  return alignUp(COMMIT_HEADER_BYTES + bodyBytes, PAGE_BYTES);
}

/** Puts a commit where `file` will have it next. */
export function encodeBlock(memory, commit, file, mark) {
  const { bytes, words } = memory;
  let at = COMMIT_HEADER_BYTES;
  for (const item of commit.items) at = item.encode(memory, at, commit);
  bytes.fill(0, at, alignUp(at, PAGE_BYTES));
  const isFirst = file.firstCommit === 0;
  if (isFirst) file.firstCommit = commit.number;
  putU32(words, 0, COMMIT_MAGIC);
  putU32(words, 12, commit.items.length);
  putU32(words, 16, at - COMMIT_HEADER_BYTES);
  putU32(words, 20, 0);
  putU64(words, 24, commit.number);
  putU64(words, 32, mark);
  putU64(words, 40, commit.lsnLimit);
  putU64(words, 48, commit.firstLsn);
  putU64(words, 56, commit.time);
  putU64(words, 64, file.generation);
  putU64(words, 72, isFirst ? file.previous.generation : 0);
  putU64(words, 80, isFirst ? file.previous.end : 0);
  putId(words, 88, { low: 0, high: 0 });
  const seed = crcOfNumber(file.seed, file.at);
  putU32(words, 8, ~crcOf(seed, memory, COMMIT_HEADER_BYTES, at));
  putU32(words, 4, ~crcOf(seed, memory, 8, COMMIT_HEADER_BYTES));
}
