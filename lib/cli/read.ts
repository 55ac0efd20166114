// SPDX-License-Identifier: MIT
// seglog read: the records of one stream.

import { type Command, Option } from 'commander';
import type { LogRecord } from '../index.js';
import { integerFrom, parseKey, withDirectory, withJson, withKeyHex, withSkipDamage } from './arguments.js';
import { jsonRecord } from './json.js';
import { jsonLine } from './output.js';
import { recordLine } from './record-line.js';
import { type Session, withLog } from './session.js';
import { findStream } from './streams.js';

interface ReadOptions {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly json: boolean;
  readonly raw: boolean;
  readonly keyHex: boolean;
  readonly skipDamage: boolean;
}

export function addRead(program: Command, session: Session): void {
  const command = withDirectory(program.command('read'))
    .description('Print the records of one stream, in order.')
    .argument('<key>', "the stream's key")
    .option('--from <seq>', 'the first sequence to print', integerFrom(1))
    .option('--to <seq>', 'the last sequence to print', integerFrom(0));
  withSkipDamage(withKeyHex(withJson(command)))
    .addOption(new Option('--raw', 'print the data only, each followed by a newline').default(false).conflicts('json'))
    .addHelpText('after', '\nExample:\n  $ seglog read ./data orders --from 100 --to 199 --json')
    .action((directory: string, key: string, options: ReadOptions) => read(session, directory, key, options));
}

async function read(session: Session, directory: string, keyText: string, options: ReadOptions): Promise<void> {
  const key = parseKey(keyText, options.keyHex);
  await withLog(session, directory, options, async (log) => {
    const info = findStream(log, key);
    const lastSeq = Math.min(info.nextSeq - 1, options.to ?? Number.MAX_SAFE_INTEGER);
    const widths = { key: undefined, seq: String(lastSeq).length };
    const { out } = session;
    for await (const batch of log.stream(key).readBatches({ from: options.from, to: options.to })) {
      for (const record of batch) {
        if (out.put(options.raw ? rawRecord(record) : shown(record))) await out.flush();
      }
    }
    function shown(record: LogRecord): string {
      return `${options.json ? jsonLine(jsonRecord(record)) : recordLine(session, record, widths)}\n`;
    }
  });
}

function rawRecord(record: LogRecord): Uint8Array {
  const bytes = Buffer.allocUnsafe(record.data.length + 1);
  record.data.copy(bytes);
  bytes.write('\n', record.data.length);
  return bytes;
}
