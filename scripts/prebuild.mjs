// SPDX-License-Identifier: MIT
// Builds the addon for every target of prebuild-targets.mjs, into prebuilds/. `npm run prebuild`. The build happens in a
// copy of what the package ships, so that it also shows that the package can be built from its own files, and so that
// the developers' build/ stays.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { listPackage, root } from './package.mjs';
import { targets } from './prebuild-targets.mjs';

const copy = path.join(root, 'build-prebuild');
const oldestNode = '20.19.0'; // Whose headers the binaries are built with.

function copySources() {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  for (const file of listPackage()) {
    if (/^(package\.json|binding\.gyp|native\/)/.test(file)) cpSync(path.join(root, file), path.join(copy, file));
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
}

function build({ platform, arch, triple }) {
  const args = ['--napi', '--strip', '--tag-libc', '--target', oldestNode, '--platform', platform, '--arch', arch];
  const { status } = spawnSync(
    'prebuildify',
    [...args, '--strip-bin', `${triple}-strip`, '--cwd', copy, '--out', root],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        JOBS: 'max',
        CC: `${triple}-gcc`,
        CXX: `${triple}-g++`,
        AR: `${triple}-ar`,
        // The C++ library is part of the binary: there may be none of the machine, or an old one. libgcc_s is not: Node
        // itself needs it, and the one that could be linked in asks for glibc 2.35.
        LDFLAGS: '-static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections',
      },
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}

copySources();
rmSync(path.join(root, 'prebuilds'), { recursive: true, force: true });
for (const target of targets) build(target);
