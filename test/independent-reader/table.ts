// SPDX-License-Identifier: MIT
// Brings the catalogue's table up to the journal's end, and collects what the journal holds of segments' bytes.

import { Cursor, check, crc, Refusal, roundUp, SHARED_STREAM_ID, segmentSeed } from './bytes.js';
import type { Catalogue, Row, Segment } from './catalogue.js';
import type { Block } from './journal.js';

export const OFFSET_TABLE = 2;
export const FILLER = 4;
export const SHARED = 8;

const FRAME_HEADER_BYTES = 64;

/** Bytes of a segment that a block carries. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

interface FrameItem {
  readonly streamId: number;
  readonly segmentId: number;
  readonly offset: number;
  readonly firstSequence: number;
  readonly recordCount: number;
  readonly flags: number;
  readonly previousOffset: number;
  readonly previousSegmentId: number;
  /** Header and body, as they lie in the segment. */
  readonly bytes: Buffer;
}

/** Frames that were written straight to their segment. */
interface BodyItem {
  readonly streamId: number;
  readonly segmentId: number;
  readonly offset: number;
  readonly bytes: number;
  readonly framesOffset: number;
  readonly firstSequence: number;
  readonly recordCount: number;
  readonly checksum: number;
}

/**
 * Applies the blocks to the catalogue's rows, up to the first one above `durable` of which `hasBody` misses a body.
 * Returns what they carry, by segment id, and that block; counts items by their kinds.
 */
export function replay(
  catalogue: Catalogue,
  blocks: readonly Block[],
  durable: number,
  hasBody: (row: Row, segment: Segment, offset: number, bytes: number, checksum: number) => boolean,
): { pieces: Map<number, Piece[]>; items: Record<string, number>; torn: Block | undefined } {
  const pieces = new Map<number, Piece[]>();
  const items: Record<string, number> = {};
  const isWhole = (body: BodyItem): boolean => {
    const row = catalogue.streams.get(body.streamId);
    const segment = row?.segments.find(({ id }) => id === body.segmentId);
    check(row !== undefined && segment !== undefined, 'A body of an unknown segment');
    return hasBody(row, segment, body.offset, body.bytes, body.checksum);
  };
  for (const block of blocks) {
    if (block.number > durable && !bodiesOf(block).every(isWhole)) return { pieces, items, torn: block };
    const table = block.number > catalogue.mark ? new Table(catalogue) : undefined;
    const cursor = new Cursor(block.body);
    for (let index = 0; index < block.itemCount; index++) {
      const [kind, flags, recordCount, bytes] = [cursor.u8(), cursor.u8(), cursor.u16(), cursor.u32()];
      const item = new Cursor(cursor.take(bytes));
      cursor.take(roundUp(bytes, 8) - bytes);
      check(kind === 1 || kind === 8 || (flags === 0 && recordCount === 0), 'Reserved fields of an item');
      const [name, piece] = decodeItem(kind, flags, recordCount, item, block, table);
      items[name] = (items[name] ?? 0) + 1;
      if (piece === undefined) continue;
      const before = pieces.get(piece.segmentId);
      if (before === undefined) pieces.set(piece.segmentId, [piece]);
      else before.push(piece);
    }
    check(cursor.left === 0, 'Bytes behind the last item of a block');
  }
  return { pieces, items, torn: undefined };
}

function bodiesOf(block: Block): BodyItem[] {
  const bodies: BodyItem[] = [];
  const cursor = new Cursor(block.body);
  while (cursor.left > 0) {
    const kind = cursor.u8();
    cursor.take(3);
    const bytes = cursor.u32();
    const item = new Cursor(cursor.take(bytes));
    cursor.take(roundUp(bytes, 8) - bytes);
    if (kind === 3) bodies.push(decodeBodyItem(item));
  }
  return bodies;
}

function decodeBodyItem(item: Cursor): BodyItem {
  const [streamId, segmentId, offset, bytes] = [item.u64(), item.u64(), item.u64(), item.u64()];
  const [framesOffset, firstSequence, firstLsn, lastLsn] = [item.u64(), item.u64(), item.u64(), item.u64()];
  const [recordCount, checksum] = [item.u32(), item.u32()];
  check(offset % 4096 === 0 && offset >= 4096 && bytes % 4096 === 0 && item.left === 0, 'Body item');
  check(framesOffset % 8 === 0 && framesOffset >= offset && framesOffset < offset + bytes, 'Frames of a body item');
  check(recordCount >= 1 && firstSequence >= 1 && firstLsn >= 1, 'Records of a body item');
  check(lastLsn - firstLsn >= recordCount - 1, 'LSNs of a body item');
  return { streamId, segmentId, offset, bytes, framesOffset, firstSequence, recordCount, checksum };
}

type SegmentPiece = Piece & { readonly segmentId: number };

function decodeItem(
  kind: number,
  flags: number,
  recordCount: number,
  item: Cursor,
  block: Block,
  table: Table | undefined,
): [name: string, piece?: SegmentPiece] {
  switch (kind) {
    case 1:
    case 8: {
      const frame = decodeFrameItem(kind, flags, recordCount, item, block);
      table?.frame(frame);
      if ((frame.flags & FILLER) !== 0) return ['filler', frame];
      return [kind === 8 ? 'shared frame' : 'frame', frame];
    }
    case 2: {
      item.take(8); // stream id
      const [segmentId, offset] = [item.u64(), item.u64()];
      check(offset % 8 === 0 && offset >= 4096 && item.left > 0, 'Bytes item');
      return ['bytes', { segmentId, offset, bytes: item.take(item.left) }];
    }
    case 3:
      table?.body(decodeBodyItem(item));
      return ['body'];
    case 4:
      table?.createStream(item.u64(), item.u64(), item.take(item.left));
      return ['create stream'];
    case 5:
      table?.rotate(item.u64(), item.u64(), item.u64(), item.u64(), item.u64(), item.u64());
      return ['rotate'];
    case 6: {
      const [streamId, segmentId, position, bytes] = [item.u64(), item.u64(), item.u64(), item.u64()];
      item.take(32); // the content's SHA-256, which the chain's covers
      table?.sealed(streamId, segmentId, position, bytes, item.take(32));
      return ['sealed'];
    }
    case 7:
      table?.truncateBefore(item.u64(), item.u64());
      return ['truncate before'];
    default:
      throw new Refusal('UNSUPPORTED', `An item of the kind ${kind}`);
  }
}

function decodeFrameItem(kind: number, flags: number, recordCount: number, item: Cursor, block: Block): FrameItem {
  const streamId = item.u64();
  const isShared = kind === 8;
  const id = item.u64();
  const offset = 8 * item.u32();
  const firstLsn = block.firstLsn + item.u32();
  const previousOffset = isShared ? item.u32() : 0;
  const firstSequence = isShared ? item.u32() : item.u64();
  const [segmentId, previousSegmentId] = isShared ? [block.sharedSegmentId, id] : [id, 0];
  const body = item.take(item.left);
  check(offset >= 4096 && body.length % 8 === 0 && ((flags & SHARED) !== 0) === isShared, 'Frame item');

  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.write('SGFR', 'latin1');
  for (const [at, value] of [
    [8, streamId],
    [16, firstSequence],
    [24, firstLsn],
    [32, block.time],
    [56, previousSegmentId],
  ] as const) {
    header.writeBigUInt64LE(streamId === SHARED_STREAM_ID && at === 8 ? 0xffff_ffff_ffff_ffffn : BigInt(value), at);
  }
  header.writeUInt32LE(recordCount, 40);
  header.writeUInt32LE(body.length, 44);
  header.writeUInt16LE(flags, 48);
  header.writeUInt32LE(previousOffset, 52);
  const tableBytes = (flags & OFFSET_TABLE) === 0 ? 0 : roundUp(2 * recordCount, 8);
  check(tableBytes <= body.length, 'Offset table of a frame item');
  const seed = crc(segmentSeed(segmentId, offset), header.subarray(8));
  header.writeUInt32LE(crc(seed, body.subarray(body.length - tableBytes)), 4);
  return {
    streamId,
    segmentId,
    offset,
    firstSequence,
    recordCount,
    flags,
    previousOffset: 8 * previousOffset,
    previousSegmentId,
    bytes: Buffer.concat([header, body]),
  };
}

/** The rows of the catalogue, and what each item does to them. */
class Table {
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  createStream(id: number, created: number, key: Buffer): void {
    const { streams } = this.#catalogue;
    const isNew = !streams.has(id) && ![...streams.values()].some((row) => row.key.equals(key));
    check(isNew && id > 0 && id !== SHARED_STREAM_ID && key.length >= 1 && key.length <= 1024, 'Create stream item');
    streams.set(id, {
      key,
      id,
      created,
      firstSequence: 1,
      nextSequence: 1,
      shared: undefined,
      droppedChain: Buffer.alloc(32),
      segments: [],
    });
  }

  rotate(id: number, oldId: number, oldEnd: number, newId: number, firstSequence: number, created: number): void {
    const row = this.#row(id);
    const old = row.segments.at(-1);
    check(oldId === (old?.id ?? 0) && oldEnd === (old?.end ?? 0), 'Old segment of a rotate item');
    check(newId > oldId && firstSequence === row.nextSequence, 'New segment of a rotate item');
    if (old !== undefined) old.state = 'ended';
    row.segments.push({
      id: newId,
      firstSequence,
      created,
      previousId: oldId,
      nextSequence: firstSequence,
      end: 4096,
      destaged: 0,
      state: 'open',
      footerPosition: 0,
      footerBytes: 0,
      chain: Buffer.alloc(32),
      range: undefined,
    });
  }

  frame(item: FrameItem): void {
    const isShared = (item.flags & SHARED) !== 0;
    const stream = this.#row(item.streamId);
    const row = isShared ? this.#catalogue.sharedRow : stream;
    const segment = row.segments.at(-1);
    check(segment?.state === 'open' && segment.id === item.segmentId, 'Segment of a frame item');
    check(segment.end === item.offset && stream.nextSequence === item.firstSequence, 'Place of a frame item');
    if (isShared) {
      check(stream.segments.length === 0, 'A shared frame of a stream with segments of its own');
      const { shared } = stream;
      check(
        item.previousSegmentId === (shared?.segmentId ?? 0) && item.previousOffset === (shared?.offset ?? 0),
        'Frame before a shared one',
      );
      stream.shared = {
        bytes: (shared?.bytes ?? 0) + item.bytes.length,
        firstSegmentId: shared?.firstSegmentId ?? item.segmentId,
        segmentId: item.segmentId,
        offset: item.offset,
        last: undefined,
      };
      stream.nextSequence += item.recordCount;
    }
    row.nextSequence += item.recordCount;
    segment.nextSequence = row.nextSequence;
    segment.end += item.bytes.length;
    segment.range = undefined;
  }

  body(item: BodyItem): void {
    const row = this.#row(item.streamId);
    const segment = row.segments.at(-1);
    check(segment?.state === 'open' && segment.id === item.segmentId, 'Segment of a body item');
    check(segment.end === item.framesOffset && row.nextSequence === item.firstSequence, 'Place of a body item');
    check(item.offset >= segment.destaged && item.streamId !== SHARED_STREAM_ID, 'Begin of a body item');
    row.nextSequence += item.recordCount;
    segment.nextSequence = row.nextSequence;
    segment.end = item.offset + item.bytes;
    segment.destaged = segment.end;
    segment.range = undefined;
  }

  sealed(id: number, segmentId: number, footerPosition: number, footerBytes: number, chain: Buffer): void {
    const row = this.#row(id);
    const segment = row.segments.find((each) => each.id === segmentId);
    check(segment?.state === 'ended', 'Segment of a sealed item');
    Object.assign(segment, { state: 'sealed', destaged: segment.end, footerPosition, footerBytes, chain });
    this.#drop(row);
  }

  truncateBefore(id: number, firstSequence: number): void {
    const row = this.#row(id);
    check(id !== SHARED_STREAM_ID && firstSequence <= row.nextSequence, 'Truncate before item');
    row.firstSequence = Math.max(row.firstSequence, firstSequence);
    if ((row.segments[0]?.firstSequence ?? row.nextSequence) <= row.firstSequence) row.shared = undefined;
    this.#drop(row);
    this.#drop(this.#catalogue.sharedRow);
  }

  /** Drops the sealed segments in front of which nothing is left. */
  #drop(row: Row): void {
    const { sharedRow, streams } = this.#catalogue;
    const isNeeded = (segment: Segment): boolean =>
      row === sharedRow
        ? [...streams.values()].some((stream) => stream.shared?.firstSegmentId === segment.id)
        : segment.nextSequence > row.firstSequence;
    for (;;) {
      const [segment] = row.segments;
      if (segment?.state !== 'sealed' || isNeeded(segment)) return;
      row.droppedChain = segment.chain;
      row.segments.shift();
    }
  }

  #row(id: number): Row {
    const row = id === SHARED_STREAM_ID ? this.#catalogue.sharedRow : this.#catalogue.streams.get(id);
    check(row !== undefined, 'An item of an unknown stream');
    return row;
  }
}

/** Lays the pieces over `bytes` from `begin` on: they must cover all of it, and agree where they overlap. */
export function overlay(bytes: Buffer, begin: number, pieces: readonly Piece[]): void {
  let filled = begin;
  for (const piece of [...pieces].sort((a, b) => a.offset - b.offset)) {
    check(piece.offset <= filled || filled >= bytes.length, 'Bytes of a segment are nowhere');
    const known = piece.bytes.subarray(Math.max(0, begin - piece.offset), Math.max(0, filled - piece.offset));
    const at = Math.max(begin, piece.offset);
    check(bytes.subarray(at, at + known.length).equals(known), 'Two items hold different bytes for one place');
    piece.bytes.copy(bytes, filled, Math.min(piece.bytes.length, filled - piece.offset));
    filled = Math.max(filled, piece.offset + piece.bytes.length);
  }
  check(filled >= bytes.length, 'Bytes of a segment are nowhere');
}
