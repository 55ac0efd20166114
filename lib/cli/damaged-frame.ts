// SPDX-License-Identifier: MIT
// The frame that damage lies in, as it stands in the segment's file: what a read does not return.

import type { Damage } from '../index.js';
import { BODY_BYTES_OFFSET, FRAME_HEADER_BYTES, isFrame } from './frame-fields.js';
import { bytesAt, withFileInside } from './inside.js';

/** A frame with more than one record is no longer than this, so that its header is no further away. */
const FRAME_BYTES_MAX = 512 * 1024 + 4096;
const ALIGNMENT = 8;
const MAGIC = Buffer.from('SGFR');
/** Of what is no frame any more this much is shown. */
const UNKNOWN_BYTES_SHOWN = 4096;

export interface DamagedFrame {
  readonly segmentId: string;
  readonly frameOffset: number;
  /** Undefined where the frame's header is damaged: nothing says where its records begin. */
  readonly recordOffset: number | undefined;
  readonly frame: Buffer;
}

/** Reads the frame; undefined where the file ends before the damage. */
export async function readDamagedFrame(directory: string, damage: Damage): Promise<DamagedFrame | undefined> {
  const segmentId = /-0*([0-9a-f]+)\.seg$/.exec(damage.file)?.[1] ?? '0';
  return withFileInside(directory, damage.file, async (handle) => {
    const { size } = await handle.stat();
    const from = Math.max(0, damage.offset - FRAME_BYTES_MAX);
    const before = await bytesAt(handle, from, damage.offset + FRAME_HEADER_BYTES - from);
    for (let at = damage.offset - from; at >= 0; at = before.lastIndexOf(MAGIC, at - 1)) {
      const frameOffset = from + at;
      if (frameOffset % ALIGNMENT === 0 && before.length >= at + FRAME_HEADER_BYTES) {
        const total = FRAME_HEADER_BYTES + before.readUInt32LE(at + BODY_BYTES_OFFSET);
        // A damaged length may be any.
        const isWhole = frameOffset + total > damage.offset && frameOffset + total <= size;
        const frame = isWhole ? await bytesAt(handle, frameOffset, total) : undefined;
        if (frame !== undefined && isFrame({ segmentId: BigInt(`0x${segmentId}`), frameOffset, frame })) {
          const isRecord = damage.offset >= frameOffset + FRAME_HEADER_BYTES;
          return { segmentId, frameOffset, recordOffset: isRecord ? damage.offset : undefined, frame };
        }
      }
      if (at === 0) break;
    }
    const bytes = Math.min(damage.bytes === 0 ? UNKNOWN_BYTES_SHOWN : damage.bytes, UNKNOWN_BYTES_SHOWN);
    const frame = await bytesAt(handle, damage.offset, bytes);
    if (frame.length < FRAME_HEADER_BYTES) return undefined;
    return { segmentId, frameOffset: damage.offset, recordOffset: undefined, frame };
  });
}
