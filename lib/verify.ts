// SPDX-License-Identifier: MIT
// Verifying a whole log: the options, the report, and the promise between them and the addon.

import { checkFunction, checkOptions, checkSignal } from './check.js';
import type { Engine } from './engine.js';
import { CLOSED, toError } from './errors.js';
import type { NativeVerifyResult } from './native.js';
import { type Damage, toDamage } from './report.js';
import { withSignal } from './signal.js';
import type { WaitOptions } from './types.js';

/** How far a verification is. The totals grow by what is appended before its turn comes. */
export interface VerifyProgress {
  /** Bytes of segments, headers and footers included. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly segmentsDone: number;
  readonly segmentsTotal: number;
}

/** Options of {@link Log.verify}. */
export interface VerifyOptions extends WaitOptions {
  /** Called about once per MiB, and at the end. What it throws ends the verification, which rejects with it. */
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/** What a verification has checked, and what is wrong. */
export interface VerifyReport {
  /** Segments that were checked, and how many of them are sealed. Those that were dropped meanwhile do not count. */
  readonly segments: number;
  readonly sealedSegments: number;
  /** Bytes of those segments, headers and footers included. */
  readonly bytes: number;
  /** Records that are sound. */
  readonly records: number;
  /** What is damaged, by stream and place: of more than 10,000 entries the first. Empty: everything is sound. */
  readonly damage: readonly Damage[];
  /** How many entries `damage` leaves out. */
  readonly damageOmitted: number;
}

const VERIFY_OPTIONS = ['signal', 'onProgress'];

/** See {@link Log.verify}. */
export async function verify(engine: Engine, options: VerifyOptions | undefined): Promise<VerifyReport> {
  if (options !== undefined) checkOptions(options, VERIFY_OPTIONS, 'verify');
  const { signal, onProgress } = options ?? {};
  checkSignal(signal, 'signal');
  checkFunction(onProgress, 'onProgress');
  signal?.throwIfAborted();
  let cancel = () => {};
  let tells = onProgress !== undefined;
  const answer = new Promise<NativeVerifyResult | undefined>((resolve, reject) => {
    const heard = (result: NativeVerifyResult | undefined): void => {
      if (tells && !signal?.aborted && result !== undefined && result.failure === undefined) {
        try {
          onProgress?.(progressOf(result));
        } catch (error) {
          tells = false;
          reject(error);
          cancel();
        }
      }
      if (result === undefined || result.done) resolve(result);
    };
    cancel = engine.verify(tells, heard);
  });
  try {
    const result = await withSignal(answer, signal);
    if (result?.failure !== undefined) throw toError(result.failure);
    if (result?.report === undefined) throw toError(CLOSED);
    return { ...result.report, damage: result.report.damage.map(toDamage) };
  } finally {
    tells = false;
    cancel(); // Does nothing where it has ended.
  }
}

function progressOf({ bytesDone, bytesTotal, segmentsDone, segmentsTotal }: NativeVerifyResult): VerifyProgress {
  return { bytesDone, bytesTotal, segmentsDone, segmentsTotal };
}
