// SPDX-License-Identifier: MIT
// The tables, on the terminal and in Markdown: one per workload and payload.
import Table from 'cli-table3';
import { digits, formatPayload, formatRate, formatUs, orDash } from './format.mjs';

const MIB = 2 ** 20;

export const COLUMNS = [
  ['', (row) => row.contender + (row.about?.blocksLoop ? ' *' : '')],
  ['records/s', (row) => orDash(row.rate, formatRate)],
  ['range', (row) => (row.rate === undefined ? '–' : `${formatRate(row.lowest)} – ${formatRate(row.highest)}`)],
  ['to peer', (row) => orDash(row.toPeer, times)],
  ['to free peer', (row) => orDash(row.toFreePeer, times)],
  ['to limit', (row) => orDash(row.toLimit, (value) => `${Math.round(value * 100)} %`)],
  ['p50', (row) => orDash(row.p50Us, formatUs)],
  ['p99', (row) => orDash(row.p99Us, formatUs)],
  ['p99.9', (row) => orDash(row.p999Us, formatUs)],
  ['CPU/record', (row) => orDash(row.cpuUsPerRecord, (us) => `${digits(us)} µs`)],
  ['CPU to peer', (row) => orDash(row.cpuToPeer, times)],
  ['memory', (row) => orDash(row.rssGrowthBytes, (bytes) => `+${digits(bytes / MIB)} MiB`)],
  ['loop p99', (row) => orDash(row.loopDelayP99Ms, (ms) => `${digits(ms)} ms`)],
  ['written', (row) => orDash(row.writtenPerPayloadByte, times)],
];

/** What the columns mean. */
export const LEGEND = [
  'records/s: the median of the runs, and their range. to peer: to the fastest durable peer; to free peer: to the fastest',
  'of those that do not block the event loop, which * marks. p50 to p99.9: from call to acknowledgement, of a batch in W3.',
  'CPU/record: of all threads; CPU to peer: to the same peer, at a given pace (P100 to P10000) to fs-group.',
  'memory: peak growth of the resident set. loop p99: monitorEventLoopDelay at 1 ms resolution.',
  'written: bytes written to the disk per byte of payload, from opening to closing, whatever is prepared included.',
];

/** Prints every group's table, and what is missing in it. */
export function printTables(groups) {
  for (const group of groups) {
    const table = new Table({
      head: COLUMNS.map(([title]) => title),
      colAligns: COLUMNS.map((_, index) => (index === 0 ? 'left' : 'right')),
      style: { head: [], border: [], compact: true },
    });
    for (const row of rowsWithResult(group)) table.push(COLUMNS.map(([, show]) => show(row)));
    console.log(`\n${titleOf(group)}\n${table}`);
    for (const line of missingFrom(group)) console.log(line);
  }
  console.log(`\n${LEGEND.join('\n')}`);
}

/** The same table in Markdown. */
export function markdownTable(group) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const head = COLUMNS.map(([title]) => title);
  const rows = rowsWithResult(group).map((row) => line(COLUMNS.map(([, show]) => show(row).replaceAll('*', '\\*'))));
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows].join('\n');
}

/** "W2, 256 appends in flight, 128 B". */
export function titleOf({ workload, payloadBytes }) {
  return `${workload.name}, ${workload.title}, ${formatPayload(payloadBytes)}`;
}

/** A line for each contender without a result, or of which some runs failed. */
export function missingFrom({ rows }) {
  return rows.flatMap(({ contender, notSupported, failed }) => {
    if (failed !== undefined) return [`${contender}: FAILED: ${failed.split('\n').at(-1)}`];
    return notSupported === undefined ? [] : [`${contender}: not supported: ${notSupported.split('\n')[0]}`];
  });
}

function rowsWithResult({ rows }) {
  return rows.filter(({ rate }) => rate !== undefined);
}

function times(value) {
  return `${value.toFixed(2)}×`;
}
