// SPDX-License-Identifier: MIT
// An append that expects a sequence and finds it taken: by itself, where it is a retry whose answer was lost.

import type { Engine } from './engine.js';
import { SeglogError } from './errors.js';
import { encodeHeaders } from './headers.js';
import { BatchReader, batchRequest } from './reader.js';
import type { StreamRef } from './stream-ref.js';
import { Appended } from './tickets.js';
import type { AppendResult } from './types.js';

interface Wanted {
  readonly stream: StreamRef;
  readonly seq: number;
  readonly durability: number;
  readonly headers: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/**
 * Settles as `appended` does; but where the record that has the sequence is the wanted one, byte for byte, resolves with
 * that one, once it is as durable as was asked.
 */
export async function unlessStored(
  engine: Engine,
  wanted: Wanted,
  appended: Promise<AppendResult>,
): Promise<AppendResult> {
  try {
    return await appended;
  } catch (error) {
    if (!(error instanceof SeglogError) || error.code !== 'SEQ_CONFLICT') throw error;
    const { stream, seq } = wanted;
    if (error.actualSeq === undefined || error.actualSeq <= seq) throw error;
    const request = batchRequest({ from: seq, to: seq, batchBytes: 1, visible: 'accepted' });
    const { value: batch } = await new BatchReader(engine, stream, request).next();
    const stored = batch?.at(0);
    if (stored === undefined || stored.seq !== seq || !stored.data.equals(wanted.data)) throw error;
    if (!sameBytes(encodeHeaders(stored.headers), wanted.headers)) throw error;
    if (wanted.durability !== engine.durabilityIndex('none')) {
      await engine.request((log, token) => engine.native.waitDurable(log, stored.lsn, token));
    }
    return new Appended(seq, stored.lsn, engine.idOf(stream));
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return Buffer.from(a ?? []).equals(Buffer.from(b ?? []));
}
