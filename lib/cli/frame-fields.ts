// SPDX-License-Identifier: MIT
// The fields of a frame's header and of a record: names and offsets as docs/format.md has them, which a test compares,
// and their values in one frame. Pure functions.

import { crc32c, segmentSeed } from './crc32c.js';
import { formatTime } from './units.js';

export interface FieldLayout {
  readonly offset: number;
  readonly size: number;
  readonly name: string;
}

export const FRAME_HEADER_BYTES = 64;
export const RECORD_HEADER_BYTES = 8;

/** The table kFrame of docs/format.md. */
export const FRAME_FIELDS: readonly FieldLayout[] = [
  { offset: 0, size: 4, name: 'magic' },
  { offset: 4, size: 4, name: 'checksum' },
  { offset: 8, size: 8, name: 'stream id' },
  { offset: 16, size: 8, name: 'first sequence' },
  { offset: 24, size: 8, name: 'first LSN' },
  { offset: 32, size: 8, name: 'time' },
  { offset: 40, size: 4, name: 'record count' },
  { offset: 44, size: 4, name: 'body bytes' },
  { offset: 48, size: 2, name: 'flags' },
  { offset: 50, size: 2, name: 'codec' },
  { offset: 52, size: 4, name: 'previous offset' },
  { offset: 56, size: 8, name: 'previous segment id' },
];

/** The table kRecord; the payload, of variable size, is shown in its parts. */
export const RECORD_FIELDS: readonly FieldLayout[] = [
  { offset: 0, size: 4, name: 'checksum' },
  { offset: 4, size: 4, name: 'length' },
];

/** The table FrameFlags: bits and their names. */
export const FRAME_FLAGS: ReadonlyMap<number, string> = new Map([
  [1, 'has LSN differences'],
  [2, 'has offset table'],
  [4, 'is filler'],
  [8, 'is shared'],
]);

/** The table RecordKind. */
export const RECORD_KINDS: ReadonlyMap<number, string> = new Map([
  [1, 'data'],
  [2, 'checkpoint'],
  [3, 'filler'],
  [4, 'operation'],
]);

/** Where the header has the length of what follows it. */
export const BODY_BYTES_OFFSET = 44;
const PAYLOAD_BYTES_MASK = 0x0fffffff;
/** The last time that ISO 8601 has for JavaScript, in µs. */
const TIME_US_MAX = 8_640_000_000_000_000_000n;
const KIND_SHIFT = 28;
const KIND_MASK = 7;
const HEADERS_SHIFT = 31;
const ALIGNMENT = 8;

export interface Field {
  readonly structure: 'frame' | 'record';
  readonly name: string;
  /** In the segment's file. */
  readonly offset: number;
  readonly bytes: Buffer;
  /** What the bytes mean; empty where they speak for themselves. */
  readonly value: string;
}

/** A frame with its place: what a checksum is bound to. */
export interface PlacedFrame {
  readonly segmentId: bigint;
  readonly frameOffset: number;
  readonly recordOffset: number;
  /** Header and body. */
  readonly frame: Buffer;
}

/** The fields of the frame's header. */
export function frameFields(placed: PlacedFrame): Field[] {
  const { frame, frameOffset } = placed;
  return FRAME_FIELDS.map(({ offset, size, name }) => {
    const bytes = frame.subarray(offset, offset + size);
    return { structure: 'frame', name, offset: frameOffset + offset, bytes, value: frameValue(placed, name, bytes) };
  });
}

/** The fields of the record, its payload in parts, and the padding behind it. */
export function recordFields(placed: PlacedFrame): Field[] {
  const { frame, frameOffset, recordOffset } = placed;
  const record = frame.subarray(recordOffset - frameOffset);
  const length = record.readUInt32LE(4);
  // A length that is damaged may be any.
  const end = Math.min(record.length, RECORD_HEADER_BYTES + (length & PAYLOAD_BYTES_MASK));
  const fields: Field[] = [];
  let at = 0;
  const add = (name: string, size: number, value: string) => {
    fields.push({ structure: 'record', name, offset: recordOffset + at, bytes: record.subarray(at, at + size), value });
    at += size;
  };
  const seed = segmentSeed(placed.segmentId, recordOffset);
  const values = [checksumValue(record.readUInt32LE(0), crc32c(seed, record.subarray(4, end))), lengthValue(length)];
  for (const [index, { name, size }] of RECORD_FIELDS.entries()) add(name, size, values[index] ?? '');
  if ((frame.readUInt16LE(48) & 1) !== 0) {
    const { value, size } = varint(record, at);
    add('LSN difference', size, String(value));
  }
  if (length >>> HEADERS_SHIFT === 1) {
    const { value, size } = varint(record, at);
    add('user headers length', size, String(value));
    add('user headers', Math.min(value, Math.max(0, end - at)), '');
  }
  add('data', Math.max(0, end - at), '');
  const padding = Math.min((ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT, record.length - end);
  if (padding > 0) add('padding', padding, '');
  return fields;
}

function frameValue(placed: PlacedFrame, name: string, bytes: Buffer): string {
  if (name === 'magic') return bytes.toString('latin1');
  const value = littleEndian(bytes);
  switch (name) {
    case 'checksum':
      return checksumValue(Number(value), frameChecksum(placed));
    case 'stream id':
    case 'previous segment id':
      return `0x${value.toString(16)}`;
    case 'previous offset':
      return (value * 8n).toString();
    case 'time':
      return value <= TIME_US_MAX ? formatTime(Number(value)) : value.toString();
    case 'flags':
      return flagsValue(Number(value));
    default:
      return value.toString();
  }
}

/** Whether the bytes begin with a frame's header whose checksum is right; a table at the frame's end counts in. */
export function isFrame(placed: Omit<PlacedFrame, 'recordOffset'>): boolean {
  const { frame } = placed;
  if (frame.length < FRAME_HEADER_BYTES || frame.toString('latin1', 0, 4) !== 'SGFR') return false;
  const total = FRAME_HEADER_BYTES + frame.readUInt32LE(BODY_BYTES_OFFSET);
  if (total > frame.length) return false;
  return frame.readUInt32LE(4) === frameChecksum({ ...placed, recordOffset: 0, frame: frame.subarray(0, total) });
}

/** Of the header from byte 8 on and, where there is one, of the offset table at the frame's end. */
function frameChecksum({ segmentId, frameOffset, frame }: PlacedFrame): number {
  const crc = crc32c(segmentSeed(segmentId, frameOffset), frame.subarray(8, FRAME_HEADER_BYTES));
  if ((frame.readUInt16LE(48) & 2) === 0) return crc;
  const tableBytes = Math.ceil((2 * frame.readUInt32LE(40)) / ALIGNMENT) * ALIGNMENT;
  return crc32c(crc, frame.subarray(Math.max(0, frame.length - tableBytes)));
}

/** Right, or what the bytes give instead. */
function checksumValue(stored: number, computed: number): string {
  return `${hex32(stored)}, ${stored === computed ? 'right' : `wrong: ${hex32(computed)}`}`;
}

function flagsValue(flags: number): string {
  const names = [...FRAME_FLAGS].filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? 'none' : names.join(', ');
}

function lengthValue(length: number): string {
  const kind = (length >>> KIND_SHIFT) & KIND_MASK;
  const headers = length >>> HEADERS_SHIFT === 1 ? 'headers' : 'no headers';
  return `${length & PAYLOAD_BYTES_MASK} bytes, ${RECORD_KINDS.get(kind) ?? `kind ${kind}`}, ${headers}`;
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

function littleEndian(bytes: Buffer): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** An unsigned LEB128; a size of 0 where there is none. */
function varint(bytes: Buffer, at: number): { readonly value: number; readonly size: number } {
  let value = 0;
  for (let size = 1; size <= 10 && at + size <= bytes.length; size++) {
    const byte = bytes[at + size - 1] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * (size - 1));
    if (byte < 0x80) return { value, size };
  }
  return { value: 0, size: 0 };
}
