// SPDX-License-Identifier: MIT
// The catalogue's snapshot: all streams and segments as of one commit, and where the journal goes on from there.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginFile, type Cursor, check, crc, Refusal, roundUp, SHARED_STREAM_ID } from './bytes.js';

export type SegmentState = 'open' | 'ended' | 'sealed';

export interface Segment {
  readonly id: number;
  readonly firstSequence: number;
  readonly created: number;
  /** Of the segment before it, where it is known. */
  readonly previousId: number | undefined;
  nextSequence: number;
  end: number;
  destaged: number;
  state: SegmentState;
  footerPosition: number;
  footerBytes: number;
  chain: Buffer;
  /** First and last LSN, first and last time, as the snapshot has them; absent once the journal has added a frame. */
  range: readonly number[] | undefined;
}

/** The row of a stream's segments, or that of the shared ones. */
export interface Row {
  readonly key: Buffer;
  readonly id: number;
  readonly created: number;
  firstSequence: number;
  nextSequence: number;
  shared: SharedFrames | undefined;
  droppedChain: Buffer;
  segments: Segment[];
}

/** A stream's frames in shared segments: from the first segment that has one, to the last one's place. */
export interface SharedFrames {
  bytes: number;
  readonly firstSegmentId: number;
  segmentId: number;
  offset: number;
  /** LSN and time of the last record, as the snapshot has them. */
  last: readonly number[] | undefined;
}

export interface Catalogue {
  readonly uuid: Buffer;
  readonly number: number;
  readonly mark: number;
  readonly startGeneration: number;
  readonly startCommit: number;
  readonly clean: boolean;
  readonly sharedRow: Row;
  readonly streams: Map<number, Row>;
}

/** The newer one of the valid snapshots. */
export function readCatalogue(directory: string): Catalogue {
  const valid: Catalogue[] = [];
  let refusal: Refusal | undefined;
  for (const name of ['CATALOG', 'CATALOG.copy']) {
    const path = join(directory, name);
    if (!existsSync(path)) continue;
    try {
      valid.push(decodeCatalogue(readFileSync(path)));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (refusal?.code !== 'UNSUPPORTED') refusal = error;
    }
  }
  const [first, second] = valid;
  if (first === undefined) throw refusal ?? new Refusal('CORRUPT', 'There is no catalogue');
  return second !== undefined && second.number > first.number ? second : first;
}

function decodeCatalogue(bytes: Buffer): Catalogue {
  const { cursor, checksum } = beginFile(bytes, 'SEGLOGCT');
  check(crc(0, bytes.subarray(16)) === checksum, 'Checksum of the catalogue');
  const uuid = cursor.take(16);
  const [number, mark, startGeneration, startCommit] = [cursor.u64(), cursor.u64(), cursor.u64(), cursor.u64()];
  cursor.take(8 + 8); // next LSN and highest generation: for writers
  const logTime = cursor.u64();
  check(cursor.u64() === bytes.length, 'Length of the catalogue');
  const flags = cursor.u32();
  check((flags & ~1) === 0, 'Flags of the catalogue');
  const [streamCount, segmentCount, droppedCount] = [cursor.u32(), cursor.u64(), cursor.u64()];
  cursor.reserved(72);

  const sharedRow = decodeRow(cursor, logTime, undefined);
  const streams = new Map<number, Row>();
  const keys = new Set<string>();
  let segments = sharedRow.segments.length;
  for (let index = 0; index < streamCount; index++) {
    const row = decodeRow(cursor, logTime, sharedRow);
    check(!streams.has(row.id) && !keys.has(row.key.toString('hex')), 'A stream that the catalogue has twice');
    streams.set(row.id, row);
    keys.add(row.key.toString('hex'));
    segments += row.segments.length;
  }
  check(segments === segmentCount, 'Segment count of the catalogue');
  for (let index = 0; index < droppedCount; index++) skipDropped(cursor);
  check(cursor.left === 0, 'Bytes behind the last row of the catalogue');
  return { uuid, number, mark, startGeneration, startCommit, clean: flags === 1, sharedRow, streams };
}

/** `sharedRow` is undefined for that row itself, which comes first. */
function decodeRow(cursor: Cursor, logTime: number, sharedRow: Row | undefined): Row {
  const key = cursor.take(cursor.varint());
  const id = cursor.varint();
  if (sharedRow === undefined) check(key.length === 0 && id === SHARED_STREAM_ID, 'Row of the shared segments');
  else check(key.length >= 1 && key.length <= 1024 && id > 0 && id !== SHARED_STREAM_ID, 'Key and id of a stream');
  const created = logTime - cursor.varint();
  const firstSequence = cursor.varint();
  const nextSequence = firstSequence + cursor.varint();
  check(sharedRow === undefined ? firstSequence === 1 : firstSequence >= 1, 'First sequence of a stream');
  const shared = decodeSharedFrames(cursor, logTime, sharedRow);
  const segmentCount = cursor.varint();
  const droppedChain = segmentCount === 0 ? Buffer.alloc(32) : cursor.take(32);
  const segments: Segment[] = [];
  for (let index = 0; index < segmentCount; index++) segments.push(decodeSegment(cursor, segments.at(-1)));
  const last = segments.at(-1);
  check(
    last === undefined || (last.state === 'open' && last.nextSequence === nextSequence),
    'Last segment of a stream',
  );
  return { key, id, created, firstSequence, nextSequence, shared, droppedChain, segments };
}

function decodeSharedFrames(cursor: Cursor, logTime: number, sharedRow: Row | undefined): SharedFrames | undefined {
  const bytes = 8 * cursor.varint();
  if (bytes === 0) return undefined;
  const first = sharedRow?.segments[cursor.varint()];
  const last = sharedRow?.segments[cursor.varint()];
  check(first !== undefined && last !== undefined, 'Shared segments of a stream');
  const offset = 8 * cursor.varint();
  const lastLsn = cursor.varint();
  return {
    bytes,
    firstSegmentId: first.id,
    segmentId: last.id,
    offset,
    last: [lastLsn, logTime - cursor.varint()],
  };
}

function decodeSegment(cursor: Cursor, previous: Segment | undefined): Segment {
  const [id, firstSequence, nextSequence, end] = [cursor.u64(), cursor.u64(), cursor.u64(), cursor.u64()];
  const [destaged, created] = [cursor.u64(), cursor.u64()];
  const range = [cursor.u64(), cursor.u64(), cursor.u64(), cursor.u64()];
  const [footerPosition, footerBytes] = [cursor.u64(), cursor.u64()];
  const state = (['open', 'ended', 'sealed'] as const)[cursor.u32() - 1];
  cursor.reserved(4);
  const chain = cursor.take(32);
  check(state !== undefined, 'State of a segment');
  check(end >= 4096 && end % 8 === 0 && destaged <= end && nextSequence >= firstSequence, 'Numbers of a segment');
  check(state !== 'open' || destaged % 4096 === 0, 'Destaged bytes of an open segment');
  if (state === 'sealed') check(destaged === end, 'Destaged bytes of a sealed segment');
  else check(footerPosition === 0 && footerBytes === 0 && chain.every((byte) => byte === 0), 'Footer without a seal');
  if (previous !== undefined) {
    check(id > previous.id && firstSequence === previous.nextSequence, 'Order of the segments of a stream');
    check(previous.state !== 'open', 'An open segment that is not the last');
  }
  return {
    id,
    firstSequence,
    created,
    previousId: previous?.id,
    nextSequence,
    end,
    destaged,
    state,
    footerPosition,
    footerBytes,
    chain,
    range,
  };
}

function skipDropped(cursor: Cursor): void {
  cursor.take(8 + 8 + 8); // segment id, commit, file bytes: readers ignore dropped segments
  const pathBytes = cursor.u32();
  cursor.reserved(4);
  check(pathBytes >= 1 && pathBytes <= 512, 'Path of a dropped segment');
  cursor.take(roundUp(pathBytes, 8));
}
