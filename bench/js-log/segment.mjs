// SPDX-License-Identifier: MIT
// Streams, their segments, and the bytes of a segment that are not in its file yet. Each holds two states: what was
// accepted, which moves with each append, and what is durable, which moves when a commit is acknowledged and is all that
// the catalogue and the destaging see.

import { CRC_START, crcOfWords } from './crc32c.mjs';
import { Memory, PAGE_BYTES, putId, putU32, putU64 } from './memory.mjs';

export const SEGMENT_DATA_OFFSET = PAGE_BYTES;
export const SEGMENT_ROW_BYTES = 136;
const STATE_OPEN = 1;
const STATE_ENDED = 2;

/** Chunks of pending bytes begin small, since there may be many streams, and grow with the segment. */
const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 262_144;
const SPARE_CHUNKS_MAX = 64;
const spareChunks = [];

/** `used` bytes of a segment from `base` on. A frame never reaches over two chunks. */
class Chunk {
  constructor(memory, base) {
    this.memory = memory;
    this.base = base;
    this.used = 0;
  }
}

export class Stream {
  constructor(key, id, created) {
    this.key = key;
    this.id = id;
    this.created = created;
    this.firstSequence = 1;
    this.nextSequence = 1;
    this.droppedChain = Buffer.alloc(32);
    /** @type {Segment[]} As accepted; of those that are durable the catalogue has a row. The last one is open. */
    this.segments = [];
    /** The frame to which records are being added, if there is one. */
    this.frame = null;
    /** Whether other streams' records lay between this one's the last time: then frames store LSN differences. */
    this.scattered = false;
    this.durable = { exists: false, nextSequence: 1, segmentCount: 0 };
  }

  get open() {
    return this.segments[this.segments.length - 1];
  }
}

export class Segment {
  constructor(stream, id, firstSequence, created, previousId) {
    this.stream = stream;
    this.id = id;
    this.firstSequence = firstSequence;
    this.created = created;
    this.previousId = previousId;
    /** The register of SegmentSeed behind the id. */
    this.seed = crcOfWords(CRC_START, id.low, id.high);
    this.end = SEGMENT_DATA_OFFSET;
    this.chunks = [];
    this.chunkBytes = CHUNK_BYTES_MIN;
    // What the row says: durable.
    this.durableEnd = SEGMENT_DATA_OFFSET;
    this.nextSequence = firstSequence;
    this.destaged = 0;
    this.first = { lsn: 0, time: 0 };
    this.last = { lsn: 0, time: 0 };
    this.ended = false;
    /** The journal file with the oldest byte that only the journal holds; 0 if there is none. */
    this.oldestGeneration = 0;
    this.timesCarried = 0;
    /** The row as another writer left it: it does not change any more. */
    this.row = null;
  }

  /** A chunk in which a frame of up to `bytes` can begin at the segment's end. */
  room(bytes) {
    const last = this.chunks[this.chunks.length - 1];
    if (last !== undefined && last.memory.bytes.length - last.used >= bytes) return last;
    this.chunkBytes = Math.min(CHUNK_BYTES_MAX, this.chunkBytes * 4);
    const spare = bytes <= CHUNK_BYTES_MAX && this.chunkBytes === CHUNK_BYTES_MAX ? spareChunks.pop() : undefined;
    const chunk = new Chunk(spare ?? Memory.of(Math.max(this.chunkBytes, (bytes + 7) & ~7)), this.end);
    this.chunks.push(chunk);
    return chunk;
  }

  /** Copies the pending bytes from `from` to `to` into `target` at `at`. */
  copy(from, to, target, at) {
    for (const { memory, base, used } of this.chunks) {
      const begin = Math.max(from, base);
      const end = Math.min(to, base + used);
      if (begin < end) memory.bytes.copy(target.bytes, at + begin - from, begin - base, end - base);
    }
  }

  /** The file is durable below `destaged`: memory for that is free again. */
  dropChunks(destaged) {
    this.destaged = destaged;
    while (this.chunks.length > 0) {
      const [{ memory, base, used }] = this.chunks;
      const inUse = this.chunks.length === 1 && this.stream.frame?.segment === this;
      if (inUse || base + used > destaged) break;
      this.chunks.shift();
      if (memory.bytes.length === CHUNK_BYTES_MAX && spareChunks.length < SPARE_CHUNKS_MAX) spareChunks.push(memory);
    }
  }

  putRow({ bytes, words }, at) {
    if (this.row !== null) {
      this.row.copy(bytes, at);
      return;
    }
    putId(words, at, this.id);
    putU64(words, at + 8, this.firstSequence);
    putU64(words, at + 16, this.nextSequence);
    putU64(words, at + 24, this.durableEnd);
    putU64(words, at + 32, this.destaged);
    putU64(words, at + 40, this.created);
    putU64(words, at + 48, this.first.lsn);
    putU64(words, at + 56, this.last.lsn);
    putU64(words, at + 64, this.first.time);
    putU64(words, at + 72, this.last.time);
    putU32(words, at + 96, this.ended ? STATE_ENDED : STATE_OPEN);
  }

  /** Takes over what `putRow` wrote. Of the last row of a stream, whose bytes are all in its file. */
  takeRow(row) {
    const u64 = (offset) => Number(row.readBigUInt64LE(offset));
    this.nextSequence = u64(16);
    this.end = this.durableEnd = u64(24);
    this.destaged = u64(32);
    this.first = { lsn: u64(48), time: u64(64) };
    this.last = { lsn: u64(56), time: u64(72) };
  }
}
