// SPDX-License-Identifier: MIT
// seglog hexdump: where a record lies, and its bytes by field.

import type { Command } from 'commander';
import type { Damage, Log, RecordLocation } from '../index.js';
import { integerFrom, parseKey, withDirectory, withJson, withKeyHex } from './arguments.js';
import { damageLine } from './damage-line.js';
import { readDamagedFrame } from './damaged-frame.js';
import { CliError } from './failure.js';
import { type Field, FRAME_HEADER_BYTES, frameFields, recordFields } from './frame-fields.js';
import { jsonDamage, jsonKey } from './json.js';
import { jsonLine } from './output.js';
import { type Session, withLog } from './session.js';
import { findStream } from './streams.js';
import { type Column, tableLines } from './table.js';
import { cutText, escapeText, showKey } from './text.js';
import { countOf } from './units.js';

interface HexdumpOptions {
  readonly all: boolean;
  readonly json: boolean;
  readonly keyHex: boolean;
}

/** A record with its place, or a frame that is damaged. */
interface Found extends Omit<RecordLocation, 'recordOffset'> {
  readonly recordOffset: number | undefined;
  readonly damage: Damage | undefined;
}

const COLUMNS: readonly Column[] = [
  { title: 'OFFSET', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'FIELD', align: 'left' },
  { title: 'BYTES', align: 'left' },
  { title: 'VALUE', align: 'left', cut: true },
];
const FIELD_BYTES_SHOWN = 8;
const ROW_BYTES = 16;
/** More of a record is only shown with --all. */
const RECORD_BYTES_SHOWN = 1024;

export function addHexdump(program: Command, session: Session): void {
  const command = withDirectory(program.command('hexdump'))
    .description("Show where a record lies and its bytes, with the fields' names of docs/format.md.")
    .argument('<key>', "the stream's key")
    .argument('<seq>', "the record's sequence", integerFrom(1))
    .option('--all', 'print the whole frame, not only its header and the record', false);
  withKeyHex(withJson(command))
    .addHelpText('after', '\nExample:\n  $ seglog hexdump ./data orders 42')
    .action((directory: string, key: string, seq: number, options: HexdumpOptions) =>
      hexdump(session, directory, key, seq, options),
    );
}

async function hexdump(
  session: Session,
  directory: string,
  keyText: string,
  seq: number,
  options: HexdumpOptions,
): Promise<void> {
  const key = parseKey(keyText, options.keyHex);
  await withLog(session, directory, { json: options.json, skipDamage: true }, async (log) => {
    const found = await find(log, directory, key, seq);
    const fields = fieldsOf(found);
    const name = log.stream(key).key;
    if (options.json) await session.out.line(jsonLine({ ...jsonKey(name), seq, ...jsonFound(found, fields) }));
    else await printFound(session, `${showKey(name)} ${seq}`, found, fields, options.all);
  });
}

/** Where the record lies, or the frame whose damage hides it. */
async function find(log: Log, directory: string, key: string | Buffer, seq: number): Promise<Found> {
  const { firstSeq, nextSeq } = findStream(log, key);
  const stream = log.stream(key);
  const location = await stream.locate(seq);
  if (location !== undefined) return { ...location, damage: undefined };
  const damage = log.damage.find((one) => (one.firstSeq ?? 1) <= seq && seq <= (one.lastSeq ?? seq));
  if (damage !== undefined) {
    const frame = await readDamagedFrame(directory, damage);
    if (frame !== undefined) return { ...frame, file: damage.file, inFile: true, damage };
    throw new CliError('CORRUPT', `nothing is left of record ${seq}: ${damageLine(damage)}`);
  }
  const there = firstSeq === nextSeq ? 'has no records' : `has the sequences ${firstSeq} to ${nextSeq - 1}`;
  const message = `no record ${seq}: ${showKey(stream.key)} ${there}`;
  throw new CliError('NOT_FOUND', message, 'give one of those that are there');
}

function fieldsOf(found: Found): Field[] {
  const { frame, frameOffset, recordOffset } = found;
  const placed = { segmentId: BigInt(`0x${found.segmentId}`), frame, frameOffset };
  const fields = frameFields({ ...placed, recordOffset: frameOffset });
  return recordOffset === undefined ? fields : [...fields, ...recordFields({ ...placed, recordOffset })];
}

function jsonFound(found: Found, fields: readonly Field[]): object {
  const { file, segmentId, frameOffset, recordOffset, inFile, frame, damage } = found;
  return {
    file,
    segmentId,
    frameOffset,
    recordOffset: recordOffset ?? null,
    inFile,
    damage: damage === undefined ? null : jsonDamage(damage),
    fields: fields.map(({ structure, name, offset, bytes, value }) => {
      return { structure, name, offset, size: bytes.length, hex: bytes.toString('hex'), value };
    }),
    frame: frame.toString('base64'),
  };
}

async function printFound(
  session: Session,
  title: string,
  found: Found,
  fields: readonly Field[],
  all: boolean,
): Promise<void> {
  const { out } = session;
  const heading = (text: string) => session.style('bold', text);
  await out.line(`${heading('Record   ')}${cutText(title, 200)}`);
  await out.line(`${heading('File     ')}${escapeText(found.file)}`);
  if (!found.inFile) await out.line(`${heading('         ')}its bytes are in the journal only, so far`);
  await out.line(`${heading('Segment  ')}${found.segmentId}`);
  const { frameOffset, recordOffset, frame, damage } = found;
  const record = recordOffset === undefined ? 'its header is damaged' : `the record at ${recordOffset}`;
  await out.line(`${heading('Frame    ')}at ${frameOffset}, ${countOf(frame.length, 'byte')}; ${record}`);
  if (damage !== undefined) await out.line(`${heading('Damage   ')}${session.style('red', damage.what)}`);
  for (const structure of recordOffset === undefined ? ['frame'] : ['frame', 'record']) {
    const rows = fields.filter((field) => field.structure === structure).map(fieldRow);
    const [titles = '', ...lines] = tableLines(COLUMNS, rows, out.columns);
    await out.line('');
    await out.line(heading(structure === 'frame' ? 'Frame header' : 'Record'));
    for (const line of [session.style('dim', titles), ...lines]) await out.line(line);
  }
  await out.line('');
  for (const line of dumpLines(found, fields, all)) await out.line(line);
}

function fieldRow({ name, offset, bytes, value }: Field): string[] {
  const more = bytes.length > FIELD_BYTES_SHOWN ? '…' : '';
  return [String(offset), String(bytes.length), name, bytes.toString('hex', 0, FIELD_BYTES_SHOWN) + more, value];
}

/** The frame's header and the record, or everything, sixteen bytes a line. */
function dumpLines({ frame, frameOffset, recordOffset }: Found, fields: readonly Field[], all: boolean): string[] {
  if (all || recordOffset === undefined) return hexLines(frame, frameOffset);
  const last = fields.at(-1);
  const end = last === undefined ? frame.length : last.offset + last.bytes.length - frameOffset;
  const record = frame.subarray(recordOffset - frameOffset, end);
  const omitted = record.length - RECORD_BYTES_SHOWN;
  return [
    ...hexLines(frame.subarray(0, FRAME_HEADER_BYTES), frameOffset),
    ...(recordOffset > frameOffset + FRAME_HEADER_BYTES ? ['*'] : []),
    ...hexLines(record.subarray(0, RECORD_BYTES_SHOWN), recordOffset),
    ...(omitted > 0 ? [`… and ${countOf(omitted, 'byte')} more: --all prints them`] : []),
  ];
}

function hexLines(bytes: Buffer, offset: number): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    const row = bytes.subarray(at, at + ROW_BYTES);
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    const digits = row.toString('hex').replace(/..(?!$)/g, '$& ');
    lines.push(`${(offset + at).toString(16).padStart(8, '0')}  ${digits.padEnd(ROW_BYTES * 3 - 1)}  |${text}|`);
  }
  return lines;
}
