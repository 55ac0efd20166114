// SPDX-License-Identifier: MIT
// The presets of openLog: plain tables of option values, each of which an explicit option overrides. docs/tuning.md has
// them as a table, which a test compares with this one, and says what each promises and costs.

import type { NumericOption } from './options.js';

/** A named set of option values. */
export type Preset = 'ingest' | 'engine' | 'small';

const KIB = 1024;
const MIB = 1024 * KIB;

/** What each preset sets; everything else keeps its default, the durability `'sync'` among it. */
export const PRESETS: Readonly<Record<Preset, Readonly<Partial<Record<NumericOption, number>>>>> = {
  // Many producers, throughput: much may wait, commits are large, checkpoints and destaging seldom and large.
  ingest: {
    segmentBytes: 256 * MIB,
    journalFileBytes: 64 * MIB,
    journalLiveBytesMax: 256 * MIB,
    commitBytesMax: 16 * MIB,
    bufferedBytesMax: 64 * MIB,
    appendsWaitingMax: 1_048_576,
    destageBytes: 4 * MIB,
    carryBytesMax: 1 * MIB,
    openSegmentsMax: 256,
  },
  // A database's write-ahead log: few and small records, each waited for; little to replay and little to make ready
  // when it opens; segments that are cut off soon.
  engine: {
    segmentBytes: 16 * MIB,
    journalFirstBytes: 256 * KIB,
    journalFileBytes: 4 * MIB,
    journalLiveBytesMax: 16 * MIB,
    commitBytesMax: 1 * MIB,
    bufferedBytesMax: 4 * MIB,
    markDelayMs: 100,
  },
  // Many logs in one process: little memory, few descriptors, small files.
  small: {
    segmentBytes: 4 * MIB,
    journalFirstBytes: 64 * KIB,
    journalFileBytes: 128 * KIB,
    journalLiveBytesMax: 512 * KIB,
    commitBytesMax: 64 * KIB,
    bufferedBytesMax: 128 * KIB,
    appendsWaitingMax: 4096,
    recordBytesMax: 1 * MIB,
    batchBytesMax: 1 * MIB,
    batchRecordsMax: 4096,
    destageBytes: 32 * KIB,
    carryBytesMax: 8 * KIB,
    openSegmentsMax: 4,
  },
};
