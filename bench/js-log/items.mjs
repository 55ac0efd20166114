// SPDX-License-Identifier: MIT
// What a commit block consists of. Each item knows how many bytes it takes in the block (`storedBytes`), writes itself
// there (`encode`, which returns the offset behind it), and changes the durable state once the block is (`settle`).
// `close` comes before both, when nothing is added to the commit any more.

import { crcOf, crcOfNumber } from './crc32c.mjs';
import { putId, putU32, putU64, putVarint } from './memory.mjs';

const KIND_FRAME = 1;
const KIND_BYTES = 2;
const KIND_CREATE_STREAM = 4;
const KIND_ROTATE = 5;

const FRAME_MAGIC = Buffer.from('SGFR').readInt32LE();
export const FRAME_HEADER_BYTES = 64;
const FRAME_ITEM_BYTES = 40;
const FRAME_TABLE_THRESHOLD = 16;
const HAS_LSN_DIFFERENCES = 1;
const HAS_OFFSET_TABLE = 2;
const IS_FILLER = 4;

const RECORD_HEADER_BYTES = 8;
const RECORD_DATA = 1 << 28;
const RECORD_HAS_USER_HEADERS = 1 << 31;
const RECORD_PAYLOAD_MASK = 0x0fff_ffff;
/** Varints of a record: its LSN difference, and the length of its headers. */
const RECORD_VARINT_BYTES_MAX = 10 + 3;

function putItemHeader(words, at, kind, flags, recordCount, bytes) {
  putU32(words, at, kind | (flags << 8) | (recordCount << 16));
  putU32(words, at + 4, bytes);
}

/** The most that a record takes in a frame. */
export function recordBytesMax(dataBytes, headers) {
  return RECORD_HEADER_BYTES + RECORD_VARINT_BYTES_MAX + (headers === null ? 0 : headers.length) + dataBytes + 7;
}

/** The room that a frame of one record needs, table included. */
export function frameBytesFor(recordMax) {
  return FRAME_HEADER_BYTES + recordMax + 16;
}

/**
 * What one commit adds to one stream, or a part of it. Records are written and checksummed where they are kept until they
 * are destaged, while the commit before is under way; the block gets a copy.
 */
export class Frame {
  constructor(commit, segment, lsn, recordMax, bytesMax) {
    const { stream } = segment;
    const chunk = segment.room(frameBytesFor(recordMax));
    this.commit = commit;
    this.segment = segment;
    this.chunk = chunk;
    this.start = chunk.used;
    this.at = this.start + FRAME_HEADER_BYTES;
    // A record too large for a frame of several has one of its own.
    const alone = recordMax > bytesMax;
    this.limit = alone ? 0 : Math.min(chunk.memory.bytes.length, this.start + FRAME_HEADER_BYTES + bytesMax);
    this.flags = stream.scattered ? HAS_LSN_DIFFERENCES : 0;
    this.firstSequence = stream.nextSequence;
    this.firstLsn = lsn;
    this.lastLsn = lsn - 1;
    this.count = 0;
    this.time = 0;
    this.open = true;
  }

  /** Whether a record with this LSN can be added. */
  takes(lsn, recordMax) {
    if (this.at + recordMax + 2 * this.count + 16 > this.limit) return false;
    if (lsn === this.lastLsn + 1 || (this.flags & HAS_LSN_DIFFERENCES) !== 0) return true;
    this.segment.stream.scattered = true;
    return false;
  }

  add(lsn, data, dataBytes, headers) {
    const { memory, base } = this.chunk;
    const { bytes, words } = memory;
    const start = this.at;
    let at = start + RECORD_HEADER_BYTES;
    if ((this.flags & HAS_LSN_DIFFERENCES) !== 0) at = putVarint(bytes, at, this.count === 0 ? 0 : lsn - this.lastLsn);
    if (headers !== null) {
      at = putVarint(bytes, at, headers.length);
      bytes.set(headers, at);
      at += headers.length;
    }
    if (typeof data === 'string') bytes.write(data, at, dataBytes);
    else bytes.set(data, at);
    const end = at + dataBytes;
    const next = (end + 7) & ~7;
    for (at = end; at < next; at++) bytes[at] = 0;
    const kind = headers === null ? RECORD_DATA : RECORD_DATA | RECORD_HAS_USER_HEADERS;
    words[(start + 4) >> 2] = (end - start - RECORD_HEADER_BYTES) | kind;
    words[start >> 2] = ~crcOf(crcOfNumber(this.segment.seed, base + start), memory, start + 4, end);
    this.at = next;
    this.lastLsn = lsn;
    this.count++;
  }

  /** Makes it a filler, which moves the segment's end to a page that leaves room for the filler's header. */
  fill(bytes) {
    const { memory } = this.chunk;
    memory.bytes.fill(0, this.start, this.start + bytes);
    this.at = this.start + bytes;
    this.flags = IS_FILLER;
    this.close();
  }

  close() {
    if (!this.open) return;
    this.open = false;
    const { stream } = this.segment;
    if (stream.frame === this) stream.frame = null;
    if (this.count > FRAME_TABLE_THRESHOLD) this.#putTable();
    else this.recordsEnd = this.at;
    const isScattered = this.lastLsn - this.firstLsn !== this.count - 1;
    if (this.count > 1 && (this.flags & HAS_LSN_DIFFERENCES) !== 0) stream.scattered = isScattered;
    this.offset = this.chunk.base + this.start;
    this.chunk.used = this.at;
    this.segment.end = this.chunk.base + this.at;
  }

  #putTable() {
    const { bytes, words } = this.chunk.memory;
    const body = this.start + FRAME_HEADER_BYTES;
    let entry = this.at;
    this.recordsEnd = this.at;
    for (let record = body; record < this.recordsEnd; entry += 2) {
      const index = (record - body) >> 3;
      bytes[entry] = index;
      bytes[entry + 1] = index >> 8;
      record += (RECORD_HEADER_BYTES + (words[(record + 4) >> 2] & RECORD_PAYLOAD_MASK) + 7) & ~7;
    }
    while (entry % 8 !== 0) bytes[entry++] = 0;
    this.at = entry;
    this.flags |= HAS_OFFSET_TABLE;
  }

  get storedBytes() {
    return FRAME_ITEM_BYTES + this.at - this.start - FRAME_HEADER_BYTES;
  }

  encode({ bytes, words }, at, commit) {
    const { id: segmentId, stream } = this.segment;
    const body = this.start + FRAME_HEADER_BYTES;
    this.time = commit.time;
    this.#putHeader(body);
    putItemHeader(words, at, KIND_FRAME, this.flags, this.count, 32 + this.at - body);
    putId(words, at + 8, stream.id);
    putId(words, at + 16, segmentId);
    putU32(words, at + 24, this.offset / 8);
    putU32(words, at + 28, this.firstLsn - commit.firstLsn);
    putU64(words, at + 32, this.firstSequence);
    this.chunk.memory.bytes.copy(bytes, at + FRAME_ITEM_BYTES, body, this.at);
    return at + FRAME_ITEM_BYTES + this.at - body;
  }

  #putHeader(body) {
    const { memory } = this.chunk;
    const { words } = memory;
    const { start } = this;
    putU32(words, start, FRAME_MAGIC);
    putId(words, start + 8, this.segment.stream.id);
    putU64(words, start + 16, this.firstSequence);
    putU64(words, start + 24, this.firstLsn);
    putU64(words, start + 32, this.time);
    putU32(words, start + 40, this.count);
    putU32(words, start + 44, this.at - body);
    putU32(words, start + 48, this.flags);
    for (let at = start + 52; at < body; at += 4) putU32(words, at, 0);
    let register = crcOfNumber(this.segment.seed, this.offset);
    register = crcOf(register, memory, start + 8, body);
    putU32(
      words,
      start + 4,
      ~crcOf(register, memory, this.recordsEnd, (this.flags & HAS_OFFSET_TABLE) !== 0 ? this.at : this.recordsEnd),
    );
  }

  settle(generation, pendingSegments) {
    const { segment } = this;
    segment.durableEnd = this.offset + this.at - this.start;
    if (segment.oldestGeneration === 0) {
      segment.oldestGeneration = generation;
      pendingSegments.add(segment);
    }
    if (this.count === 0) return;
    segment.nextSequence = this.firstSequence + this.count;
    segment.stream.durable.nextSequence = segment.nextSequence;
    if (segment.first.lsn === 0) segment.first = { lsn: this.firstLsn, time: this.time };
    segment.last.lsn = this.lastLsn;
    segment.last.time = this.time;
  }
}

export class CreateStream {
  constructor(stream) {
    this.stream = stream;
    this.storedBytes = (24 + stream.key.length + 7) & ~7;
  }

  close() {}

  encode({ bytes, words }, at) {
    const { id, created, key } = this.stream;
    bytes.fill(0, at, at + this.storedBytes);
    putItemHeader(words, at, KIND_CREATE_STREAM, 0, 0, 16 + key.length);
    putId(words, at + 8, id);
    putU64(words, at + 16, created);
    key.copy(bytes, at + 24);
    return at + this.storedBytes;
  }

  settle() {
    this.stream.durable.exists = true;
  }
}

export class Rotate {
  storedBytes = 56;

  constructor(old, segment) {
    this.old = old;
    this.oldEnd = old?.end ?? 0;
    this.segment = segment;
  }

  close() {}

  encode({ words }, at) {
    const { segment } = this;
    putItemHeader(words, at, KIND_ROTATE, 0, 0, 48);
    putId(words, at + 8, segment.stream.id);
    putId(words, at + 16, this.old?.id ?? { low: 0, high: 0 });
    putU64(words, at + 24, this.oldEnd);
    putId(words, at + 32, segment.id);
    putU64(words, at + 40, segment.firstSequence);
    putU64(words, at + 48, segment.created);
    return at + this.storedBytes;
  }

  settle() {
    if (this.old !== undefined) this.old.ended = true;
    this.segment.stream.durable.segmentCount++;
  }
}

/** Durable bytes of a segment once more, so that the journal file that held them is not needed any longer. */
export class CarriedBytes {
  constructor(segment, from, to) {
    this.segment = segment;
    this.from = from;
    this.to = to;
    this.storedBytes = 32 + to - from;
  }

  close() {}

  encode(memory, at) {
    const { words } = memory;
    const { segment, from, to } = this;
    putItemHeader(words, at, KIND_BYTES, 0, 0, 24 + to - from);
    putId(words, at + 8, segment.stream.id);
    putId(words, at + 16, segment.id);
    putU64(words, at + 24, from);
    segment.copy(from, to, memory, at + 32);
    return at + this.storedBytes;
  }

  settle() {}
}
