// SPDX-License-Identifier: MIT
// What `npm pack` puts into the package.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

function npmPack(...args) {
  const output = execFileSync('npm', ['pack', '--json', '--loglevel=error', ...args], { cwd: root, encoding: 'utf8' });
  // What the scripts that npm runs first have printed comes before the JSON.
  return JSON.parse(output.slice(output.search(/^\[$/m)))[0];
}

/** The files that the package has as things are, without building anything. */
export function listPackage() {
  return npmPack('--dry-run', '--ignore-scripts').files.map((file) => file.path);
}

/** Makes the tarball, in a directory of its own. Bytes. */
export function packTarball() {
  const directory = path.join(root, 'build-package');
  mkdirSync(directory, { recursive: true });
  const { filename, size, unpackedSize, files } = npmPack('--pack-destination', directory);
  return { tarball: path.join(directory, filename), size, unpackedSize, files };
}
