// SPDX-License-Identifier: MIT
// Makes the tarball and looks at it without installing it: what is in it and how large it is, and what publint and attw
// (are the types wrong?) say of it. `npm run check:package`; check-tarball.mjs installs it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packTarball, root } from './package.mjs';
import { prebuildPath, targets } from './prebuild-targets.mjs';

const unpackedMax = 3 * (1 << 20);
// No tests and no source maps. The sources are what other platforms build from; the documents are what the README points to.
const allowed = [
  /^dist\/([\w-]+\/)?[\w-]+(\.d\.ts|\.js)$/,
  /^prebuilds\/[\w-]+\/seglog\.\w+\.node$/,
  /^native\/(core|binding)\/([a-z]+\/)?\w+\.(cc|h|def)$/,
  /^native\/(sources\.json|exports\.map|install\.cjs)$/,
  /^docs\/[\w-]+\.md$/,
  /^(binding\.gyp|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
];
const sources = JSON.parse(readFileSync(path.join(root, 'native/sources.json'), 'utf8'));
const required = [
  ...[
    'dist/index.js',
    'dist/index.d.ts',
    'binding.gyp',
    'native/install.cjs',
    'native/exports.map',
    'native/sources.json',
  ],
  ...['README.md', 'CHANGELOG.md', 'LICENSE'],
  ...Object.values(sources).flat(),
  ...targets.map(prebuildPath),
  ...[...readFileSync(path.join(root, 'README.md'), 'utf8').matchAll(/\]\(((?!https?:)[^)#]+)/g)].map(
    ([, link]) => link,
  ),
];

function sizesByFolder(files) {
  const sizes = new Map();
  for (const { path: name, size } of files) {
    const folder = name.includes('/') ? name.slice(0, name.indexOf('/')) : 'other';
    sizes.set(folder, (sizes.get(folder) ?? 0) + size);
  }
  return [...sizes].map(([folder, size]) => `${folder} ${size}`).join(', ');
}

const { tarball, size, unpackedSize, files } = packTarball();
const names = files.map((file) => file.path);
const problems = [
  ...names.filter((name) => !allowed.some((pattern) => pattern.test(name))).map((name) => `${name} is in the package`),
  ...required.filter((name) => !names.includes(name)).map((name) => `${name} is not in the package`),
  unpackedSize > unpackedMax && `unpacked it has ${unpackedSize} bytes, more than ${unpackedMax}`,
].filter(Boolean);
console.log(`${path.basename(tarball)}: ${files.length} files, ${size} bytes, unpacked ${unpackedSize} bytes`);
console.log(`  ${sizesByFolder(files)}`);

const checks = [
  ['publint', 'run', tarball, '--strict'],
  // The package is ESM. "CJS resolves to ESM" is what attw says of that; require() of it is in check-tarball.mjs.
  ['attw', tarball, '--ignore-rules', 'cjs-resolves-to-esm', '--no-emoji', '--no-color', '--format', 'ascii'],
];
for (const [command, ...args] of checks) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) problems.push(`${command} found problems`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
