// SPDX-License-Identifier: MIT
// The journal: its live files, the walk over their commit blocks, and whether what lies behind the walk's end is a
// torn tail or damage.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginFile, Cursor, check, crc, isZero, journalSeed, PAGE, Refusal, roundUp } from './bytes.js';
import type { Catalogue } from './catalogue.js';

const BLOCKS_OFFSET = 8192;
const BLOCK_HEADER_BYTES = 96;

interface JournalFile {
  readonly generation: number;
  readonly uuid: Buffer;
  readonly salt: Buffer;
  readonly recycled: boolean;
  /** What the header states, and what there is. */
  readonly fileBytes: number;
  readonly bytes: Buffer;
}

export interface Block {
  readonly generation: number;
  readonly offset: number;
  readonly end: number;
  readonly itemCount: number;
  readonly number: number;
  readonly mark: number;
  readonly firstLsn: number;
  readonly time: number;
  readonly previousGeneration: number;
  readonly previousEnd: number;
  readonly sharedSegmentId: number;
  readonly body: Buffer;
}

/** Where the walk ended before bytes that were never known to be durable. */
export interface TornTail {
  readonly generation: number;
  readonly offset: number;
  /** Number of the commit that is not there. */
  readonly commit: number;
  /** Whole blocks that lie behind. */
  readonly voidBlocks: number;
}

export interface Journal {
  readonly blocks: readonly Block[];
  /** The highest mark. */
  readonly durable: number;
  readonly tornTail: TornTail | undefined;
  /** Of the files that have blocks. */
  readonly recycledFiles: number;
  readonly files: number;
}

export function readJournal(directory: string, catalogue: Catalogue): Journal {
  const files = liveFiles(directory, catalogue);
  const { blocks, file, offset, expected } = walk(files, catalogue.startCommit);

  // A length in a bad block is not to be trusted: hence every page.
  let durable = catalogue.mark;
  let voidBlocks = 0;
  for (const each of files) {
    for (let page = BLOCKS_OFFSET; page < each.bytes.length; page += PAGE) {
      const block = blockHeader(each, page);
      if (block === undefined) continue;
      durable = Math.max(durable, block.mark);
      if (block.number >= expected && isWhole(each, block)) voidBlocks++;
    }
  }
  check(durable < expected, `Commit ${expected} was durable and is not in the journal`);
  const later = files.filter((each) => each.generation > file.generation);
  const isTorn = voidBlocks > 0 || isTouched(file, offset) || later.some((each) => isTouched(each, BLOCKS_OFFSET));
  const used = new Set(blocks.map((block) => block.generation));
  return {
    blocks,
    durable,
    tornTail: isTorn ? { generation: file.generation, offset, commit: expected, voidBlocks } : undefined,
    recycledFiles: files.filter((each) => each.recycled && used.has(each.generation)).length,
    files: used.size,
  };
}

/** Whether the page, if the file has room for it, is known not to be what its making or the block before left there. */
function isTouched(file: JournalFile, offset: number): boolean {
  if (offset + PAGE > file.fileBytes) return false;
  return offset + PAGE > file.bytes.length || !isZero(file.bytes.subarray(offset, offset + PAGE));
}

/** Those that may hold blocks, in order. */
function liveFiles(directory: string, catalogue: Catalogue): JournalFile[] {
  const files: JournalFile[] = [];
  for (const name of readdirSync(join(directory, 'journal')).sort()) {
    const digits = /^(\d{20})\.journal$/.exec(name)?.[1];
    if (digits === undefined || Number(digits) < catalogue.startGeneration) continue;
    const bytes = readFileSync(join(directory, 'journal', name));
    const file = decodeFile(bytes);
    check(file.uuid.equals(catalogue.uuid), `${name} is of another log`);
    if (file.generation === Number(digits)) files.push(file);
  }
  check(files[0]?.generation === catalogue.startGeneration, 'The first file of the journal is not there');
  return files;
}

/** By the first of its two headers that is valid. */
function decodeFile(bytes: Buffer): JournalFile {
  let refusal = new Refusal('CORRUPT', 'A journal file without room for its headers');
  for (let offset = 0; offset + PAGE <= Math.min(bytes.length, BLOCKS_OFFSET); offset += PAGE) {
    try {
      return { ...decodeHeader(bytes.subarray(offset, offset + PAGE)), bytes };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (refusal.code !== 'UNSUPPORTED') refusal = error;
    }
  }
  throw refusal;
}

function decodeHeader(page: Buffer): Omit<JournalFile, 'bytes'> {
  const { cursor, checksum } = beginFile(page, 'SEGLOGJR');
  check(crc(0, page.subarray(16)) === checksum, 'Checksum of a journal file');
  const uuid = cursor.take(16);
  const generation = cursor.u64();
  const salt = cursor.take(8);
  const fileBytes = cursor.u64();
  const flags = cursor.u32();
  cursor.reserved(4036);
  check(generation >= 1 && (flags & ~1) === 0, 'Header of a journal file');
  check(fileBytes % PAGE === 0 && fileBytes >= 3 * PAGE, 'Length of a journal file');
  return { generation, uuid, salt, recycled: flags === 1, fileBytes };
}

function walk(
  files: readonly JournalFile[],
  startCommit: number,
): { blocks: Block[]; file: JournalFile; offset: number; expected: number } {
  const blocks: Block[] = [];
  let [file] = files;
  check(file !== undefined, 'A journal without files');
  let offset = BLOCKS_OFFSET;
  let expected = startCommit;
  for (;;) {
    const block = acceptedBlock(file, offset, expected);
    if (block === undefined) {
      const next = nextFile(files, file, offset, expected);
      if (next === undefined) return { blocks, file, offset, expected };
      file = next;
      offset = BLOCKS_OFFSET;
      continue;
    }
    blocks.push(block);
    offset = block.end;
    expected++;
  }
}

/** The file whose first block says that it goes on here, or where a file begins that was never written to. */
function nextFile(
  files: readonly JournalFile[],
  file: JournalFile,
  offset: number,
  expected: number,
): JournalFile | undefined {
  return files.find((later) => {
    const block = later.generation > file.generation ? blockHeader(later, BLOCKS_OFFSET) : undefined;
    if (block?.number !== expected) return false;
    if (block.previousGeneration === file.generation) return block.previousEnd === offset;
    const between = files.find((each) => each.generation === block.previousGeneration);
    return (
      between !== undefined &&
      between.generation > file.generation &&
      between.generation < later.generation &&
      block.previousEnd === BLOCKS_OFFSET &&
      blockHeader(between, BLOCKS_OFFSET) === undefined
    );
  });
}

function acceptedBlock(file: JournalFile, offset: number, expected: number): Block | undefined {
  const block = blockHeader(file, offset);
  return block?.number === expected && isWhole(file, block) ? block : undefined;
}

function isWhole(file: JournalFile, block: Block): boolean {
  const seed = journalSeed(file.uuid, file.generation, file.salt, block.offset);
  return block.end <= file.bytes.length && crc(seed, block.body) === file.bytes.readUInt32LE(block.offset + 8);
}

/** The block whose header is valid here; its body need not be. */
function blockHeader(file: JournalFile, offset: number): Block | undefined {
  const bytes = file.bytes.subarray(offset, offset + BLOCK_HEADER_BYTES);
  if (bytes.length < BLOCK_HEADER_BYTES || bytes.toString('latin1', 0, 4) !== 'SGCB') return undefined;
  const seed = journalSeed(file.uuid, file.generation, file.salt, offset);
  const cursor = new Cursor(bytes, 4);
  if (cursor.u32() !== crc(seed, bytes.subarray(8))) return undefined;
  cursor.take(4); // body checksum
  const [itemCount, bodyBytes, flags] = [cursor.u32(), cursor.u32(), cursor.u32()];
  const [number, mark] = [cursor.u64(), cursor.u64()];
  cursor.take(8); // LSN limit: for writers
  const [firstLsn, time, generation] = [cursor.u64(), cursor.u64(), cursor.u64()];
  const [previousGeneration, previousEnd, sharedSegmentId] = [cursor.u64(), cursor.u64(), cursor.u64()];
  const begin = offset + BLOCK_HEADER_BYTES;
  const isValid =
    flags === 0 &&
    number >= 1 &&
    mark < number &&
    generation === file.generation &&
    bodyBytes % 8 === 0 &&
    bodyBytes <= 2 ** 30 &&
    itemCount * 32 <= bodyBytes &&
    previousGeneration < generation &&
    (offset === BLOCKS_OFFSET || (previousGeneration === 0 && previousEnd === 0));
  if (!isValid) return undefined;
  return {
    generation,
    offset,
    end: roundUp(begin + bodyBytes, PAGE),
    itemCount,
    number,
    mark,
    firstLsn,
    time,
    previousGeneration,
    previousEnd,
    sharedSegmentId,
    body: file.bytes.subarray(begin, begin + bodyBytes),
  };
}
