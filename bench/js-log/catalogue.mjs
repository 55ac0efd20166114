// SPDX-License-Identifier: MIT
// The catalogue's snapshot: what the log consists of as of one durable commit. Written whole under both names; read only
// where a log was closed, since this writer does not replay a journal.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CRC_START, crcOf } from './crc32c.mjs';
import { JsLogError, replaceFile } from './files.mjs';
import { Memory, putIdVarint, putU32, putU64, putVarint } from './memory.mjs';
import { SEGMENT_DATA_OFFSET, SEGMENT_ROW_BYTES, Segment, Stream } from './segment.mjs';

const HEADER_BYTES = 192;
const IS_CLEAN = 1;
const SHARED_STREAM = { low: -1, high: -1 };
const STATE_SEALED = 3;
const ROW_BYTES_MAX = 1024 + 2 + 10 + 13 * 10 + 32;

/**
 * @param log `{ uuid, snapshot, mark, startGeneration, startCommit, nextLsn, highestGeneration, time, clean, streams }`;
 *   of the streams and segments what is durable is written.
 */
export function encodeCatalogue(log) {
  const streams = log.streams.filter(({ durable }) => durable.exists);
  const segmentCount = streams.reduce((sum, { durable }) => sum + durable.segmentCount, 0);
  const memory = Memory.of(
    (HEADER_BYTES + (streams.length + 1) * ROW_BYTES_MAX + segmentCount * SEGMENT_ROW_BYTES + 7) & ~7,
  );
  const { bytes, words } = memory;
  let at = putSharedRow(bytes, HEADER_BYTES);
  const scratch = Memory.of(SEGMENT_ROW_BYTES);
  for (const stream of streams) at = putStream(bytes, at, stream, log.time, scratch);
  bytes.write('SEGLOGCT');
  putU32(words, 8, 1);
  log.uuid.copy(bytes, 16);
  putU64(words, 32, log.snapshot);
  putU64(words, 40, log.mark);
  putU64(words, 48, log.startGeneration);
  putU64(words, 56, log.startCommit);
  putU64(words, 64, log.nextLsn);
  putU64(words, 72, log.highestGeneration);
  putU64(words, 80, log.time);
  putU64(words, 88, at);
  putU32(words, 96, log.clean ? IS_CLEAN : 0);
  putU32(words, 100, streams.length);
  putU64(words, 104, segmentCount);
  putU32(words, 12, ~crcOf(CRC_START, memory, 16, at));
  return bytes.subarray(0, at);
}

/** The row of the shared segments, of which this writer has none. */
function putSharedRow(bytes, offset) {
  let at = putVarint(bytes, offset, 0);
  at = putIdVarint(bytes, at, SHARED_STREAM);
  for (const value of [0, 1, 0, 0, 0]) at = putVarint(bytes, at, value);
  return at;
}

function putStream(bytes, offset, stream, time, scratch) {
  let at = putVarint(bytes, offset, stream.key.length);
  at += stream.key.copy(bytes, at);
  at = putIdVarint(bytes, at, stream.id);
  at = putVarint(bytes, at, time - stream.created);
  at = putVarint(bytes, at, stream.firstSequence);
  at = putVarint(bytes, at, stream.durable.nextSequence - stream.firstSequence);
  at = putVarint(bytes, at, 0);
  const { segmentCount } = stream.durable;
  at = putVarint(bytes, at, segmentCount);
  if (segmentCount === 0) return at;
  at += stream.droppedChain.copy(bytes, at);
  for (let index = 0; index < segmentCount; index++) {
    scratch.bytes.fill(0);
    stream.segments[index].putRow(scratch, 0);
    at += scratch.bytes.copy(bytes, at);
  }
  return at;
}

/** Under both names, so that either opens the log before anything is freed. */
export async function writeCatalogue(directory, bytes) {
  for (const name of ['CATALOG', 'CATALOG.copy']) await replaceFile(directory, name, bytes);
}

/** Reads the catalogue of a log that was closed with nothing left in its journal; refuses any other. */
export function readCatalogue(directory) {
  const [bytes, copy] = ['CATALOG', 'CATALOG.copy'].map((name) => {
    try {
      return readFileSync(join(directory, name));
    } catch (error) {
      if (error.code === 'ENOENT') throw new JsLogError('NOT_CLEAN', `${directory} has no ${name}`);
      throw error;
    }
  });
  const cursor = new Cursor(bytes);
  cursor.check(bytes.equals(copy), 'NOT_CLEAN', 'its two snapshots differ: the log was not closed');
  cursor.check(
    bytes.length >= HEADER_BYTES && bytes.toString('latin1', 0, 8) === 'SEGLOGCT',
    'CORRUPT',
    'no catalogue',
  );
  cursor.check(bytes.readUInt32LE(8) === 1, 'FORMAT_UNSUPPORTED', `version ${bytes.readUInt32LE(8)}`);
  const memory = Memory.of((bytes.length + 3) & ~3);
  bytes.copy(memory.bytes);
  const checksum = ~crcOf(CRC_START, memory, 16, bytes.length) >>> 0;
  cursor.check(bytes.readUInt32LE(12) === checksum, 'CORRUPT', 'the checksum of its catalogue does not match');
  cursor.check(bytes.readUInt32LE(96) === IS_CLEAN, 'NOT_CLEAN', 'the log was not closed');
  const u64 = (offset) => Number(bytes.readBigUInt64LE(offset));
  const log = { uuid: Buffer.from(bytes.subarray(16, 32)), streams: [], time: u64(80) };
  Object.assign(log, { snapshot: u64(32), mark: u64(40), nextLsn: u64(64), highestGeneration: u64(72) });
  cursor.check(u64(112) === 0, 'UNSUPPORTED', 'dropped segments wait for removal');
  cursor.at = HEADER_BYTES;
  readSharedRow(cursor);
  for (let count = bytes.readUInt32LE(100); count > 0; count--) log.streams.push(readStream(cursor, log.time));
  cursor.check(cursor.at === bytes.length, 'CORRUPT', 'its catalogue has another length');
  return log;
}

function readSharedRow(cursor) {
  for (let field = 1; field < 8; field++) if (field !== 2) cursor.varint();
  cursor.check(cursor.varint() === 0n, 'UNSUPPORTED', 'it has shared segments');
}

function readStream(cursor, time) {
  const key = Buffer.from(cursor.take(Number(cursor.varint())));
  const id = wordsOf(cursor.varint());
  const stream = new Stream(key, id, time - Number(cursor.varint()));
  stream.firstSequence = Number(cursor.varint());
  stream.nextSequence = stream.firstSequence + Number(cursor.varint());
  cursor.check(cursor.varint() === 0n, 'UNSUPPORTED', 'a stream has records in shared segments');
  const segmentCount = Number(cursor.varint());
  stream.durable = { exists: true, nextSequence: stream.nextSequence, segmentCount };
  if (segmentCount === 0) return stream;
  stream.droppedChain = Buffer.from(cursor.take(32));
  let previousId = { low: 0, high: 0 };
  for (let index = 1; index <= segmentCount; index++) {
    const row = Buffer.from(cursor.take(SEGMENT_ROW_BYTES));
    const segmentId = wordsOf(row.readBigUInt64LE(0));
    const [firstSequence, created] = [8, 40].map((offset) => Number(row.readBigUInt64LE(offset)));
    const segment = new Segment(stream, segmentId, firstSequence, created, previousId);
    segment.takeRow(row);
    const isWhole = segment.destaged === segment.end || segment.end === SEGMENT_DATA_OFFSET;
    const inFile = isWhole || row.readUInt32LE(96) === STATE_SEALED;
    cursor.check(inFile, 'NOT_CLEAN', 'its journal holds bytes that no segment file has');
    if (index < segmentCount) segment.row = row;
    stream.segments.push(segment);
    previousId = segmentId;
  }
  return stream;
}

function wordsOf(id) {
  return { low: Number(id & 0xffff_ffffn), high: Number(id >> 32n) };
}

class Cursor {
  at = 0;

  constructor(bytes) {
    this.bytes = bytes;
  }

  check(holds, code, message) {
    if (!holds) throw new JsLogError(code, `Cannot open this log: ${message}`);
  }

  take(count) {
    this.check(this.at + count <= this.bytes.length, 'CORRUPT', 'its catalogue ends early');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  varint() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte] = this.take(1);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return this.check(false, 'CORRUPT', 'a number in its catalogue has no end');
  }
}
