// SPDX-License-Identifier: MIT
// CRC-32C as docs/format.md has it, to show whether a stored checksum is right. A byte at a time: the core has the
// fast one.

const POLYNOMIAL = 0x82f63b78;

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 1 ? POLYNOMIAL : 0);
  return value;
});

/** Continues a checksum; 0 begins one. */
export function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = ~seed;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/** The seed of what lies in a segment at an offset. */
export function segmentSeed(segmentId: bigint, offset: number): number {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(segmentId, 0);
  bytes.writeBigUInt64LE(BigInt(offset), 8);
  return crc32c(0, bytes);
}
