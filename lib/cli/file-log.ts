// SPDX-License-Identifier: MIT
// The log that one would write by hand with `fs`: a growing file of records behind their lengths, group commit, one
// fdatasync per group. No checksums, no recovery, no rotation. It is here to be compared with.

import { close, fdatasync, open, writev } from 'node:fs';
import { promisify } from 'node:util';
import { GroupCommit } from './group-commit.js';

// The callbacks' functions: FileHandle of node:fs/promises costs more per call.
const openFile = promisify(open);
const writeFile = promisify(writev);
const syncFile = promisify(fdatasync);
const closeFile = promisify(close);

/** From this many bytes per record on, records are written from where they lie instead of being copied together. */
const GATHER_BYTES_MIN = 8192;
const LENGTH_BYTES = 4;
const KEY_BYTES_MAX = 255;
const INGEST_BYTES = 2 ** 20;

export interface FileLogOptions {
  /** Each record begins with its key: a log of many streams in one file. */
  readonly hasKeys: boolean;
  /** Sync only after as many records, or so often; appends then resolve when the kernel has them. */
  readonly syncEvery?: { readonly records?: number; readonly ms?: number } | undefined;
}

/** The file, open. */
export class FileLog {
  readonly #descriptor: number;
  readonly #options: FileLogOptions;
  readonly #group = new GroupCommit((keys, datas) => this.#store(keys, datas));
  readonly #timer: NodeJS.Timeout | undefined;
  #position = 0;
  #unsyncedRecords = 0;
  #scratch: Buffer = Buffer.alloc(INGEST_BYTES);
  #ingested: Buffer = Buffer.alloc(INGEST_BYTES);
  #spare: Buffer = Buffer.alloc(INGEST_BYTES);
  #ingestedBytes = 0;
  #writing: Promise<void> | undefined;

  private constructor(descriptor: number, options: FileLogOptions) {
    this.#descriptor = descriptor;
    this.#options = options;
    const ms = options.syncEvery?.ms;
    if (ms !== undefined) this.#timer = setInterval(() => void syncFile(this.#descriptor), ms).unref();
  }

  /** Makes the file, which must not exist. */
  static async create(path: string, options: FileLogOptions): Promise<FileLog> {
    return new FileLog(await openFile(path, 'wx'), options);
  }

  /** Resolves when the record is durable, or written where `syncEvery` was given. */
  append(key: string, data: Uint8Array): Promise<void> {
    return this.#group.append(key, data);
  }

  /** As `append`, of several records. */
  appendBatch(key: string, datas: readonly Uint8Array[]): Promise<void> {
    return this.#group.appendBatch(key, datas);
  }

  /** Takes a record, without a promise. False: await `drain` before the next. */
  ingest(key: string, data: Uint8Array): boolean {
    const bytes = this.#recordBytesMax(data);
    if (this.#ingestedBytes + bytes > this.#ingested.length) throw new RangeError('drain() was not awaited');
    this.#ingestedBytes = this.#encode(this.#ingested, this.#ingestedBytes, key, data);
    return this.#ingestedBytes + bytes <= this.#ingested.length;
  }

  /** Resolves when there is room: what was ingested is being written then, and what came before it is. */
  async drain(): Promise<void> {
    await this.#writing;
    const [full, bytes] = [this.#ingested, this.#ingestedBytes];
    this.#ingested = this.#spare;
    this.#spare = full;
    this.#ingestedBytes = 0;
    this.#writing = this.#write([full.subarray(0, bytes)], bytes);
  }

  /** Resolves when everything ingested is durable. */
  async sync(): Promise<void> {
    await this.drain();
    await this.#writing;
    await syncFile(this.#descriptor);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await closeFile(this.#descriptor);
  }

  async #store(keys: readonly string[], datas: readonly Uint8Array[]): Promise<void> {
    const bytes = datas.reduce((sum, data) => sum + this.#recordBytesMax(data), 0);
    if (bytes / datas.length >= GATHER_BYTES_MIN) await this.#storeInPlace(keys, datas);
    else await this.#storeTogether(keys, datas, bytes);
    const { syncEvery } = this.#options;
    this.#unsyncedRecords += datas.length;
    if (syncEvery !== undefined && this.#unsyncedRecords < (syncEvery.records ?? Infinity)) return;
    this.#unsyncedRecords = 0;
    await syncFile(this.#descriptor);
  }

  async #storeTogether(keys: readonly string[], datas: readonly Uint8Array[], bytes: number): Promise<void> {
    if (this.#scratch.length < bytes) this.#scratch = Buffer.alloc(bytes);
    let end = 0;
    for (const [index, data] of datas.entries()) end = this.#encode(this.#scratch, end, keys[index] ?? '', data);
    await this.#write([this.#scratch.subarray(0, end)], end);
  }

  async #storeInPlace(keys: readonly string[], datas: readonly Uint8Array[]): Promise<void> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (const [index, data] of datas.entries()) {
      const header = Buffer.alloc(LENGTH_BYTES + 1 + KEY_BYTES_MAX);
      const headerBytes = this.#encodeHeader(header, 0, keys[index] ?? '', data);
      parts.push(header.subarray(0, headerBytes), data);
      bytes += headerBytes + data.length;
    }
    await this.#write(parts, bytes);
  }

  async #write(parts: readonly Uint8Array[], bytes: number): Promise<void> {
    const position = this.#position;
    this.#position += bytes;
    if (bytes === 0) return;
    const { bytesWritten } = await writeFile(this.#descriptor, parts, position);
    if (bytesWritten !== bytes) throw new Error(`Wrote ${bytesWritten} of ${bytes} bytes`);
  }

  #recordBytesMax(data: Uint8Array): number {
    return LENGTH_BYTES + data.length + (this.#options.hasKeys ? 1 + KEY_BYTES_MAX : 0);
  }

  #encode(target: Buffer, at: number, key: string, data: Uint8Array): number {
    const start = this.#encodeHeader(target, at, key, data);
    target.set(data, start);
    return start + data.length;
  }

  #encodeHeader(target: Buffer, at: number, key: string, data: Uint8Array): number {
    let end = target.writeUInt32LE(data.length, at);
    if (this.#options.hasKeys) {
      const keyBytes = target.write(key, end + 1, KEY_BYTES_MAX);
      end = target.writeUInt8(keyBytes, end) + keyBytes;
    }
    return end;
  }
}
