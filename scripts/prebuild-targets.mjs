// SPDX-License-Identifier: MIT
// The addon binaries that a release carries, and what they may expect of the machine they run on. prebuild.mjs makes
// them, check-prebuilds.mjs holds them to this.

/**
 * The newest symbol versions that a binary may ask for. 2.34 is what a build on Debian 12 comes to: glibc moved the
 * threads functions to libc.so.6 in that version, and the linker takes a function's newest version.
 */
export const versionLimits = { GLIBC: '2.34', GCC: '4.2.0' };

export const targets = [
  { platform: 'linux', arch: 'x64', triple: 'x86_64-linux-gnu', machine: 'Advanced Micro Devices X86-64' },
  { platform: 'linux', arch: 'arm64', triple: 'aarch64-linux-gnu', machine: 'AArch64' },
];

/** Where node-gyp-build looks for it. The tag keeps it from being loaded where the C library is musl. */
export function prebuildPath({ platform, arch }) {
  return `prebuilds/${platform}-${arch}/seglog.glibc.node`;
}
