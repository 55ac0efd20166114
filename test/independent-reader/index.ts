// SPDX-License-Identifier: MIT
// An independent reader of seglog's directories, written from docs/format.md alone, in plain TypeScript and without
// any of seglog's code: where it and the native reader differ, one of them or the document is wrong. It opens nothing
// for writing, is made for tests (whole files in memory), and checks everything that the document says is checkable.

import { join } from 'node:path';
import { check } from './bytes.js';
import { type Row, readCatalogue, type Segment, type SegmentState } from './catalogue.js';
import { readJournal, type TornTail } from './journal.js';
import {
  decodeUserHeaders,
  type Frame,
  hasBody,
  LSN_DIFFERENCES,
  lastLsnOf,
  type RecordKind,
  readFrames,
  readRecords,
  type StoredRecord,
  segmentPath,
} from './segments.js';
import { OFFSET_TABLE, type Piece, replay, SHARED } from './table.js';

export { Refusal } from './bytes.js';
export type { RecordKind, SegmentState, TornTail };

export interface LogRecord {
  readonly sequence: number;
  readonly lsn: number;
  /** Microseconds since 1970. */
  readonly time: number;
  readonly kind: RecordKind;
  readonly headers: ReadonlyArray<readonly [name: string, value: string | Buffer]>;
  readonly data: Buffer;
}

export interface LogStream {
  readonly key: Buffer;
  readonly id: number;
  readonly created: number;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly segments: ReadonlyArray<{ readonly path: string; readonly state: SegmentState; readonly end: number }>;
  /** In order. Throws a `Refusal` behind the last record before damage. */
  records(): Generator<LogRecord>;
}

export interface IndependentLog {
  readonly clean: boolean;
  readonly tornTail: TornTail | undefined;
  readonly streams: readonly LogStream[];
  readonly sharedSegments: ReadonlyArray<{ readonly path: string; readonly state: SegmentState; readonly end: number }>;
  readonly counts: {
    readonly journalFiles: number;
    readonly recycledFiles: number;
    readonly journalBlocks: number;
    /** Those of them that the catalogue does not reflect yet. */
    readonly commitsAfterSnapshot: number;
    /** In these blocks, by kind. */
    readonly items: Readonly<Record<string, number>>;
    /** Frames that `records()` has read so far. */
    readonly frames: Readonly<FrameCounts>;
  };
}

interface FrameCounts {
  own: number;
  shared: number;
  fillers: number;
  withLsnDifferences: number;
  withTables: number;
}

/** Reads the catalogue and the journal of a log that no process has open. Throws a `Refusal` where they are damaged. */
export function readLog(directory: string): IndependentLog {
  const catalogue = readCatalogue(directory);
  const journal = readJournal(directory, catalogue);
  const { pieces, items, torn } = replay(catalogue, journal.blocks, journal.durable, (row, segment, ...body) =>
    hasBody(join(directory, segmentPath(row, segment)), segment.id, ...body),
  );
  const voidBlocks = torn === undefined ? 0 : journal.blocks.filter(({ number }) => number >= torn.number).length;
  const reader = new Reader(directory, catalogue.uuid, catalogue.sharedRow, pieces);
  return {
    clean: catalogue.clean,
    tornTail:
      torn === undefined
        ? journal.tornTail
        : { generation: torn.generation, offset: torn.offset, commit: torn.number, voidBlocks },
    streams: [...catalogue.streams.values()].map((row) => ({
      key: row.key,
      id: row.id,
      created: row.created,
      firstSequence: row.firstSequence,
      nextSequence: row.nextSequence,
      segments: describe(row),
      records: () => reader.records(row),
    })),
    sharedSegments: describe(catalogue.sharedRow),
    counts: {
      journalFiles: journal.files,
      recycledFiles: journal.recycledFiles,
      journalBlocks: journal.blocks.length,
      commitsAfterSnapshot: journal.blocks.filter(({ number }) => number > catalogue.mark).length,
      items,
      frames: reader.counts,
    },
  };
}

function describe(row: Row): Array<{ path: string; state: SegmentState; end: number }> {
  return row.segments.map((segment) => ({ path: segmentPath(row, segment), state: segment.state, end: segment.end }));
}

class Reader {
  readonly counts: FrameCounts = { own: 0, shared: 0, fillers: 0, withLsnDifferences: 0, withTables: 0 };
  readonly #directory: string;
  readonly #uuid: Buffer;
  readonly #sharedRow: Row;
  readonly #pieces: ReadonlyMap<number, readonly Piece[]>;
  #sharedFrames: Map<string, Frame> | undefined;

  constructor(directory: string, uuid: Buffer, sharedRow: Row, pieces: ReadonlyMap<number, readonly Piece[]>) {
    this.#directory = directory;
    this.#uuid = uuid;
    this.#sharedRow = sharedRow;
    this.#pieces = pieces;
  }

  *records(row: Row): Generator<LogRecord> {
    let [sequence, lsn, time] = [0, 0, 0];
    for (const [frame, segmentId] of this.#framesOf(row)) {
      check(sequence === 0 || frame.firstSequence === sequence, 'Sequence of a frame');
      this.#count(frame);
      if (sequence === 0) check(frame.firstSequence <= row.firstSequence, 'First sequence of a stream');
      for (const record of readRecords(frame, segmentId)) {
        check(record.lsn > lsn && record.time >= time, 'Order of records');
        [sequence, lsn, time] = [record.sequence + 1, record.lsn, record.time];
        if (record.sequence >= row.firstSequence) yield toLogRecord(record);
      }
    }
    check(sequence === row.nextSequence || (sequence === 0 && row.firstSequence === row.nextSequence), 'Next sequence');
  }

  /** With records, in order: those in shared segments, then those in the stream's own. */
  *#framesOf(row: Row): Generator<[Frame, segmentId: number]> {
    yield* this.#sharedFramesOf(row);
    for (const frame of this.#ownFrames(row)) {
      if (frame[0].recordCount > 0) yield frame;
      else this.counts.fillers++;
    }
  }

  *#ownFrames(row: Row): Generator<[Frame, segmentId: number]> {
    let previous: Segment | undefined;
    for (const segment of row.segments) {
      const chain = previous?.chain ?? row.droppedChain;
      const pieces = this.#pieces.get(segment.id) ?? [];
      for (const frame of readFrames(this.#directory, this.#uuid, row, segment, chain, pieces))
        yield [frame, segment.id];
      previous = segment;
    }
  }

  #count({ flags }: Frame): void {
    if ((flags & SHARED) === 0) this.counts.own++;
    else this.counts.shared++;
    if ((flags & LSN_DIFFERENCES) !== 0) this.counts.withLsnDifferences++;
    if ((flags & OFFSET_TABLE) !== 0) this.counts.withTables++;
  }

  /** From the last one back to the first. */
  #sharedFramesOf(row: Row): Array<[Frame, segmentId: number]> {
    const frames: Array<[Frame, number]> = [];
    if (row.shared === undefined) return frames;
    this.#sharedFrames ??= new Map(
      Array.from(this.#ownFrames(this.#sharedRow), ([frame, segmentId]) => [`${segmentId}:${frame.offset}`, frame]),
    );
    let [segmentId, offset] = [row.shared.segmentId, row.shared.offset];
    let next = row.segments[0]?.firstSequence ?? row.nextSequence;
    let bytes = 0;
    while (segmentId !== 0) {
      const frame = this.#sharedFrames.get(`${segmentId}:${offset}`);
      check(frame?.streamId === row.id, 'A frame in a shared segment is not there');
      check(frame.recordCount > 0 && frame.firstSequence + frame.recordCount === next, 'Chain of shared frames');
      frames.push([frame, segmentId]);
      bytes += frame.end - frame.offset;
      next = frame.firstSequence;
      [segmentId, offset] = [frame.previousSegmentId, frame.previousOffset];
    }
    check(frames.at(-1)?.[1] === row.shared.firstSegmentId && bytes === row.shared.bytes, 'Bytes of shared frames');
    const [last] = frames;
    const { last: stored } = row.shared;
    if (last !== undefined && stored !== undefined) {
      check(lastLsnOf(last[0]) === stored[0] && last[0].time === stored[1], 'Last record in shared segments');
    }
    return frames.reverse();
  }
}

function toLogRecord({ sequence, lsn, time, kind, userHeaders, data }: StoredRecord): LogRecord {
  const headers = userHeaders === undefined ? [] : decodeUserHeaders(userHeaders);
  return { sequence, lsn, time, kind, headers, data };
}
