// SPDX-License-Identifier: MIT
// The producer's side of the ring: appends are written into memory that the committer reads, and published together, so
// that none of them calls the addon. The layout is the addon's (native/core/log/append_ring.h); positions count units of
// 8 bytes. One environment, one ring: nobody else writes it.

import { Buffer } from 'node:buffer';
import { type Batch, UTF8_BYTES_PER_CHARACTER_MAX } from './batch.js';
import { lengthOf } from './check.js';
import { typeError } from './errors.js';
import type { NativeRing } from './native.js';

/** Of the control words, and of the fields of entries. */
const WORD_BYTES = 4;

export class Ring {
  /** Entries may take this many bytes. */
  readonly entryBytesMax: number;
  readonly memory: ArrayBuffer;
  readonly #layout: NativeRing;
  readonly #control: Int32Array;
  readonly #words: Uint32Array;
  readonly #bytes: Buffer;
  /** In units, as all positions. */
  readonly #capacity: number;
  /** A unit has so many words of 32 bits, and is a shift by so many bits. */
  readonly #wordsPerUnit: number;
  readonly #unitShift: number;
  /** Places in an entry, and in a row of a batch, in words. */
  readonly #unitsAt: number;
  readonly #kindAt: number;
  readonly #ticketAt: number;
  readonly #streamAt: number;
  readonly #headersBytesAt: number;
  readonly #dataBytesAt: number;
  readonly #restAt: number;
  readonly #rowWords: number;
  readonly #rowStreamAt: number;
  readonly #rowHeadersBytesAt: number;
  readonly #rowDataBytesAt: number;
  /** Behind the last entry. */
  #tail = 0;
  /** As it was when it was read last. */
  #head = 0;
  /** Where entries last went on at the start. */
  #wrap = 0;
  #unpublishedUnits = 0;

  /** `bytes`: of all entries together. */
  constructor(layout: NativeRing, bytes: number) {
    this.#layout = layout;
    this.#capacity = Math.ceil(bytes / layout.unitBytes);
    this.memory = new ArrayBuffer(layout.entries + this.#capacity * layout.unitBytes);
    this.#control = new Int32Array(this.memory, 0, layout.entries / WORD_BYTES);
    this.#words = new Uint32Array(this.memory, layout.entries);
    this.#bytes = Buffer.from(this.memory, layout.entries);
    this.#wordsPerUnit = layout.unitBytes / WORD_BYTES;
    this.#unitShift = Math.log2(layout.unitBytes);
    this.#unitsAt = layout.entryUnits / WORD_BYTES;
    this.#kindAt = layout.entryKind / WORD_BYTES;
    this.#ticketAt = layout.entryTicket / WORD_BYTES;
    this.#streamAt = layout.entryStream / WORD_BYTES;
    this.#headersBytesAt = layout.entryHeadersBytes / WORD_BYTES;
    this.#dataBytesAt = layout.entryDataBytes / WORD_BYTES;
    this.#restAt = layout.entryBytes / WORD_BYTES;
    this.#rowWords = layout.rowBytes / WORD_BYTES;
    this.#rowStreamAt = layout.rowStream / WORD_BYTES;
    this.#rowHeadersBytesAt = layout.rowHeadersBytes / WORD_BYTES;
    this.#rowDataBytesAt = layout.rowDataBytes / WORD_BYTES;
    // In a ring that is half full at most, an entry of this size fits before its end or at its start.
    this.entryBytesMax = (Math.floor(this.#capacity / 4) - 1) * layout.unitBytes;
  }

  /** The bytes that an entry of a record may take at most. */
  recordBytes(headers: Uint8Array | undefined, data: string | Uint8Array): number {
    const dataBytes = dataBytesMax(data);
    return this.#layout.entryBytes + this.#layout.expectedBytes + (headers?.length ?? 0) + dataBytes;
  }

  /**
   * Writes one record, unpublished. False where there is no room now. `data` of a string is stored as UTF-8; it must be
   * well-formed. `kind` is one of the layout's, `ticket` what goes with it, and so is `expectedSeq` (0: none).
   */
  writeRecord(
    kind: number,
    durability: number,
    ticket: number,
    stream: number,
    headers: Uint8Array | undefined,
    data: string | Uint8Array,
    expectedSeq = 0,
  ): boolean {
    const headerBytes = headers === undefined ? 0 : headers.length;
    const fixedBytes = this.#layout.entryBytes + (expectedSeq === 0 ? 0 : this.#layout.expectedBytes);
    const length = lengthOf(data);
    const room = typeof data === 'string' ? length * UTF8_BYTES_PER_CHARACTER_MAX : length;
    const at = this.#reserve(this.#unitsOf(fixedBytes + headerBytes + room));
    if (at < 0) return false;
    let offset = at * this.#layout.unitBytes + fixedBytes;
    if (headers !== undefined) this.#bytes.set(headers, offset);
    offset += headerBytes;
    const dataBytes = this.#copy(data, length, offset);
    const units = this.#unitsOf(fixedBytes + headerBytes + dataBytes);
    this.#writeEntry(at, units, kind | (durability << this.#layout.durabilityShift), ticket, stream);
    const word = at * this.#wordsPerUnit;
    this.#words[word + this.#headersBytesAt] = headerBytes;
    this.#words[word + this.#dataBytesAt] = dataBytes;
    if (expectedSeq !== 0) {
      this.#words[word + this.#restAt] = expectedSeq % 2 ** 32;
      this.#words[word + this.#restAt + 1] = Math.floor(expectedSeq / 2 ** 32);
    }
    this.#advance(units);
    return true;
  }

  /** Whether an entry of a batch can have this size at all. */
  takesBatch(batch: Batch): boolean {
    return this.#batchBytesMax(batch) <= this.entryBytesMax;
  }

  /** Writes a batch, unpublished. False where there is no room now. */
  writeBatch(durability: number, ticket: number, batch: Batch): boolean {
    const at = this.#reserve(this.#unitsOf(this.#batchBytesMax(batch)));
    if (at < 0) return false;
    const { count, headers, streams } = batch;
    const start = at * this.#layout.unitBytes;
    let row = at * this.#wordsPerUnit + this.#restAt;
    let offset = start + this.#layout.entryBytes + count * this.#layout.rowBytes;
    for (let index = 0; index < count; index++) {
      const header = headers[index];
      const headerBytes = header === undefined ? 0 : header.length;
      if (header !== undefined) this.#bytes.set(header, offset);
      offset += headerBytes;
      const dataBytes = this.#copy(batch.dataAt(index), batch.lengthAt(index), offset);
      offset += dataBytes;
      this.#words[row + this.#rowStreamAt] = streams[index] ?? 0;
      this.#words[row + this.#rowHeadersBytesAt] = headerBytes;
      this.#words[row + this.#rowDataBytesAt] = dataBytes;
      row += this.#rowWords;
    }
    const units = this.#unitsOf(offset - start);
    this.#writeEntry(at, units, this.#layout.batch | (durability << this.#layout.durabilityShift), ticket, count);
    this.#advance(units);
    return true;
  }

  /** Room for {@link writeRequest}. */
  hasRoomForRequest(): boolean {
    return this.#reserve(this.#unitsOf(this.#layout.entryBytes)) >= 0;
  }

  /** The place of a request that was handed to the addon by a call. There must be room. */
  writeRequest(): void {
    const units = this.#unitsOf(this.#layout.entryBytes);
    const at = this.#reserve(units);
    if (at < 0) throw new Error('the ring has no room for a request that was submitted');
    this.#writeEntry(at, units, this.#layout.request, 0, 0);
    this.#advance(units);
  }

  get unpublishedBytes(): number {
    return this.#unpublishedUnits * this.#layout.unitBytes;
  }

  /** Lets the committer see everything written. True where it sleeps and has to be roused. */
  publish(): boolean {
    if (this.#unpublishedUnits === 0) return false;
    this.#unpublishedUnits = 0;
    Atomics.store(this.#control, this.#layout.tail / WORD_BYTES, this.#tail);
    return Atomics.load(this.#control, this.#layout.sleep / WORD_BYTES) !== 0;
  }

  /** Bytes that the committer has not taken yet. */
  usedBytes(): number {
    this.#head = Atomics.load(this.#control, this.#layout.head / WORD_BYTES);
    const wrapped = this.#tail < this.#head ? Math.max(this.#wrap - this.#head, 0) : -this.#head;
    return (wrapped + this.#tail) * this.#layout.unitBytes;
  }

  /** Bytes of records that went by calls and were not committed yet. */
  calledBytes(): number {
    return (Atomics.load(this.#control, this.#layout.called / WORD_BYTES) >>> 0) * this.#layout.unitBytes;
  }

  /** What ingested records are part of. */
  get epoch(): number {
    return Atomics.load(this.#control, this.#layout.epoch / WORD_BYTES) >>> 0;
  }

  /** How many rings the log has, this one among them. */
  get sharers(): number {
    return Atomics.load(this.#control, this.#layout.sharers / WORD_BYTES);
  }

  /** Whether the addon refuses appends, or has refused an ingested one. */
  get refuses(): boolean {
    return Atomics.load(this.#control, this.#layout.refuse / WORD_BYTES) !== 0;
  }

  /** Whether there is something to take. */
  get hasAnswers(): boolean {
    return Atomics.load(this.#control, this.#layout.answer / WORD_BYTES) !== 0;
  }

  clearAnswers(): void {
    Atomics.store(this.#control, this.#layout.answer / WORD_BYTES, 0);
  }

  /** Whether we look for answers, so that the addon need not call. */
  setPolling(polling: boolean): void {
    Atomics.store(this.#control, this.#layout.poll / WORD_BYTES, polling ? 1 : 0);
  }

  // Data of so many characters or bytes. Returns the bytes that it took.
  #copy(data: string | Uint8Array, length: number, offset: number): number {
    if (typeof data === 'string') return this.#bytes.write(data, offset, 'utf8');
    // See unlessGone: the length that was looked at may be that of a buffer which is gone.
    try {
      this.#bytes.set(data, offset);
    } catch (error) {
      throw typeError('Expected a Uint8Array for data but received one whose buffer was detached or shrunk', error);
    }
    return length;
  }

  #batchBytesMax({ count, bytesMax }: Batch): number {
    return this.#layout.entryBytes + count * this.#layout.rowBytes + bytesMax;
  }

  #unitsOf(bytes: number): number {
    return (bytes + this.#layout.unitBytes - 1) >>> this.#unitShift;
  }

  // Where an entry of so many units can be written; -1 where there is no room.
  #reserve(units: number): number {
    if (this.#fits(units)) return this.#tail;
    this.#head = Atomics.load(this.#control, this.#layout.head / WORD_BYTES);
    if (this.#fits(units)) return this.#tail;
    // Not before the end; at the start, where the committer is between the two.
    if (this.#tail < this.#head || units >= this.#head) return -1;
    this.#writeEntry(this.#tail, this.#capacity - this.#tail, this.#layout.skip, 0, 0);
    this.#wrapHere();
    return this.#tail;
  }

  // Behind the tail, without meeting the head: equal ones would be an empty ring.
  #fits(units: number): boolean {
    if (this.#tail < this.#head) return units < this.#head - this.#tail;
    const toEnd = this.#capacity - this.#tail;
    return units < toEnd || (units === toEnd && this.#head !== 0);
  }

  #writeEntry(at: number, units: number, kind: number, ticket: number, stream: number): void {
    const word = at * this.#wordsPerUnit;
    this.#words[word + this.#unitsAt] = units;
    this.#words[word + this.#kindAt] = kind;
    this.#words[word + this.#ticketAt] = ticket;
    this.#words[word + this.#streamAt] = stream;
  }

  #advance(units: number): void {
    this.#tail += units;
    this.#unpublishedUnits += units;
    if (this.#tail === this.#capacity) this.#wrapHere();
  }

  #wrapHere(): void {
    this.#wrap = this.#tail;
    Atomics.store(this.#control, this.#layout.wrap / WORD_BYTES, this.#wrap);
    this.#tail = 0;
  }
}

function dataBytesMax(data: string | Uint8Array): number {
  return typeof data === 'string' ? data.length * UTF8_BYTES_PER_CHARACTER_MAX : lengthOf(data);
}
