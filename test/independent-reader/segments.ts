// SPDX-License-Identifier: MIT
// A segment's bytes, wherever they are; and the frames, records and footer in them.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginFile, Cursor, check, crc, isZero, PAGE, roundUp, SHARED_STREAM_ID, segmentSeed } from './bytes.js';
import type { Row, Segment } from './catalogue.js';
import { FILLER, OFFSET_TABLE, overlay, type Piece, SHARED } from './table.js';

export const LSN_DIFFERENCES = 1;
const FRAME_HEADER_BYTES = 64;
const INDEX_STRIDE_BYTES = 65_536;

export type RecordKind = 'data' | 'checkpoint' | 'filler' | 'operation';

export interface StoredRecord {
  readonly sequence: number;
  readonly lsn: number;
  readonly time: number;
  readonly kind: RecordKind;
  /** As they are stored; undefined where the record has none. */
  readonly userHeaders: Buffer | undefined;
  readonly data: Buffer;
}

export interface Frame {
  readonly offset: number;
  readonly end: number;
  readonly streamId: number;
  readonly firstSequence: number;
  readonly firstLsn: number;
  readonly time: number;
  readonly recordCount: number;
  readonly flags: number;
  readonly previousOffset: number;
  readonly previousSegmentId: number;
  readonly body: Buffer;
}

function keyName(key: Buffer): string {
  let name = '';
  for (const byte of key) {
    const character = String.fromCharCode(byte);
    const stands = /[a-z0-9_.-]/.test(character) && !(name === '' && character === '.');
    name += stands ? character : `~${byte.toString(16).padStart(2, '0')}`;
  }
  return name.length <= 180 ? name : `${name.slice(0, 100)}~~${sha256(key).toString('hex')}`;
}

export function segmentPath(row: Row, segment: Segment): string {
  const sequence = String(segment.firstSequence).padStart(20, '0');
  const file = `${sequence}-${segment.id.toString(16).padStart(16, '0')}.seg`;
  if (row.id === SHARED_STREAM_ID) return join('shared', file);
  return join('streams', sha256(row.key).toString('hex', 0, 1), keyName(row.key), file);
}

/** Whether the file has the bytes that a body item says. */
export function hasBody(path: string, segmentId: number, offset: number, bytes: number, checksum: number): boolean {
  if (!existsSync(path)) return false;
  const body = readFileSync(path).subarray(offset, offset + bytes);
  return body.length === bytes && crc(segmentSeed(segmentId, offset), body) === checksum;
}

/** From the segment's begin to the end of its last frame; of a sealed one all. */
function segmentBytes(path: string, uuid: Buffer, row: Row, segment: Segment, pieces: readonly Piece[]): Buffer {
  if (segment.destaged === 0) {
    const bytes = Buffer.alloc(segment.end);
    overlay(bytes, PAGE, pieces);
    return bytes;
  }
  const file = readFileSync(path);
  check(file.length >= segment.destaged, 'A segment file is too short');
  checkSegmentHeader(file.subarray(0, PAGE), uuid, row, segment);
  if (segment.state === 'sealed') return file;
  const bytes = Buffer.alloc(segment.end);
  file.copy(bytes, 0, 0, segment.destaged);
  overlay(bytes, segment.destaged, pieces);
  return bytes;
}

function checkSegmentHeader(page: Buffer, uuid: Buffer, row: Row, segment: Segment): void {
  const { cursor, checksum } = beginFile(page, 'SEGLOGSG');
  check(crc(0, page.subarray(16)) === checksum, 'Checksum of a segment file');
  check(cursor.take(16).equals(uuid), 'A segment of another log');
  check(cursor.u64() === segment.id && cursor.u64() === row.id, 'Ids in a segment file');
  check(cursor.u64() === segment.firstSequence && cursor.u64() === segment.created, 'Begin of a segment');
  const previousId = cursor.u64();
  check(segment.previousId === undefined ? previousId < segment.id : previousId === segment.previousId, 'Row');
  const keyBytes = cursor.u32();
  check(cursor.u32() === (row.id === SHARED_STREAM_ID ? 1 : 0), 'Flags of a segment file');
  check(cursor.take(keyBytes).equals(row.key), 'Key in a segment file');
  cursor.reserved(cursor.left);
}

/**
 * The frames of a segment, fillers included, each checked by itself and against the one before. The segment's own
 * numbers, and its footer if it is sealed, are checked behind the last one.
 */
export function* readFrames(
  directory: string,
  uuid: Buffer,
  row: Row,
  segment: Segment,
  previousChain: Buffer,
  pieces: readonly Piece[],
): Generator<Frame> {
  const bytes = segmentBytes(join(directory, segmentPath(row, segment)), uuid, row, segment, pieces);
  const isShared = row.id === SHARED_STREAM_ID;
  let sequence = segment.firstSequence;
  const frames: Frame[] = [];
  const index: number[][] = [];
  for (let offset = PAGE; offset < segment.end; ) {
    const frame = decodeFrame(bytes.subarray(0, segment.end), segment.id, offset);
    const isFiller = (frame.flags & FILLER) !== 0;
    check(((frame.flags & SHARED) !== 0) === (isShared && !isFiller), 'Flag of a shared frame');
    if (!isShared || isFiller) check(frame.streamId === row.id && frame.firstSequence === sequence, 'Place of a frame');
    if (offset === PAGE || offset >= (index.at(-1)?.[3] ?? 0) + INDEX_STRIDE_BYTES) {
      index.push([sequence, Math.max(frame.firstLsn, index.at(-1)?.[1] ?? 0), frame.time, offset]);
    }
    sequence += frame.recordCount;
    offset = frame.end;
    frames.push(frame);
    yield frame;
  }
  check(sequence === segment.nextSequence, 'Next sequence of a segment');
  const range = rangeOf(frames);
  if (segment.range !== undefined) check(sameNumbers(range, segment.range), 'LSNs and times of a segment');
  if (segment.state === 'sealed') checkFooter(bytes, row, segment, previousChain, range, index);
}

function sameNumbers(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

/** LSN of the first record and the highest one, first and last time. */
function rangeOf(frames: readonly Frame[]): number[] {
  const withRecords = frames.filter((frame) => frame.recordCount > 0);
  const [first, last] = [withRecords[0], withRecords.at(-1)];
  if (first === undefined || last === undefined) return [0, 0, 0, 0];
  const lastLsn = withRecords.reduce((highest, frame) => Math.max(highest, lastLsnOf(frame)), 0);
  return [first.firstLsn, lastLsn, first.time, last.time];
}

/** Of its last record. */
export function lastLsnOf(frame: Frame): number {
  if ((frame.flags & LSN_DIFFERENCES) === 0) return frame.firstLsn + frame.recordCount - 1;
  let lsn = frame.firstLsn;
  const cursor = new Cursor(frame.body);
  for (let record = 0; record < frame.recordCount; record++) {
    cursor.take(4);
    const end = cursor.at + 4 + (cursor.u32() & 0x0fff_ffff);
    lsn += cursor.varint();
    cursor.at = roundUp(end, 8);
  }
  return lsn;
}

function checkFooter(
  bytes: Buffer,
  row: Row,
  segment: Segment,
  previousChain: Buffer,
  range: readonly number[],
  index: readonly number[][],
): void {
  const position = segment.footerPosition;
  check(position === roundUp(segment.end, PAGE), 'Place of a footer');
  check(isZero(bytes.subarray(segment.end, position)), 'Zeros before a footer');
  check(segment.footerBytes % PAGE === 0 && bytes.length === position + segment.footerBytes, 'Length of a sealed file');
  const footer = bytes.subarray(position);
  const { cursor, checksum } = beginFile(footer, 'SEGLOGFT');
  const entriesEnd = 200 + 32 * footer.readUInt32LE(192);
  check(entriesEnd + 16 <= footer.length, 'Length of a footer');
  const seed = segmentSeed(segment.id, position);
  check(crc(seed, footer.subarray(16, entriesEnd)) === checksum, 'Checksum of a footer');

  check(cursor.u64() === segment.id && cursor.u64() === row.id && cursor.u64() === segment.end, 'Ids in a footer');
  const records = segment.nextSequence - segment.firstSequence;
  check(cursor.u64() === records && cursor.u64() === segment.firstSequence, 'Records in a footer');
  check(cursor.u64() === segment.nextSequence - 1, 'Last sequence in a footer');
  check(sameNumbers([cursor.u64(), cursor.u64(), cursor.u64(), cursor.u64()], range), 'LSNs and times in a footer');
  const content = cursor.take(32);
  check(content.equals(sha256(bytes.subarray(0, segment.end))), 'SHA-256 of a segment');
  check(cursor.take(32).equals(previousChain), 'Previous chain of a segment');
  const chain = cursor.take(32);
  check(chain.equals(sha256(previousChain, content)) && chain.equals(segment.chain), 'Chain SHA-256 of a segment');
  check(cursor.u32() === index.length, 'Entries of a footer');
  cursor.reserved(4);
  for (const entry of index) {
    check(sameNumbers([cursor.u64(), cursor.u64(), cursor.u64(), cursor.u64()], entry), 'Index entry');
  }
  const trailer = new Cursor(footer, footer.length - 16);
  check(trailer.u64() === position && trailer.take(8).toString('latin1') === 'SEGLOGFT', 'Trailer of a sealed file');
}

function decodeFrame(bytes: Buffer, segmentId: number, offset: number): Frame {
  const cursor = new Cursor(bytes, offset);
  const header = cursor.take(FRAME_HEADER_BYTES);
  check(header.toString('latin1', 0, 4) === 'SGFR', 'Magic of a frame');
  const [recordCount, bodyBytes, flags] = [header.readUInt32LE(40), header.readUInt32LE(44), header.readUInt16LE(48)];
  const body = cursor.take(bodyBytes);
  const tableBytes = (flags & OFFSET_TABLE) === 0 ? 0 : roundUp(2 * recordCount, 8);
  check(tableBytes <= bodyBytes, 'Offset table of a frame');
  const headerSum = crc(segmentSeed(segmentId, offset), header.subarray(8));
  check(crc(headerSum, body.subarray(bodyBytes - tableBytes)) === header.readUInt32LE(4), 'Checksum of a frame');

  const fields = new Cursor(header, 8);
  const [streamId, firstSequence, firstLsn, time] = [fields.u64(), fields.u64(), fields.u64(), fields.u64()];
  fields.take(4 + 4 + 2); // record count, body bytes, flags
  const [codec, previousOffset, previousSegmentId] = [fields.u16(), 8 * fields.u32(), fields.u64()];
  check((flags & ~15) === 0 && codec === 0 && bodyBytes % 8 === 0 && recordCount <= 65_535, 'Header of a frame');
  check(bodyBytes <= (recordCount > 1 ? 2 ** 19 : 2 ** 28), 'Length of a frame');
  check(((flags & FILLER) !== 0) === (recordCount === 0), 'A frame without records is a filler');
  if (recordCount === 0) check(flags === FILLER && isZero(body), 'Filler');
  check(((flags & OFFSET_TABLE) !== 0) === recordCount > 16, 'Frame with an offset table');
  check((flags & SHARED) !== 0 || (previousOffset === 0 && previousSegmentId === 0), 'Frame before another one');
  const end = cursor.at;
  return {
    offset,
    end,
    streamId,
    firstSequence,
    firstLsn,
    time,
    recordCount,
    flags,
    previousOffset,
    previousSegmentId,
    body,
  };
}

export function* readRecords(frame: Frame, segmentId: number): Generator<StoredRecord> {
  const { body, recordCount } = frame;
  const hasDifferences = (frame.flags & LSN_DIFFERENCES) !== 0;
  const hasTable = (frame.flags & OFFSET_TABLE) !== 0;
  const tableAt = hasTable ? body.length - roundUp(2 * recordCount, 8) : body.length;
  let [at, lsn] = [0, frame.firstLsn];
  for (let index = 0; index < recordCount; index++) {
    if (hasTable) check(8 * body.readUInt16LE(tableAt + 2 * index) === at, 'Entry of an offset table');
    check(at + 8 <= tableAt, 'A frame ends before its last record');
    const length = body.readUInt32LE(at + 4);
    const end = at + 8 + (length & 0x0fff_ffff);
    check(end <= tableAt, 'A record is longer than its frame');
    const seed = segmentSeed(segmentId, frame.offset + FRAME_HEADER_BYTES + at);
    check(crc(seed, body.subarray(at + 4, end)) === body.readUInt32LE(at), 'Checksum of a record');

    const payload = new Cursor(body.subarray(at + 8, end));
    if (hasDifferences) {
      const difference = payload.varint();
      check((difference === 0) === (index === 0), 'LSN difference of a record');
      lsn += difference;
    } else if (index > 0) {
      lsn++;
    }
    const kind = ([undefined, 'data', 'checkpoint', 'filler', 'operation'] as const)[(length >>> 28) & 7];
    check(kind !== undefined, 'Kind of a record');
    const userHeaders = length >>> 31 === 1 ? payload.take(payload.varint()) : undefined;
    if (userHeaders !== undefined) check(userHeaders.length >= 1 && userHeaders.length <= 65_536, 'User headers');
    const data = payload.take(payload.left);
    check(data.length <= 2 ** 27, 'Length of data');
    yield { sequence: frame.firstSequence + index, lsn, time: frame.time, kind, userHeaders, data };
    at = roundUp(end, 8);
  }
  if (recordCount > 0) check(at === tableAt, 'Bytes behind the last record of a frame');
  if (hasTable) check(isZero(body.subarray(tableAt + 2 * recordCount)), 'Offset table of a frame');
}

/** As the JavaScript API encodes them: names, and values that are strings or bytes. */
export function decodeUserHeaders(bytes: Buffer): Array<readonly [name: string, value: string | Buffer]> {
  const cursor = new Cursor(bytes);
  const count = cursor.varint();
  const headers: Array<readonly [string, string | Buffer]> = [];
  for (let index = 0; index < count; index++) {
    const name = cursor.take(cursor.varint()).toString('utf8');
    const type = cursor.u8();
    check(type <= 1, 'Type of a user header');
    const value = cursor.take(cursor.varint());
    headers.push([name, type === 1 ? value.toString('utf8') : value]);
  }
  check(cursor.left === 0, 'Bytes behind the last user header');
  return headers;
}

function sha256(...parts: Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
