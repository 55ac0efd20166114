// SPDX-License-Identifier: MIT
// The options of openLog: their documentation, their bounds, and their resolution to one object with all of them.
// Defaults of the numeric options are the core's (native/core/log/options.h); a test compares the JSDoc with them.

import { checkBoolean, checkInteger, checkOneOf, checkOptions } from './check.js';
import { rangeError, typeError } from './errors.js';
import type { NativeAddon } from './native.js';
import { PRESETS, type Preset } from './presets.js';

/** What to do about a log that is, or is not, there. */
export type CreateMode = 'if-missing' | 'never' | 'new';

/**
 * When an append resolves. `'sync'`: the record survives a power cut. `'os'`: the kernel has it, so that it survives a
 * killed process. `'none'`: accepted in memory.
 */
export type Durability = 'sync' | 'os' | 'none';

/** How commits and JavaScript hear of each other. */
export interface CommitOptions {
  /**
   * Microseconds for which each side may look for the other's work itself, instead of sleeping until it is called, while
   * appends follow answers at once. Quicker answers then; costs processor time; JavaScript does it only while the machine
   * has more processors than the log has threads that opened it. 0: never. Default 300; 0 to 300.
   */
  readonly pollUsMax?: number | undefined;
}

/**
 * When what was appended with a weaker durability is flushed without being asked for: as soon as one of the bounds is
 * reached. An append that reaches `bytes` or `records` resolves when it is durable, so that a power cut never takes as
 * much from what was acknowledged. Costs a flush each time; appends that want `'sync'` are not concerned.
 */
export interface SyncEvery {
  /** Milliseconds since the oldest record that is not durable was written. 1 to 1,000,000,000. */
  readonly ms?: number | undefined;
  /** Bytes of the journal, framing included. At least 1. */
  readonly bytes?: number | undefined;
  /** Records. At least 1. */
  readonly records?: number | undefined;
}

/**
 * Options of {@link openLog}. Unknown ones throw. docs/tuning.md groups them and says what to change for which need.
 * What is not given follows what is: journalFirstBytes, carryBytesMax and journalLiveBytesMax keep to the bounds that an
 * explicit journalFileBytes sets.
 */
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
  /** The durability of appends that do not choose one. Default `'sync'`, also in every preset. */
  readonly durability?: Durability | undefined;
  /** How commits and JavaScript hear of each other. */
  readonly commit?: CommitOptions | undefined;
  /**
   * Makes the weaker durabilities periodic: see {@link SyncEvery}. Default: none, they are flushed when somebody asks.
   */
  readonly syncEvery?: SyncEvery | undefined;
  /**
   * Write with O_DIRECT where the file system takes it. False: through the page cache, which costs a copy, and memory
   * that a container is charged for. Default true.
   */
  readonly direct?: boolean | undefined;
  /**
   * Values for many of the options below; an explicit one wins. `'ingest'`: many producers and throughput, for memory
   * and a longer recovery. `'engine'`: a database's log, few small records that are waited for, quick to open, for less
   * throughput of large ones. `'small'`: a hundred logs in one process, for throughput and records of at most 1 MiB.
   * Default: none.
   */
  readonly preset?: Preset | undefined;
  /**
   * A segment that would grow beyond this many bytes is rotated. Space comes back by whole segments, and each costs a
   * file, a row of the catalogue and a footer. Default 67,108,864; 16,384 to 17,179,869,184.
   */
  readonly segmentBytes?: number | undefined;
  /**
   * A stream with fewer bytes than this lies in segments that streams share, so that 100,000 tiny streams are a few
   * files; with more it goes on in segments of its own. 0: its own from the first record on. More: fewer files; space of
   * small streams comes back later. Default 65,536; 0 to 1,048,576.
   */
  readonly sharedStreamBytesMax?: number | undefined;
  /**
   * An append to a segment older than this many milliseconds begins another. Costs segments. Default 0: never by age;
   * 0 to 1,000,000,000,000.
   */
  readonly segmentAgeMs?: number | undefined;
  /**
   * Bytes of the first journal file of each opening, which writes them as zeros: opening is faster with less, the first
   * change to another file comes sooner. A multiple of 4,096. Default 1,048,576, and never more than journalFileBytes;
   * 65,536 to 536,870,912.
   */
  readonly journalFirstBytes?: number | undefined;
  /**
   * Bytes of the other journal files. Larger: fewer changes of file; more disk, of which up to four free files are kept.
   * A multiple of 4,096. Default 16,777,216; 65,536 to 536,870,912.
   */
  readonly journalFileBytes?: number | undefined;
  /**
   * Bytes of live journal files at most: bounds recovery time, and memory of what is not in segments yet. Less costs
   * checkpoints, which are due at the half. Default 67,108,864, and never less than twice journalFileBytes; 131,072 to
   * 1,073,741,824.
   */
  readonly journalLiveBytesMax?: number | undefined;
  /**
   * A commit takes what waits, up to about this many bytes; one that is larger makes those behind it wait longer.
   * Default 4,194,304; 8,192 to 1,073,741,824.
   */
  readonly commitBytesMax?: number | undefined;
  /**
   * Bytes that may wait to be committed before appends wait for room. Costs that much memory for each thread that has the
   * log open. Default 16,777,216;
   * minimum 4,096.
   */
  readonly bufferedBytesMax?: number | undefined;
  /**
   * Appends that may wait to be committed, and as many that may wait for room, before the next is refused with
   * QUEUE_FULL. Each costs memory beside its bytes. Default 65,536; minimum 1.
   */
  readonly appendsWaitingMax?: number | undefined;
  /**
   * Data bytes of one record at most. One larger than the other bounds is taken all the same, and costs memory and a
   * journal file of its size. Default 67,108,864; 1 to 134,217,728.
   */
  readonly recordBytesMax?: number | undefined;
  /** Data and header bytes of one batch at most; the same holds. Default 67,108,864; 1 to 134,217,728. */
  readonly batchBytesMax?: number | undefined;
  /** Records of one batch at most. Default 1,048,576; 1 to 16,777,216. */
  readonly batchRecordsMax?: number | undefined;
  /**
   * Frames with more than one record are at most this many bytes. A read verifies whole frames: larger ones cost more
   * for a single record, smaller ones more bytes on disk. Default 65,536; 4,096 to 524,288.
   */
  readonly frameBytesMax?: number | undefined;
  /**
   * A stream with this many bytes in the journal only is written to its segment, in pieces of about this size, each
   * with a sync. Larger: fewer syncs, more memory for each stream. Default 524,288; minimum 4,096.
   */
  readonly destageBytes?: number | undefined;
  /**
   * When a journal file is to be recycled, streams with fewer bytes than this are carried forward in the journal
   * instead: bytes are written again, a sync per stream is saved. Default 131,072, and never more than a quarter of
   * journalFileBytes; minimum 0.
   */
  readonly carryBytesMax?: number | undefined;
  /**
   * What one commit adds to one stream goes straight to the stream's segment when it is at least so many bytes (a
   * quarter of it where nobody waits for a sync), and only its place and checksum to the journal: so it is written
   * once. Less goes to the journal first. Files for it are given blocks ahead, eight times what came or more, up to
   * segmentBytes. With 0 everything goes to the journal first.
   * Default 262,144; minimum 0.
   */
  readonly outOfLineBytes?: number | undefined;
  /**
   * Milliseconds after the last acknowledgement at which the journal notes what is durable: until then damage to it
   * cannot be told from a torn tail. Less costs more of these writes, of 4 KiB. Default 5; 1 to 1,000,000,000.
   */
  readonly markDelayMs?: number | undefined;
  /**
   * LSNs that the weaker durabilities may show ahead of a flush: each such number costs a flush. After an unclean end of
   * a session that used them LSNs go on behind those. Default 1,048,576; 1 to 1,048,576.
   */
  readonly lsnReserve?: number | undefined;
  /** Segment files open at a time, a descriptor each. Fewer: files are opened again. Default 64; 1 to 65,536. */
  readonly openSegmentsMax?: number | undefined;
}

/** All options, with what was not given filled in; `preset` and `syncEvery` are undefined where there is none. */
export type ResolvedOptions = {
  readonly [Name in Exclude<keyof OpenOptions, 'preset' | 'syncEvery' | 'commit'>]-?: NonNullable<OpenOptions[Name]>;
} & {
  readonly preset: Preset | undefined;
  readonly syncEvery: SyncEvery | undefined;
  readonly commit: { readonly pollUsMax: number };
};

const CHOICES = [
  'create',
  'readOnly',
  'onCorruption',
  'durability',
  'commit',
  'syncEvery',
  'direct',
  'preset',
] as const;

/** The names of the options that are numbers. */
export type NumericOption = Exclude<keyof OpenOptions, (typeof CHOICES)[number]>;

/** What a numeric option may be. */
export interface NumericRule {
  readonly min: number;
  readonly max?: number;
  readonly multipleOf?: number;
  /** The core's name and unit, where they are not ours. */
  readonly native?: string;
  readonly factor?: number;
}

const PAGE_BYTES = 4096;

/** The bounds of the numeric options; docs/tuning.md has them as a table. */
export const NUMERIC_RULES: Readonly<Record<NumericOption, NumericRule>> = {
  segmentBytes: { min: 16 * 1024, max: 16 * 1024 ** 3 },
  sharedStreamBytesMax: { min: 0, max: 2 ** 20 },
  segmentAgeMs: { min: 0, max: 1e12, native: 'segmentAgeUs', factor: 1000 },
  journalFirstBytes: { min: 64 * 1024, max: 2 ** 29, multipleOf: PAGE_BYTES },
  journalFileBytes: { min: 64 * 1024, max: 2 ** 29, multipleOf: PAGE_BYTES },
  journalLiveBytesMax: { min: 128 * 1024, max: 2 ** 30 },
  commitBytesMax: { min: 2 * PAGE_BYTES, max: 2 ** 30 },
  bufferedBytesMax: { min: PAGE_BYTES },
  appendsWaitingMax: { min: 1 },
  recordBytesMax: { min: 1, max: 128 * 1024 ** 2 },
  batchBytesMax: { min: 1, max: 128 * 1024 ** 2 },
  batchRecordsMax: { min: 1, max: 2 ** 24 },
  frameBytesMax: { min: PAGE_BYTES, max: 512 * 1024 },
  destageBytes: { min: PAGE_BYTES },
  carryBytesMax: { min: 0 },
  outOfLineBytes: { min: 0 },
  markDelayMs: { min: 1, max: 1e9, native: 'markDelayUs', factor: 1000 },
  lsnReserve: { min: 1, max: 2 ** 20 },
  openSegmentsMax: { min: 1, max: 65536 },
};

/** The bounds of `syncEvery`, each with the core's name and unit. */
export const SYNC_EVERY_RULES: Readonly<Record<keyof SyncEvery, NumericRule & { readonly native: string }>> = {
  ms: { min: 1, max: 1e9, native: 'syncEveryUs', factor: 1000 },
  bytes: { min: 1, native: 'syncEveryBytes' },
  records: { min: 1, native: 'syncEveryRecords' },
};

/** The bound of `commit.pollUsMax`. */
export const POLL_US_RULE: NumericRule = { min: 0, max: 300 };

const OPTION_NAMES: readonly string[] = [...CHOICES, ...Object.keys(NUMERIC_RULES)];

/** Checks what was given and fills in what was not; frozen, since the log goes by it. Throws TypeError and RangeError. */
export function resolveOptions(given: OpenOptions, constants: NativeAddon['constants']): ResolvedOptions {
  checkOptions(given, OPTION_NAMES, 'openLog');
  // Each is read once, so that what was checked is what is used.
  const numbers = new Map(numericRules().map(([name]): [NumericOption, unknown] => [name, given[name]]));
  const { create: createGiven, readOnly = false, onCorruption = 'fail', durability = 'sync', direct = true } = given;
  const { preset: presetGiven } = given;
  const preset = presetGiven === undefined ? undefined : checkOneOf<Preset>(presetGiven, presetNames(), 'preset');
  const resolved: ResolvedOptions = {
    create: checkOneOf<CreateMode>(
      createGiven === undefined ? 'if-missing' : createGiven,
      ['if-missing', 'never', 'new'],
      'create',
    ),
    readOnly: checkBoolean(readOnly, 'readOnly'),
    onCorruption: checkOneOf(onCorruption, ['fail', 'skip'], 'onCorruption'),
    durability: checkDurability(durability),
    commit: checkCommit(given.commit, constants),
    syncEvery: checkSyncEvery(given.syncEvery),
    direct: checkBoolean(direct, 'direct'),
    preset,
    ...resolveNumbers(numbers, preset, constants),
  };
  if (resolved.onCorruption === 'skip' && !resolved.readOnly) {
    throw typeError("Expected readOnly: true beside onCorruption: 'skip': a log with damage takes no appends");
  }
  if (resolved.readOnly && createGiven !== undefined && createGiven !== 'never') {
    throw typeError(`Expected create: 'never' beside readOnly: true but received '${createGiven}'`);
  }
  if (resolved.journalFirstBytes > resolved.journalFileBytes) {
    throw rangeError('Expected journalFirstBytes to be at most journalFileBytes');
  }
  if (resolved.carryBytesMax > resolved.journalFileBytes / 4) {
    throw rangeError('Expected carryBytesMax to be at most a quarter of journalFileBytes');
  }
  if (resolved.journalLiveBytesMax < 2 * resolved.journalFileBytes) {
    throw rangeError('Expected journalLiveBytesMax to be at least twice journalFileBytes');
  }
  return Object.freeze(resolved);
}

/** One of the three durabilities, or TypeError. */
export function checkDurability(value: unknown): Durability {
  return checkOneOf<Durability>(value, ['sync', 'os', 'none'], 'durability');
}

function checkCommit(given: CommitOptions | undefined, constants: NativeAddon['constants']): { pollUsMax: number } {
  const preset = constants.optionDefaults[nativeIndex('commit.pollUsMax', 'pollUsMax', constants)] ?? 0;
  if (given === undefined) return Object.freeze({ pollUsMax: preset });
  checkOptions(given, ['pollUsMax'], 'commit');
  const { pollUsMax = preset } = given;
  return Object.freeze({
    pollUsMax: checkInteger(pollUsMax, 'commit.pollUsMax', POLL_US_RULE.min, POLL_US_RULE.max),
  });
}

const SYNC_EVERY_NAMES = ['ms', 'bytes', 'records'] as const;

function checkSyncEvery(given: SyncEvery | undefined): SyncEvery | undefined {
  if (given === undefined) return undefined;
  checkOptions(given, SYNC_EVERY_NAMES, 'syncEvery');
  const { ms, bytes, records } = given;
  const checked = {
    ...(ms === undefined ? {} : { ms: checkSyncBound('ms', ms) }),
    ...(bytes === undefined ? {} : { bytes: checkSyncBound('bytes', bytes) }),
    ...(records === undefined ? {} : { records: checkSyncBound('records', records) }),
  };
  if (Object.keys(checked).length === 0) throw typeError('Expected ms, bytes or records in syncEvery');
  return Object.freeze(checked);
}

function checkSyncBound(name: keyof SyncEvery, value: unknown): number {
  const { min, max } = SYNC_EVERY_RULES[name];
  return checkInteger(value, `syncEvery.${name}`, min, max);
}

/** The values that the addon takes, in its order. */
export function nativeOptionValues(options: ResolvedOptions, constants: NativeAddon['constants']): Float64Array {
  const values = Float64Array.from(constants.optionDefaults);
  for (const [name, rule] of numericRules()) {
    values[nativeIndex(name, rule.native ?? name, constants)] = options[name] * (rule.factor ?? 1);
  }
  values[nativeIndex('commit.pollUsMax', 'pollUsMax', constants)] = options.commit.pollUsMax;
  for (const name of SYNC_EVERY_NAMES) {
    const { native, factor = 1 } = SYNC_EVERY_RULES[name];
    values[nativeIndex(name, native, constants)] = (options.syncEvery?.[name] ?? 0) * factor;
  }
  return values;
}

// What was given, else what the preset says, else the core's default.
function resolveNumbers(
  given: ReadonlyMap<NumericOption, unknown>,
  preset: Preset | undefined,
  constants: NativeAddon['constants'],
): Record<NumericOption, number> {
  const defaults = preset === undefined ? {} : PRESETS[preset];
  const numeric = (name: NumericOption) => {
    const value = given.get(name);
    return resolveNumber(name, value === undefined ? defaults[name] : value, constants);
  };
  const journalFileBytes = numeric('journalFileBytes');
  const atMost = (name: NumericOption, bound: number) =>
    given.get(name) === undefined ? Math.min(numeric(name), bound) : numeric(name);
  const atLeast = (name: NumericOption, bound: number) =>
    given.get(name) === undefined ? Math.max(numeric(name), bound) : numeric(name);
  return {
    segmentBytes: numeric('segmentBytes'),
    sharedStreamBytesMax: numeric('sharedStreamBytesMax'),
    segmentAgeMs: numeric('segmentAgeMs'),
    journalFirstBytes: atMost('journalFirstBytes', journalFileBytes),
    journalFileBytes,
    journalLiveBytesMax: atLeast('journalLiveBytesMax', 2 * journalFileBytes),
    commitBytesMax: numeric('commitBytesMax'),
    bufferedBytesMax: numeric('bufferedBytesMax'),
    appendsWaitingMax: numeric('appendsWaitingMax'),
    recordBytesMax: numeric('recordBytesMax'),
    batchBytesMax: numeric('batchBytesMax'),
    batchRecordsMax: numeric('batchRecordsMax'),
    frameBytesMax: numeric('frameBytesMax'),
    destageBytes: numeric('destageBytes'),
    carryBytesMax: atMost('carryBytesMax', Math.floor(journalFileBytes / 4)),
    outOfLineBytes: numeric('outOfLineBytes'),
    markDelayMs: numeric('markDelayMs'),
    lsnReserve: numeric('lsnReserve'),
    openSegmentsMax: numeric('openSegmentsMax'),
  };
}

function resolveNumber(name: NumericOption, given: unknown, constants: NativeAddon['constants']): number {
  const rule = NUMERIC_RULES[name];
  if (given === undefined) {
    return (constants.optionDefaults[nativeIndex(name, rule.native ?? name, constants)] ?? 0) / (rule.factor ?? 1);
  }
  const value = checkInteger(given, name, rule.min, rule.max);
  if (rule.multipleOf !== undefined && value % rule.multipleOf !== 0) {
    throw rangeError(`Expected a multiple of ${rule.multipleOf} for ${name} but received ${value} of type number`);
  }
  return value;
}

function presetNames(): Preset[] {
  const names: Preset[] = [];
  for (const name in PRESETS) if (isPreset(name)) names.push(name);
  return names;
}

function isPreset(name: string): name is Preset {
  return Object.hasOwn(PRESETS, name);
}

function nativeIndex(name: string, native: string, constants: NativeAddon['constants']): number {
  const index = constants.optionNames.indexOf(native);
  if (index < 0) throw new Error(`The addon was built from other sources: it has no option ${name} (${native})`);
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
