// SPDX-License-Identifier: MIT
// What a figure is worth nothing without: the machine, its kernel, the file system and device that were written to, and
// the versions of everything.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os';

/** Data for the report. Names of hosts and paths are no part of it. */
export function describeMachine(directory) {
  const [source, fileSystem, mountOptions] = said('findmnt', '-nro', 'SOURCE,FSTYPE,OPTIONS', '-T', directory).split(
    ' ',
  );
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()} ${arch()}`,
    fileSystem: fileSystem || 'unknown',
    mountOptions: mountOptions ?? '',
    device: said('lsblk', '-dnro', 'NAME,SIZE,MODEL', source) || 'unknown',
    node: process.version,
    seglog: versionAt('../../package.json'),
    commit: said('git', '-C', new URL('.', import.meta.url).pathname, 'rev-parse', '--short', 'HEAD'),
    loadAtStart: readFileSync('/proc/loadavg', 'utf8').split(' ')[0],
  };
}

function said(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

function versionAt(path) {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version;
}
