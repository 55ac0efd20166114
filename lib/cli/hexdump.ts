// SPDX-License-Identifier: MIT
// seglog hexdump: where a record lies, and its bytes by field.

import type { Command } from 'commander';
import type { Log, RecordLocation } from '../index.js';
import { integerFrom, parseKey, withDirectory, withJson, withKeyHex } from './arguments.js';
import { CliError } from './failure.js';
import { type Field, FRAME_HEADER_BYTES, frameFields, type PlacedFrame, recordFields } from './frame-fields.js';
import { jsonKey } from './json.js';
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
  await withLog(session, directory, { json: options.json, skipDamage: false }, async (log) => {
    const location = await locate(log, key, seq);
    const placed = { ...location, segmentId: BigInt(`0x${location.segmentId}`) };
    const fields = [...frameFields(placed), ...recordFields(placed)];
    const name = log.stream(key).key;
    if (options.json) await session.out.line(jsonLine({ ...jsonKey(name), seq, ...jsonLocation(location, fields) }));
    else await printLocation(session, `${showKey(name)} ${seq}`, location, placed, fields, options.all);
  });
}

async function locate(log: Log, key: string | Buffer, seq: number): Promise<RecordLocation> {
  const { firstSeq, nextSeq } = findStream(log, key);
  const stream = log.stream(key);
  const location = await stream.locate(seq);
  if (location !== undefined) return location;
  const there = firstSeq === nextSeq ? 'has no records' : `has the sequences ${firstSeq} to ${nextSeq - 1}`;
  throw new CliError(
    'NOT_FOUND',
    `no record ${seq}: ${showKey(stream.key)} ${there}`,
    'give one of those that are there',
  );
}

function jsonLocation(location: RecordLocation, fields: readonly Field[]): object {
  const { file, segmentId, frameOffset, recordOffset, inFile, frame } = location;
  return {
    file,
    segmentId,
    frameOffset,
    recordOffset,
    inFile,
    fields: fields.map(({ structure, name, offset, bytes, value }) => {
      return { structure, name, offset, size: bytes.length, hex: bytes.toString('hex'), value };
    }),
    frame: frame.toString('base64'),
  };
}

async function printLocation(
  session: Session,
  title: string,
  location: RecordLocation,
  placed: PlacedFrame,
  fields: readonly Field[],
  all: boolean,
): Promise<void> {
  const { out } = session;
  const heading = (text: string) => session.style('bold', text);
  await out.line(`${heading('Record   ')}${cutText(title, 200)}`);
  await out.line(`${heading('File     ')}${escapeText(location.file)}`);
  if (!location.inFile) await out.line(`${heading('         ')}its bytes are in the journal only, so far`);
  await out.line(`${heading('Segment  ')}${location.segmentId}`);
  await out.line(
    `${heading('Frame    ')}at ${location.frameOffset}, ${countOf(location.frame.length, 'byte')}; the record at ${location.recordOffset}`,
  );
  for (const structure of ['frame', 'record']) {
    const rows = fields.filter((field) => field.structure === structure).map(fieldRow);
    const [titles = '', ...lines] = tableLines(COLUMNS, rows, out.columns);
    await out.line('');
    await out.line(heading(structure === 'frame' ? 'Frame header' : 'Record'));
    for (const line of [session.style('dim', titles), ...lines]) await out.line(line);
  }
  await out.line('');
  for (const line of dumpLines(placed, fields, all)) await out.line(line);
}

function fieldRow({ name, offset, bytes, value }: Field): string[] {
  const more = bytes.length > FIELD_BYTES_SHOWN ? '…' : '';
  return [String(offset), String(bytes.length), name, bytes.toString('hex', 0, FIELD_BYTES_SHOWN) + more, value];
}

/** The frame's header and the record, or everything, sixteen bytes a line. */
function dumpLines(placed: PlacedFrame, fields: readonly Field[], all: boolean): string[] {
  const { frame, frameOffset, recordOffset } = placed;
  if (all) return hexLines(frame, frameOffset);
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
