// SPDX-License-Identifier: MIT
// The options of openLog: their documentation, their bounds, and their resolution to one object with all of them.
// Defaults of the numeric options are the core's (native/core/log/options.h); a test compares the JSDoc with them.

import { checkBoolean, checkInteger, checkOneOf, checkOptions } from './check.js';
import type { NativeAddon } from './native.js';

/** What to do about a log that is, or is not, there. */
export type CreateMode = 'if-missing' | 'never' | 'new';

/**
 * When an append resolves. `'sync'`: the record survives a power cut. `'os'`: the kernel has it, so that it survives a
 * killed process. `'none'`: accepted in memory.
 */
export type Durability = 'sync' | 'os' | 'none';

/** Options of {@link openLog}. Unknown ones throw. */
export interface OpenOptions {
  /**
   * `'if-missing'` makes a log where there is none, `'never'` rejects with NOT_FOUND, `'new'` rejects with EXISTS
   * where there is one. Default `'if-missing'`.
   */
  readonly create?: CreateMode | undefined;
  /**
   * Read only: the log as it is at this moment; changes nothing on disk. Rejects with LOCKED while a writer has it open.
   * Default false.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * `'fail'` rejects with CORRUPT where acknowledged bytes are damaged; `'skip'`, with `readOnly` only, reads what is
   * sound and reports the rest. Default `'fail'`.
   */
  readonly onCorruption?: 'fail' | 'skip' | undefined;
  /** The durability of appends that do not choose one. Default `'sync'`. */
  readonly durability?: Durability | undefined;
  /** Write with O_DIRECT where the file system takes it. Default true. */
  readonly direct?: boolean | undefined;
  /** A segment that would grow beyond this many bytes is rotated. Default 67,108,864; 16,384 to 17,179,869,184. */
  readonly segmentBytes?: number | undefined;
  /**
   * A stream with less than this lies in segments that streams share, so that 100,000 tiny streams are a few files; with
   * more it goes on in segments of its own. Default 65,536; 0 to 1,048,576. 0: its own from the first record on.
   */
  readonly sharedStreamBytesMax?: number | undefined;
  /** An append to a segment older than this many milliseconds begins another. Default 0: never by age. */
  readonly segmentAgeMs?: number | undefined;
  /**
   * Size of the first journal file, so that a new log opens fast. A multiple of 4,096. Default 1,048,576; minimum
   * 65,536.
   */
  readonly journalFirstBytes?: number | undefined;
  /** Size of the other journal files. A multiple of 4,096. Default 16,777,216; minimum 65,536. */
  readonly journalFileBytes?: number | undefined;
  /**
   * Live journal at most: bounds recovery time, and memory of what is not in segments yet. Default 67,108,864;
   * minimum 131,072.
   */
  readonly journalLiveBytesMax?: number | undefined;
  /** A commit takes what waits, up to about this many bytes. Default 4,194,304; minimum 4,096. */
  readonly commitBytesMax?: number | undefined;
  /** Bytes that may wait to be committed before appends wait for room. Default 16,777,216; minimum 4,096. */
  readonly bufferedBytesMax?: number | undefined;
  /** Appends that may wait for room before the next is refused with QUEUE_FULL. Default 65,536; minimum 1. */
  readonly appendsWaitingMax?: number | undefined;
  /** Data bytes of one record at most. Default 67,108,864; 1 to 134,217,728. */
  readonly recordBytesMax?: number | undefined;
  /** Data and header bytes of one batch at most. Default 67,108,864; 1 to 134,217,728. */
  readonly batchBytesMax?: number | undefined;
  /** Records of one batch at most. Default 1,048,576; minimum 1. */
  readonly batchRecordsMax?: number | undefined;
  /** Frames with more than one record are at most this large. Default 65,536; 4,096 to 524,288. */
  readonly frameBytesMax?: number | undefined;
  /** A stream with this many bytes in the journal only is written to its segment. Default 524,288; minimum 4,096. */
  readonly destageBytes?: number | undefined;
  /**
   * When a journal file is to be recycled, streams with less than this are carried forward in the journal instead.
   * Default 131,072, and never more than a quarter of journalFileBytes; minimum 0.
   */
  readonly carryBytesMax?: number | undefined;
  /** How long after the last acknowledgement the journal notes what is durable. Default 5 ms; minimum 1. */
  readonly markDelayMs?: number | undefined;
  /** Segment files open at a time. Default 64; 1 to 65,536. */
  readonly openSegmentsMax?: number | undefined;
}

/** All options, with what was not given filled in. */
export type ResolvedOptions = { readonly [Name in keyof OpenOptions]-?: NonNullable<OpenOptions[Name]> };

type NumericOption = Exclude<keyof OpenOptions, 'create' | 'readOnly' | 'onCorruption' | 'durability' | 'direct'>;

interface NumericRule {
  readonly min: number;
  readonly max?: number;
  readonly multipleOf?: number;
  /** The core's name and unit, where they are not ours. */
  readonly native?: string;
  readonly factor?: number;
}

const PAGE_BYTES = 4096;

const NUMERIC_RULES: Readonly<Record<NumericOption, NumericRule>> = {
  segmentBytes: { min: 16 * 1024, max: 16 * 1024 ** 3 },
  sharedStreamBytesMax: { min: 0, max: 2 ** 20 },
  segmentAgeMs: { min: 0, max: 1e12, native: 'segmentAgeUs', factor: 1000 },
  journalFirstBytes: { min: 64 * 1024, max: 2 ** 30, multipleOf: PAGE_BYTES },
  journalFileBytes: { min: 64 * 1024, max: 2 ** 30, multipleOf: PAGE_BYTES },
  journalLiveBytesMax: { min: 128 * 1024 },
  commitBytesMax: { min: PAGE_BYTES, max: 2 ** 30 },
  bufferedBytesMax: { min: PAGE_BYTES },
  appendsWaitingMax: { min: 1 },
  recordBytesMax: { min: 1, max: 128 * 1024 ** 2 },
  batchBytesMax: { min: 1, max: 128 * 1024 ** 2 },
  batchRecordsMax: { min: 1, max: 2 ** 30 },
  frameBytesMax: { min: PAGE_BYTES, max: 512 * 1024 },
  destageBytes: { min: PAGE_BYTES },
  carryBytesMax: { min: 0 },
  markDelayMs: { min: 1, max: 1e9, native: 'markDelayUs', factor: 1000 },
  openSegmentsMax: { min: 1, max: 65536 },
};

/** Checks what was given and fills in what was not. Throws TypeError and RangeError. */
export function resolveOptions(given: OpenOptions, constants: NativeAddon['constants']): ResolvedOptions {
  const numeric = (name: NumericOption) => resolveNumber(name, given[name], constants);
  const defaultCarryBytesMax = Math.min(numeric('carryBytesMax'), Math.floor(numeric('journalFileBytes') / 4));
  const resolved: ResolvedOptions = {
    create: checkOneOf<CreateMode>(given.create ?? 'if-missing', ['if-missing', 'never', 'new'], 'create'),
    readOnly: checkBoolean(given.readOnly ?? false, 'readOnly'),
    onCorruption: checkOneOf(given.onCorruption ?? 'fail', ['fail', 'skip'], 'onCorruption'),
    durability: checkDurability(given.durability ?? 'sync'),
    direct: checkBoolean(given.direct ?? true, 'direct'),
    segmentBytes: numeric('segmentBytes'),
    sharedStreamBytesMax: numeric('sharedStreamBytesMax'),
    segmentAgeMs: numeric('segmentAgeMs'),
    journalFirstBytes: numeric('journalFirstBytes'),
    journalFileBytes: numeric('journalFileBytes'),
    journalLiveBytesMax: numeric('journalLiveBytesMax'),
    commitBytesMax: numeric('commitBytesMax'),
    bufferedBytesMax: numeric('bufferedBytesMax'),
    appendsWaitingMax: numeric('appendsWaitingMax'),
    recordBytesMax: numeric('recordBytesMax'),
    batchBytesMax: numeric('batchBytesMax'),
    batchRecordsMax: numeric('batchRecordsMax'),
    frameBytesMax: numeric('frameBytesMax'),
    destageBytes: numeric('destageBytes'),
    carryBytesMax: given.carryBytesMax === undefined ? defaultCarryBytesMax : numeric('carryBytesMax'),
    markDelayMs: numeric('markDelayMs'),
    openSegmentsMax: numeric('openSegmentsMax'),
  };
  checkOptions(given, Object.keys(resolved), 'openLog');
  if (resolved.onCorruption === 'skip' && !resolved.readOnly) {
    throw new TypeError("Expected readOnly: true beside onCorruption: 'skip': a log with damage takes no appends");
  }
  if (resolved.readOnly && given.create !== undefined && given.create !== 'never') {
    throw new TypeError(`Expected create: 'never' beside readOnly: true but received '${given.create}'`);
  }
  if (resolved.journalFirstBytes > resolved.journalFileBytes) {
    throw new RangeError('Expected journalFirstBytes to be at most journalFileBytes');
  }
  if (resolved.carryBytesMax > resolved.journalFileBytes / 4) {
    throw new RangeError('Expected carryBytesMax to be at most a quarter of journalFileBytes');
  }
  if (resolved.journalLiveBytesMax < 2 * resolved.journalFileBytes) {
    throw new RangeError('Expected journalLiveBytesMax to be at least twice journalFileBytes');
  }
  return resolved;
}

/** One of the three durabilities, or TypeError. */
export function checkDurability(value: unknown): Durability {
  return checkOneOf<Durability>(value, ['sync', 'os', 'none'], 'durability');
}

/** The values that the addon takes, in its order. */
export function nativeOptionValues(options: ResolvedOptions, constants: NativeAddon['constants']): Float64Array {
  const values = Float64Array.from(constants.optionDefaults);
  for (const [name, rule] of numericRules()) {
    values[nativeIndex(name, rule, constants)] = options[name] * (rule.factor ?? 1);
  }
  return values;
}

function resolveNumber(name: NumericOption, given: unknown, constants: NativeAddon['constants']): number {
  const rule = NUMERIC_RULES[name];
  if (given === undefined) {
    return (constants.optionDefaults[nativeIndex(name, rule, constants)] ?? 0) / (rule.factor ?? 1);
  }
  const value = checkInteger(given, name, rule.min, rule.max);
  if (rule.multipleOf !== undefined && value % rule.multipleOf !== 0) {
    throw new RangeError(`Expected a multiple of ${rule.multipleOf} for ${name} but received ${value} of type number`);
  }
  return value;
}

function nativeIndex(name: NumericOption, rule: NumericRule, constants: NativeAddon['constants']): number {
  const index = constants.optionNames.indexOf(rule.native ?? name);
  if (index < 0) throw new Error(`The addon was built from other sources: it has no option ${rule.native ?? name}`);
  return index;
}

function numericRules(): [NumericOption, NumericRule][] {
  const rules: [NumericOption, NumericRule][] = [];
  for (const name in NUMERIC_RULES) {
    if (isNumericOption(name)) rules.push([name, NUMERIC_RULES[name]]);
  }
  return rules;
}

function isNumericOption(name: string): name is NumericOption {
  return Object.hasOwn(NUMERIC_RULES, name);
}
