// SPDX-License-Identifier: MIT
// Refuses to make a tarball without the binaries, which would install by compiling everywhere. Part of `npm pack`;
// whether those that are there are right is check-prebuilds.mjs's question.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { root } from './package.mjs';
import { prebuildPath, targets } from './prebuild-targets.mjs';

const missing = targets.map(prebuildPath).filter((file) => !existsSync(path.join(root, file)));
if (missing.length > 0 && !process.env.SEGLOG_PACK_WITHOUT_BINARIES) {
  console.error(`The tarball would have no ${missing.join(' and no ')}.`);
  console.error('"npm run build:prebuilds" makes them (Debian: g++ and g++-aarch64-linux-gnu); with');
  console.error('SEGLOG_PACK_WITHOUT_BINARIES=1 it is made without, and compiles where it is installed.');
  process.exitCode = 1;
}
