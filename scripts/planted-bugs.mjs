// SPDX-License-Identifier: MIT
// Plants each bug of native/test/crash/planted_bugs.json into a copy of the sources, and looks whether the crash suite
// catches it by the invariant that should: `npm run test:bugs -- [--ci] [--only NAME] [--build DIRECTORY] [--images N]`.
// Exits with 1 when one is missed. A bug that no test catches means a missing test. The unchanged sources have to pass:
// shortly, or with so many images all of the suite, whose table is printed.
//
// `find` must be in its file exactly once; white space in it stands for any white space, so that formatting does not
// matter. An assertion of the engine counts only where the entry names ASSERTION.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const copied = ['CMakeLists.txt', 'native'];
const jobs = 2;
const imagesMax = 40_000;
const secondsMax = 300;
const wholeSuiteSecondsMax = 3600;
// Of the unchanged sources, which must pass.
const cleanRuns = [
  ['--phase', 'crash', '--images', '3000'],
  ['--phase', 'kills', '--kill-seeds', '1'],
  ['--phase', 'faults', '--fault-seeds', '2'],
  ['--phase', 'stale', '--stale-seeds', '20'],
  ['--phase', 'truncation', '--truncating-runs', '2'],
];

function parse(values) {
  const options = { ci: false, images: undefined, only: [], build: path.join(root, 'build-bugs') };
  for (let i = 0; i < values.length; ++i) {
    if (values[i] === '--ci') options.ci = true;
    else if (values[i] === '--only') options.only.push(values[++i]);
    else if (values[i] === '--images') options.images = values[++i];
    else if (values[i] === '--build') options.build = path.resolve(values[++i] ?? '');
    else fail(`Expected --ci, --images N, --only NAME or --build DIRECTORY but received ${values[i]}`);
  }
  return options;
}

function fail(message) {
  console.error(message);
  process.exit(2);
}

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true }).filter((name) => statSync(path.join(directory, name)).isFile());
}

/** Copies what changed, so that a second run builds little. */
function copySources(sources) {
  mkdirSync(sources, { recursive: true });
  for (const name of copied) {
    const from = path.join(root, name);
    if (statSync(from).isFile()) {
      copyIfChanged(from, path.join(sources, name));
      continue;
    }
    const wanted = new Set(filesBelow(from));
    for (const file of wanted) copyIfChanged(path.join(from, file), path.join(sources, name, file));
    for (const file of filesBelow(path.join(sources, name))) {
      if (!wanted.has(file)) rmSync(path.join(sources, name, file));
    }
  }
}

function copyIfChanged(from, to) {
  try {
    if (readFileSync(from).equals(readFileSync(to))) return;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  mkdirSync(path.dirname(to), { recursive: true });
  cpSync(from, to);
  utimesSync(to, new Date(), new Date());
}

/** The sources as one bug needs them: file name to text. */
function plant(bug, unchanged) {
  const texts = new Map();
  for (const { file, find, replace } of bug.edits) {
    const text = texts.get(file) ?? unchanged(file);
    const words = lines(find).trim().split(/\s+/).map(escapeForRegExp);
    const matches = [...text.matchAll(new RegExp(words.join('\\s+'), 'g'))];
    if (matches.length !== 1) fail(`${bug.name}: Expected once in ${file} but found ${matches.length} times: ${find}`);
    const [match] = matches;
    texts.set(file, text.slice(0, match.index) + lines(replace) + text.slice(match.index + match[0].length));
  }
  return texts;
}

function lines(text) {
  return Array.isArray(text) ? text.join('\n') : text;
}

function escapeForRegExp(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function writeSources(sources, texts, plantedBefore, unchanged) {
  for (const file of plantedBefore) {
    if (!texts.has(file)) writeFileSync(path.join(sources, file), unchanged(file));
  }
  for (const [file, text] of texts) writeFileSync(path.join(sources, file), text);
}

function build(options) {
  const { status, stdout, stderr } = spawnSync('ninja', ['-C', options.build, `-j${jobs}`, 'crash_main'], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : stdout.slice(-4000) + stderr;
}

function configure(options, sources) {
  const settings = ['CMAKE_BUILD_TYPE=', 'CMAKE_CXX_FLAGS=-O1'];
  const { status, stdout, stderr } = spawnSync(
    'cmake',
    ['-S', sources, '-B', options.build, '-G', 'Ninja', ...settings.map((setting) => `-D${setting}`)],
    { encoding: 'utf8' },
  );
  if (status !== 0) fail(stdout + stderr);
}

/** What the crash suite says of the sources that were built. */
function run(options, args, seconds = secondsMax) {
  const started = performance.now();
  const { status, signal, stdout, stderr } = spawnSync(path.join(options.build, 'crash_main'), args, {
    encoding: 'utf8',
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  });
  const [, violation, what] = /^VIOLATION (\w+): (.*)$/m.exec(stdout) ?? [];
  const [, images] = /^disk images\s+(\d+)$/m.exec(stdout) ?? [];
  const aborted = signal === 'SIGABRT';
  return {
    seconds: (performance.now() - started) / 1000,
    images: images === undefined ? '?' : images,
    invariant: status === 1 ? violation : aborted ? 'ASSERTION' : undefined,
    what: aborted ? stderr.trim() : (what ?? `exit ${status ?? signal}`),
    passed: status === 0,
    output: stdout,
  };
}

function runUnchanged(args, seconds) {
  const result = run(options, args, seconds);
  if (!result.passed) fail(`The unchanged sources fail: ${result.invariant}: ${result.what}`);
  return result;
}

function judge(bug, result) {
  if (result.invariant === undefined) return 'MISSED';
  return bug.caughtBy.includes(result.invariant) ? 'caught' : 'MISSED';
}

function row(columns) {
  const widths = [28, 18, 6, 24, 9, 8];
  return columns.map((text, i) => (i < widths.length ? String(text).padEnd(widths[i]) : text)).join(' ');
}

const options = parse(process.argv.slice(2));
const { bugs } = JSON.parse(readFileSync(path.join(root, 'native/test/crash/planted_bugs.json'), 'utf8'));
for (const name of options.only) {
  if (!bugs.some((bug) => bug.name === name)) fail(`Expected the name of a planted bug but received ${name}`);
}
const chosen = bugs.filter((bug) =>
  options.only.length > 0 ? options.only.includes(bug.name) : bug.ci || !options.ci,
);
const sources = path.join(options.build, 'source');
copySources(sources);
// As copied: somebody may be editing the originals meanwhile.
const texts = new Map();
for (const { file } of bugs.flatMap((bug) => bug.edits)) {
  texts.set(file, readFileSync(path.join(sources, file), 'utf8'));
}
const unchanged = (file) => texts.get(file);
// All of them, before anything is built: a find that went stale is noticed at once.
const planted = new Map(bugs.map((bug) => [bug.name, plant(bug, unchanged)]));

configure(options, sources);
const broken = build(options);
if (broken !== undefined) fail(broken);
if (options.images === undefined) {
  for (const args of cleanRuns) {
    const { images, seconds } = runUnchanged(args, secondsMax);
    console.log(`unchanged sources, ${args[1]}: no violation in ${images} images, ${seconds.toFixed(1)} s`);
  }
} else {
  console.log(runUnchanged(['--images', options.images], wholeSuiteSecondsMax).output);
}

console.log(row(['bug', 'rule', 'result', 'invariant', 'images', 'seconds', 'what is broken']));
let missed = 0;
let before = [];
for (const bug of chosen) {
  const changed = planted.get(bug.name);
  writeSources(sources, changed, before, unchanged);
  before = [...changed.keys()];
  const failure = build(options);
  if (failure !== undefined) {
    writeSources(sources, new Map(), before, unchanged);
    fail(`${bug.name} does not build:\n${failure}`);
  }
  const result = run(options, ['--images', String(imagesMax), ...(bug.arguments ?? ['--phase', 'crash'])]);
  const verdict = judge(bug, result);
  if (verdict === 'MISSED') ++missed;
  const columns = [bug.name, bug.protocol ?? '-', verdict, result.invariant ?? '-', result.images];
  console.log(row([...columns, result.seconds.toFixed(1), bug.what]));
  if (verdict === 'MISSED') {
    console.log(`  expected ${bug.caughtBy.join(' or ')}; ${result.what}`);
  }
}
writeSources(sources, new Map(), before, unchanged);
console.log(`${chosen.length - missed} caught, ${missed} missed`);
if (missed > 0) process.exit(1);
