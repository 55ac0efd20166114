// SPDX-License-Identifier: MIT
// Holds the binaries in prebuilds/ to what a release promises: the right processor, no library that Node does not need
// itself, no glibc newer than stated, nothing exported but what Node looks for. `npm run check:prebuilds`.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './package.mjs';
import { prebuildPath, targets, versionLimits } from './prebuild-targets.mjs';

const sizeMax = 1 << 20;
const exportsExpected = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
const librariesAllowed = /^(libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libgcc_s\.so\.1|ld-linux-[a-z0-9-]+\.so\.\d)$/;
// Resolved by Node, or left out without harm where nobody has them.
const unversionedAllowed = /^(napi_|node_api_|_ITM_|__gmon_start__$)/;

function readElf(file) {
  const options = ['--wide', '--file-header', '--section-headers', '--dynamic', '--dyn-syms'];
  const text = execFileSync('readelf', [...options, file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  const all = (pattern) => [...text.matchAll(pattern)].map((match) => match[1]);
  const symbols = [...text.matchAll(/^ +\d+: [0-9a-f]{16} +\d+ \w+ +(LOCAL|GLOBAL|WEAK|UNIQUE) +\w+ +(\w+) (\S+)/gm)];
  return {
    machine: all(/^ *Machine: +(.*)$/gm)[0],
    libraries: all(/\(NEEDED\) .*\[(.*)\]/g),
    searchPaths: all(/\((RPATH|RUNPATH)\)/g),
    keptLoaded: /\(FLAGS_1\) .*NODELETE/.test(text),
    debugSections: all(/^ *\[ *\d+\] (\.symtab|\.debug\S*)/gm),
    exported: symbols.filter(([, bind, section]) => bind !== 'LOCAL' && section !== 'UND').map((match) => match[3]),
    imported: symbols.filter(([, , section]) => section === 'UND').map((match) => match[3]),
  };
}

// -1, 0 or 1, by the numbers between the dots.
function compareVersions(left, right) {
  const [first, second] = [left, right].map((version) => version.split('.').map(Number));
  for (let index = 0; index < Math.max(first.length, second.length); ++index) {
    const difference = (first[index] ?? 0) - (second[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

// "pthread_create@GLIBC_2.34" → { name, set: 'GLIBC', version: '2.34' }
function parseImport(symbol) {
  const [, name, set, version] = /^([^@]+)(?:@+([A-Z]+)_([\d.]+))?/.exec(symbol) ?? [];
  return { name, set, version };
}

function wrongImport(symbol) {
  const { name, set, version } = parseImport(symbol);
  if (set === undefined) return !unversionedAllowed.test(name);
  return versionLimits[set] === undefined || compareVersions(version, versionLimits[set]) > 0;
}

// Sources are compiled by relative paths, so no other absolute ones than those the addon opens should be there.
function buildPaths(file) {
  const text = readFileSync(file, 'latin1');
  return [...text.matchAll(/\/(?:home|root|tmp|usr|work|build)\/[\x20-\x7e]+/g)].map((match) => match[0]);
}

function checkBinary(target, file) {
  const elf = readElf(file);
  const bytes = readFileSync(file).length;
  const problems = [
    elf.machine !== target.machine && `it is for ${elf.machine}`,
    ...elf.libraries.filter((name) => !librariesAllowed.test(name)).map((name) => `it needs ${name}`),
    ...elf.imported.filter(wrongImport).map((symbol) => `it needs ${symbol}`),
    ...elf.searchPaths.map((tag) => `it has a ${tag}`),
    !elf.keptLoaded && 'it is not linked with -z nodelete',
    ...elf.debugSections.map((name) => `it has the section ${name}`),
    elf.exported.toSorted().join() !== exportsExpected.join() && `it exports ${elf.exported.join(', ')}`,
    ...buildPaths(file).map((name) => `it names ${name}`),
    bytes > sizeMax && `it has ${bytes} bytes, more than ${sizeMax}`,
  ].filter(Boolean);
  const newest = elf.imported
    .map(parseImport)
    .filter(({ set }) => set === 'GLIBC')
    .sort((left, right) => compareVersions(right.version, left.version));
  const forcing = newest.filter(({ version }) => version === newest[0].version).map(({ name }) => name);
  return { bytes, libraries: elf.libraries, glibc: newest[0]?.version, forcing, problems };
}

const found = existsSync(path.join(root, 'prebuilds'))
  ? readdirSync(path.join(root, 'prebuilds'), { recursive: true }).filter((name) => name.includes(path.sep))
  : [];
const expected = targets.map(prebuildPath);
const problems = found
  .map((name) => `prebuilds/${name}`)
  .filter((name) => !expected.includes(name))
  .map((name) => `${name}: not expected`);

for (const target of targets) {
  const name = prebuildPath(target);
  const file = path.join(root, name);
  if (!existsSync(file)) {
    problems.push(`${name}: it is missing; npm run build:prebuilds makes it`);
    continue;
  }
  const result = checkBinary(target, file);
  console.log(`${name}: ${result.bytes} bytes, needs ${result.libraries.join(' ')}`);
  console.log(`  oldest glibc ${result.glibc} (${result.forcing.join(', ')}), stated ${versionLimits.GLIBC}`);
  problems.push(...result.problems.map((problem) => `${name}: ${problem}`));
}
if (!readFileSync(path.join(root, 'README.md'), 'utf8').includes(`glibc ${versionLimits.GLIBC}`)) {
  problems.push(`README.md: it does not say "glibc ${versionLimits.GLIBC}"`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
