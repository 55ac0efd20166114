// SPDX-License-Identifier: MIT
// What everything in the format is made of: fixed integers, varints, checksums and their seeds. Like the whole of this
// directory, written from docs/format.md alone: it imports nothing of seglog, and nothing but tests imports it.

export const PAGE = 4096;

/** Why a log is not read: its bytes contradict the document, or a later version of seglog wrote them. */
export class Refusal extends Error {
  readonly code: 'CORRUPT' | 'UNSUPPORTED';

  constructor(code: 'CORRUPT' | 'UNSUPPORTED', message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

export function check(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Refusal('CORRUPT', rule);
}

/** 2^64 - 1 as a number, which rounds it to 2^64; no other number above 2^53 gets past `toNumber`. */
export const SHARED_STREAM_ID: number = Number(0xffff_ffff_ffff_ffffn);

function toNumber(value: bigint): number {
  if (value === 0xffff_ffff_ffff_ffffn) return SHARED_STREAM_ID;
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Refusal('UNSUPPORTED', 'This reader counts to 2^53');
  return Number(value);
}

/** Reads one field after the other; running out of bytes is a refusal. */
export class Cursor {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  take(count: number): Buffer {
    check(count <= this.left, 'A structure ends before its last field');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16LE();
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  u64(): number {
    return toNumber(this.take(8).readBigUInt64LE());
  }

  /** In its shortest form, below 2^64. */
  varint(): number {
    let value = 0n;
    for (let index = 0n; index < 10n; index++) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << (7n * index);
      if (byte >= 0x80) continue;
      check(byte !== 0 || index === 0n, 'A varint has a shorter form');
      check(value < 1n << 64n, 'A varint does not fit in 64 bits');
      return toNumber(value);
    }
    throw new Refusal('CORRUPT', 'A varint has more than 10 bytes');
  }

  reserved(count: number): void {
    check(isZero(this.take(count)), 'A reserved field is not zero');
  }
}

export function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0x82f6_3b78);
  return crc;
});

/** CRC-32C of `bytes`, continuing `seed`. */
export function crc(seed: number, bytes: Uint8Array): number {
  let value = ~seed;
  // An index, since iterators are slow here: all bytes of a log pass this loop.
  for (let index = 0; index < bytes.length; index++) {
    value = (value >>> 8) ^ (CRC_TABLE[(value ^ (bytes[index] ?? 0)) & 0xff] ?? 0);
  }
  return ~value >>> 0;
}

function u64Bytes(...values: number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * index);
  return bytes;
}

export function segmentSeed(segmentId: number, offset: number): number {
  return crc(0, u64Bytes(segmentId, offset));
}

export function journalSeed(uuid: Buffer, generation: number, salt: Buffer, offset: number): number {
  return crc(0, Buffer.concat([uuid, u64Bytes(generation), salt, u64Bytes(offset)]));
}

/** Checks the first 12 bytes of a file or footer. Returns a cursor behind its checksum, and that. */
export function beginFile(bytes: Buffer, magic: string): { cursor: Cursor; checksum: number } {
  const cursor = new Cursor(bytes);
  check(cursor.take(8).toString('latin1') === magic, `Not a file of the kind ${magic}`);
  if (cursor.u32() !== 1) throw new Refusal('UNSUPPORTED', `A version of ${magic} that is not 1`);
  return { checksum: cursor.u32(), cursor };
}
