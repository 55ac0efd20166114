// SPDX-License-Identifier: MIT
// Installs the tarball into empty folders, with no compiler, make or Python to be found, and uses it as a program would:
// with each supported Node, and with Node for arm64 in qemu-user. `npm run test:package`; the binaries have to be in
// prebuilds/ (npm run build:prebuilds). Node's versions come from the npm packages node-linux-*.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packTarball, root } from './package.mjs';

const versions = [20, 22, 24];
const emulatedVersion = 22;
const emulator = ['qemu-aarch64-static', '-cpu', 'max', '-L', '/usr/aarch64-linux-gnu'];
const nodes = path.join(root, 'build-nodes');
const work = mkdtempSync(path.join(tmpdir(), 'seglog-package-'));
const { tarball } = packTarball();
const rows = [];

function nodeBinary(major, arch) {
  if (arch === process.arch && process.version.startsWith(`v${major}.`)) return process.execPath;
  const directory = path.join(nodes, `${arch}-${major}`);
  const binary = path.join(directory, `node_modules/node-linux-${arch}/bin/node`);
  if (!existsSync(binary)) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'package.json'), '{ "private": true }');
    const options = ['--no-save', '--no-audit', '--no-fund', '--force', '--os=linux', `--cpu=${arch}`];
    execFileSync('npm', ['install', ...options, `node-linux-${arch}@${major}`], { cwd: directory, stdio: 'ignore' });
  }
  return binary;
}

// An environment whose PATH has `node`, and `sh` for npm's scripts.
function bareEnvironment(binary, folder) {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(binary, path.join(bin, 'node'));
  symlinkSync('/bin/sh', path.join(bin, 'sh'));
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_(package|lifecycle)_|CC$|CXX$)/.test(name));
  const environment = { ...Object.fromEntries(inherited), PATH: bin };
  for (const tool of ['g++', 'gcc', 'cc', 'c++', 'clang', 'make', 'python3', 'node-gyp']) {
    const { error } = spawnSync(tool, ['--version'], { env: environment });
    if (error?.code !== 'ENOENT') throw new Error(`${tool} is on the PATH`);
  }
  return environment;
}

// Runs a program and adds a row; `judge` throws, or says what the row shows.
function check(node, what, command, args, options, judge) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 300_000,
    ...options,
  });
  try {
    if (error) throw error;
    rows.push({ node, what, ok: true, shows: judge({ status, stdout, stderr }) });
  } catch (problem) {
    rows.push({ node, what, ok: false, shows: problem.message });
    console.error(`${node}, ${what}: ${problem.message}\n${stdout}${stderr}`);
  }
}

function succeeded({ status }) {
  if (status !== 0) throw new Error(`status ${status}`);
  return '';
}

function install(node, folder, environment, options = []) {
  const consumer = path.join(folder, 'consumer');
  mkdirSync(consumer, { recursive: true });
  writeFileSync(path.join(consumer, 'package.json'), '{ "private": true }');
  const npm = [process.env.npm_execpath, 'install', '--no-audit', '--no-fund', ...options, tarball];
  check(node, ['npm install', ...options].join(' '), 'node', npm, { cwd: consumer, env: environment }, (result) => {
    succeeded(result);
    if (existsSync(path.join(consumer, 'node_modules/seglog/build'))) throw new Error('the addon was compiled');
    return 'nothing compiled';
  });
  cpSync(path.join(root, 'scripts/consumer'), consumer, { recursive: true });
  return consumer;
}

// Both ways of loading the package; each writes a log, closes it, opens it again and reads it.
function use(node, arch, consumer, environment, command) {
  for (const program of ['import.mjs', 'require.cjs']) {
    const args = [...command.slice(1), program, mkdtempSync(path.join(consumer, 'data-'))];
    check(
      node,
      `${path.parse(program).name}, append, read`,
      command[0],
      args,
      { cwd: consumer, env: environment },
      (result) => {
        succeeded(result);
        const shown = JSON.parse(result.stdout);
        const prebuilt = path.join(consumer, `node_modules/seglog/prebuilds/linux-${arch}/seglog.glibc.node`);
        if (shown.addon !== prebuilt) throw new Error(`the addon is ${shown.addon}`);
        if (shown.arch !== arch) throw new Error(`the processor is ${shown.arch}`);
        return `${shown.version} ${shown.arch}, CRC-32C ${shown.checksumMethod}, writes ${shown.writeMethod}`;
      },
    );
  }
}

// The command of the package, on a log that it writes itself.
function useCommand(node, consumer, environment) {
  const command = path.join(consumer, 'node_modules/.bin/seglog');
  const directory = mkdtempSync(path.join(consumer, 'data-'));
  const options = { cwd: consumer, env: environment };
  check(
    node,
    'seglog ingest',
    command,
    ['ingest', '--key', 'lines', directory],
    { ...options, input: 'one\ntwo\n' },
    succeeded,
  );
  check(node, 'seglog ls', command, ['ls', directory], options, (result) => {
    succeeded(result);
    return result.stdout.trim().split('\n').at(-1);
  });
}

function checkTypes(consumer) {
  const typeRoots = path.join(root, 'node_modules/@types');
  const common = ['--noEmit', '--strict', '--target', 'es2023', '--lib', 'es2023,esnext.disposable'];
  const types = ['--types', 'node', '--typeRoots', typeRoots];
  const cases = [
    ['types.mts', '--module', 'node16', '--moduleResolution', 'node16'],
    ['types.mts', '--module', 'esnext', '--moduleResolution', 'bundler'],
    ['types.cts', '--module', 'nodenext', '--moduleResolution', 'nodenext'],
  ];
  for (const [file, ...options] of cases) {
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const args = [tsc, ...common, ...types, ...options, file];
    check('tsc', `${file} ${options.at(-1)}`, process.execPath, args, { cwd: consumer }, succeeded);
  }
}

// No Windows here: process.platform says so, which is all that the package looks at.
function checkWindows(consumer, environment) {
  const bare = { ...environment, NODE_OPTIONS: `--require ${path.join(consumer, 'windows.cjs')}` };
  const script = path.join(consumer, 'node_modules/seglog/native/install.cjs');
  check('"win32"', 'install script', 'node', [script], { cwd: consumer, env: bare }, (result) => {
    succeeded(result);
    return result.stdout.trim();
  });
  const program = path.join(consumer, 'import.mjs');
  check('"win32"', 'import, openLog', 'node', [program, 'data'], { cwd: consumer, env: bare }, ({ status, stderr }) => {
    const [message] = /SeglogError: .*Windows.*/.exec(stderr) ?? [];
    if (status === 0 || message === undefined || !stderr.includes("code: 'UNSUPPORTED'"))
      throw new Error('no clear error');
    return message;
  });
}

// What is for glibc is not taken where the C library is musl: the install script would build from source.
function checkMusl(consumer, environment) {
  const bare = { ...environment, LIBC: 'musl' };
  check(
    '"musl"',
    'import, openLog',
    'node',
    ['import.mjs', 'data'],
    { cwd: consumer, env: bare },
    ({ status, stderr }) => {
      const [message] = /SeglogError: seglog has no addon that loads here/.exec(stderr) ?? [];
      if (status === 0 || message === undefined) throw new Error('no clear error');
      return message;
    },
  );
}

let consumer;
let environment;
for (const major of versions) {
  const folder = path.join(work, `node-${major}`);
  environment = bareEnvironment(nodeBinary(major, process.arch), folder);
  consumer = install(`Node ${major}`, folder, environment);
  use(`Node ${major}`, process.arch, consumer, environment, ['node']);
  useCommand(`Node ${major}`, consumer, environment);
}
checkTypes(consumer);
checkWindows(consumer, environment);
checkMusl(consumer, environment);
const unscripted = install(`Node ${versions.at(-1)}`, path.join(work, 'unscripted'), environment, ['--ignore-scripts']);
use(`Node ${versions.at(-1)}`, process.arch, unscripted, environment, ['node']);
if (process.arch !== 'arm64') {
  const name = `Node ${emulatedVersion} in qemu`;
  use(name, 'arm64', unscripted, process.env, [...emulator, nodeBinary(emulatedVersion, 'arm64')]);
}

for (const { node, what, ok, shows } of rows) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${node.padEnd(16)} ${what.padEnd(28)} ${shows}`);
}
rmSync(work, { recursive: true });
const failed = rows.filter((row) => !row.ok).length;
console.log(`${rows.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
