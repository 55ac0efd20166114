// SPDX-License-Identifier: MIT
// seglog ls: the streams of a log.

import type { Command } from 'commander';
import type { StreamInfo } from '../index.js';
import { withDirectory, withJson, withSkipDamage } from './arguments.js';
import { jsonKey } from './json.js';
import { jsonLine } from './output.js';
import { type Session, withLog } from './session.js';
import { matchStreams, noStream } from './streams.js';
import { type Column, tableLines } from './table.js';
import { showKey } from './text.js';
import { formatBytes, formatCount, formatDuration, formatTime } from './units.js';

const COLUMNS: readonly Column[] = [
  { title: 'KEY', align: 'left', cut: true },
  { title: 'RECORDS', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'FIRST', align: 'right' },
  { title: 'LAST', align: 'right' },
  { title: 'SEGMENTS', align: 'right' },
  { title: 'AGE', align: 'right' },
];

interface LsOptions {
  readonly json: boolean;
  readonly skipDamage: boolean;
}

export function addLs(program: Command, session: Session): void {
  const command = withDirectory(program.command('ls'))
    .description('List the streams of a log.')
    .argument('[glob]', 'only keys that match: * and ? stop at a slash, ** does not, [a-z] is a set');
  withSkipDamage(withJson(command))
    .addHelpText('after', "\nExample:\n  $ seglog ls ./data 'orders/*'")
    .action((directory: string, glob: string | undefined, options: LsOptions) => ls(session, directory, glob, options));
}

async function ls(session: Session, directory: string, glob: string | undefined, options: LsOptions): Promise<void> {
  await withLog(session, directory, options, async (log) => {
    const streams = matchStreams(log, glob);
    if (streams.length === 0 && glob !== undefined) throw noStream(glob);
    if (options.json) {
      for (const stream of streams) await session.out.line(jsonLine(jsonStream(stream)));
    } else if (streams.length === 0) {
      await session.note(`The log at ${directory} has no streams.`);
    } else {
      const nowUs = Date.now() * 1000;
      const rows = streams.map((stream) => rowOf(stream, nowUs));
      let isTitle = true;
      for (const line of tableLines(COLUMNS, rows, session.out.columns)) {
        await session.out.line(isTitle ? session.style('bold', line) : line);
        isTitle = false;
      }
    }
  });
}

function rowOf(stream: StreamInfo, nowUs: number): string[] {
  const count = stream.nextSeq - stream.firstSeq;
  return [
    showKey(stream.key),
    formatCount(count),
    formatBytes(stream.bytes),
    count === 0 ? '-' : formatCount(stream.firstSeq),
    count === 0 ? '-' : formatCount(stream.nextSeq - 1),
    formatCount(stream.segments),
    stream.lastLsn === 0 ? '-' : formatDuration((nowUs - stream.lastTimeUs) / 1000),
  ];
}

/** Without records, firstSeq is one more than lastSeq, and nothing is known of a last one. */
function jsonStream(stream: StreamInfo): object {
  const { id, firstSeq, nextSeq, bytes, segments, lastLsn, lastTimeUs, createdUs } = stream;
  return {
    ...jsonKey(stream.key),
    id,
    records: nextSeq - firstSeq,
    bytes,
    firstSeq,
    lastSeq: nextSeq - 1,
    segments,
    ...(lastLsn === 0
      ? { lastLsn: null, lastTime: null, lastTimeUs: null }
      : { lastLsn, lastTime: formatTime(lastTimeUs), lastTimeUs }),
    created: formatTime(createdUs),
    createdUs,
  };
}
