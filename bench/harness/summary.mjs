// SPDX-License-Identifier: MIT
// From runs to figures: medians and ranges over the repetitions, and ratios to the fastest durable peer and to the limit.

const FIGURES = ['p50Us', 'p99Us', 'p999Us', 'maxUs', 'rssGrowthBytes', 'loopDelayP99Ms', 'writtenPerPayloadByte'];

/**
 * Groups, one per workload and payload, of runs over time one of their own: `{ workload, payloadBytes, overTime, rows,
 * peer, freePeer, limit }`. Rows have medians; the fastest first, those without a result last. `peer` is the fastest
 * durable peer's row, `freePeer` that of those that do not block the event loop. Processor time is compared with
 * `peer`'s too, at a given pace with fs-group's.
 */
export function summarize(runs) {
  const kindOf = ({ workload, payloadBytes, overTime }) => `${workload.name} ${payloadBytes} ${overTime}`;
  return groupsOf(runs, kindOf).map((group) => {
    const rows = groupsOf(group, ({ contender }) => contender).map(rowOf);
    rows.sort((a, b) => (b.rate ?? -1) - (a.rate ?? -1));
    const peers = rows.filter(({ ours, isLimit, rate }) => !ours && !isLimit && rate !== undefined);
    const peer = peers[0];
    const freePeer = peers.find(({ about }) => !about?.blocksLoop);
    const limit = rows.find(({ contender }) => contender === 'limit');
    const { workload, payloadBytes, overTime = false } = group[0];
    const isPaced = workload.kind === 'paced';
    const cpuPeer = isPaced ? rows.find(({ contender }) => contender === 'fs-group') : peer;
    for (const row of rows) {
      row.cpuToPeer = ratio(row.cpuUsPerRecord, cpuPeer?.cpuUsPerRecord);
      // All go at the same pace: how fast they are does not show.
      if (isPaced) continue;
      row.toPeer = ratio(row.rate, peer?.rate);
      row.toFreePeer = ratio(row.rate, freePeer?.rate);
      row.toLimit = ratio(row.rate, limit?.rate);
    }
    return { workload, payloadBytes, overTime, rows, peer, freePeer, limit };
  });
}

function rowOf(runs) {
  const { contender, ours = false, isLimit = false } = runs[0];
  const done = runs.filter(({ records }) => records > 0);
  const about = runs.find((run) => run.about !== undefined)?.about;
  const notSupported = runs.find((run) => run.notSupported !== undefined)?.notSupported;
  const failed = runs.find((run) => run.failed !== undefined)?.failed;
  if (done.length === 0) return { contender, ours, isLimit, about, notSupported, failed, runs: 0 };
  const rates = done.map(({ records, seconds }) => records / seconds);
  return {
    contender,
    ours,
    isLimit,
    about,
    failed,
    runs: done.length,
    rate: median(rates),
    lowest: Math.min(...rates),
    highest: Math.max(...rates),
    cpuUsPerRecord: median(done.map(({ cpuUs, records }) => cpuUs / records)),
    ...Object.fromEntries(FIGURES.map((name) => [name, median(done.map((run) => run[name]))])),
  };
}

function ratio(value, other) {
  return value === undefined || other === undefined ? undefined : value / other;
}

/** Of the numbers among the values; undefined where there are none. */
export function median(values) {
  const sorted = values.filter((value) => typeof value === 'number').toSorted((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

// In the order in which each group appears first.
function groupsOf(list, keyOf) {
  const groups = new Map();
  for (const one of list) {
    const key = keyOf(one);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(one);
  }
  return [...groups.values()];
}
