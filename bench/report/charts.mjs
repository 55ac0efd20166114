// SPDX-License-Identifier: MIT
// The charts of docs/benchmarks.md as SVG, drawn by Vega without a browser. Each is a specification of vega-lite over
// the groups of harness/summary.mjs; undefined where there is nothing to show.
import * as vega from 'vega';
import { compile } from 'vega-lite';
import { formatPayload, formatRate } from '../harness/format.mjs';

// Ours, the limit, and everybody else; lines need a colour each (Okabe and Ito's, which colour-blind readers tell apart).
const ROLE_COLOURS = { domain: ['seglog', 'limit', 'peer'], range: ['#d55e00', '#9a9a9a', '#0072b2'] };
const LINE_COLOURS = {
  domain: [
    'seglog',
    'limit',
    'js-log',
    'fs-group',
    'sonic-boom',
    'better-sqlite3-grouped',
    'classic-level',
    'lmdb',
    'rocksdb',
  ],
  range: ['#d55e00', '#9a9a9a', '#000000', '#0072b2', '#56b4e9', '#009e73', '#cc79a7', '#e69f00', '#7a5195'],
};
const CONFIG = {
  background: 'white',
  font: 'sans-serif',
  view: { stroke: null },
  axis: { labelLimit: 200 },
  legend: { orient: 'top' },
};
const INDEPENDENT = { scale: { x: 'independent', y: 'independent', color: 'shared' } };
const PANEL = { width: 260, columns: 3 };
const THROUGHPUT = ['W1', 'W2', 'W3', 'W3x4', 'W4', 'W7'];
const LATENCY = ['W1', 'W2'];
const LATENCY_BYTES = 128;
const PERCENTILES = { p50Us: 'p50', p99Us: 'p99', p999Us: 'p99.9' };

/** Rates by workload and payload, one panel each, the fastest on top. */
export function throughputChart(groups) {
  const panels = groups.filter(({ workload }) => THROUGHPUT.includes(workload.name)).map(throughputPanel);
  return panels.length === 0 ? undefined : render({ concat: panels, columns: PANEL.columns, resolve: INDEPENDENT });
}

function throughputPanel(group) {
  const values = withResult(group).map((row) => ({
    contender: row.contender,
    role: roleOf(row),
    rate: row.rate,
    label: formatRate(row.rate),
  }));
  const x = {
    field: 'rate',
    type: 'quantitative',
    title: 'records/s',
    axis: { format: '~s', tickCount: 4, grid: false },
  };
  return {
    title: panelOf(group),
    width: PANEL.width,
    height: { step: 16 },
    data: { values },
    encoding: { x, y: contenderAxis(values) },
    layer: [
      { mark: { type: 'bar', height: 11 }, encoding: { color: roleColour() } },
      { mark: { type: 'text', align: 'left', dx: 4, fontSize: 10 }, encoding: { text: { field: 'label' } } },
    ],
  };
}

/** How long appends of 128 B waited, on a logarithmic scale. */
export function latencyChart(groups) {
  const isShown = ({ workload, payloadBytes }) => LATENCY.includes(workload.name) && payloadBytes === LATENCY_BYTES;
  const panels = groups.filter(isShown).map(latencyPanel);
  return panels.length === 0 ? undefined : render({ concat: panels, columns: 2, resolve: INDEPENDENT });
}

function latencyPanel(group) {
  const rows = withResult(group).toSorted((a, b) => a.p50Us - b.p50Us);
  const values = rows.flatMap((row) =>
    Object.entries(PERCENTILES).map(([field, percentile]) => ({
      contender: row.contender,
      percentile,
      us: row[field],
    })),
  );
  const x = {
    field: 'us',
    type: 'quantitative',
    scale: { type: 'log', nice: false, padding: 10 },
    title: 'µs until acknowledged',
  };
  return {
    title: panelOf(group),
    width: 320,
    height: { step: 20 },
    data: { values },
    encoding: { y: contenderAxis(values) },
    layer: [
      {
        mark: { type: 'rule', color: '#bbbbbb' },
        encoding: { x: { ...x, aggregate: 'min' }, x2: { field: 'us', aggregate: 'max' } },
      },
      { mark: { type: 'point', filled: true, size: 60, opacity: 1 }, encoding: { x, color: percentileColour() } },
    ],
  };
}

/** How rates grow with the appends in flight, and with the keys. */
export function scalingChart(groups) {
  const inFlight = scalingValues(groups, /^F\d+$/, 'callers');
  const overKeys = scalingValues(groups, /^K\d+$/, 'keys');
  const colour = contenderColour([...inFlight, ...overKeys]);
  const panels = [
    scalingPanel(inFlight, 'appends in flight, one key', colour),
    scalingPanel(overKeys, 'keys, 256 appends in flight', colour),
  ].filter(({ data }) => data.values.length > 0);
  return panels.length === 0 ? undefined : render({ hconcat: panels });
}

function scalingValues(groups, names, field) {
  const shown = groups.filter(({ workload }) => names.test(workload.name));
  return shown.flatMap((group) => {
    const known = withResult(group).filter(({ contender }) => LINE_COLOURS.domain.includes(contender));
    return known.map(({ contender, rate }) => ({ contender, rate, at: group.workload[field] ?? 1 }));
  });
}

function scalingPanel(values, title, color) {
  const ticks = [...new Set(values.map(({ at }) => at))];
  const scale = { type: 'log' };
  return {
    width: 340,
    height: 300,
    data: { values },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'at', type: 'quantitative', scale, title, axis: { values: ticks, format: ',', labelOverlap: false } },
      y: { field: 'rate', type: 'quantitative', scale, title: 'records/s', axis: { format: '~s', tickCount: 6 } },
      color,
    },
  };
}

/** The longest wait in each tenth of a second, of runs with `--timeline`; the first repetition. */
export function timelineChart(_, runs) {
  const shown = runs.filter(
    ({ intervals, repetition, contender }) =>
      intervals !== undefined && repetition === 0 && LINE_COLOURS.domain.includes(contender),
  );
  const color = contenderColour(shown);
  const titles = [...new Set(shown.map(panelOf))];
  const panels = titles.map((title) => ({
    title,
    width: 700,
    height: 160,
    data: { values: shown.filter((run) => panelOf(run) === title).flatMap(timelineOf) },
    mark: { type: 'line', strokeWidth: 1 },
    encoding: {
      x: { field: 'seconds', type: 'quantitative', title: 'seconds', axis: { grid: false } },
      y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'longest wait, ms' },
      color,
    },
  }));
  return panels.length === 0 ? undefined : render({ vconcat: panels });
}

function timelineOf({ contender, intervals }) {
  const waits = intervals.filter(([, , longestMs]) => longestMs > 0);
  return waits.map(([endMs, , longestMs]) => ({ contender, seconds: endMs / 1000, ms: longestMs }));
}

async function render(spec) {
  const schema = 'https://vega.github.io/schema/vega-lite/v6.json';
  const compiled = compile({ $schema: schema, config: CONFIG, padding: 12, ...spec }).spec;
  return new vega.View(vega.parse(compiled), { renderer: 'none' }).toSVG();
}

function withResult({ rows }) {
  return rows.filter(({ rate }) => rate !== undefined);
}

function panelOf({ workload, payloadBytes }) {
  return `${workload.name}: ${workload.title}, ${formatPayload(payloadBytes)}`;
}

function roleOf({ ours, isLimit }) {
  if (ours) return 'seglog';
  return isLimit ? 'limit' : 'peer';
}

function roleColour() {
  return { field: 'role', type: 'nominal', title: null, scale: ROLE_COLOURS };
}

// In the order of the values.
function contenderAxis(values) {
  const sort = [...new Set(values.map(({ contender }) => contender))];
  return { field: 'contender', type: 'nominal', title: null, sort };
}

function percentileColour() {
  const names = Object.values(PERCENTILES);
  return {
    field: 'percentile',
    type: 'nominal',
    title: null,
    scale: { domain: names, range: ['#0072b2', '#e69f00', '#d55e00'] },
  };
}

// The colours of those that are there.
function contenderColour(values) {
  const isThere = (name) => values.some(({ contender }) => contender === name);
  const domain = LINE_COLOURS.domain.filter(isThere);
  const range = LINE_COLOURS.range.filter((_, index) => isThere(LINE_COLOURS.domain[index]));
  const legend = { title: null, labelLimit: 300 };
  return { field: 'contender', type: 'nominal', legend, scale: { domain, range } };
}
