// SPDX-License-Identifier: MIT
// Runs when the package is installed. Builds the addon where no binary of the package loads; nothing else. On Windows it
// does nothing, so that a project that runs seglog elsewhere can be installed, checked and bundled there: openLog says
// what is the matter. A compiler's errors would not, and "os" in package.json would fail the whole project's install.
if (process.platform === 'win32') {
  console.log('seglog does not run on Windows: openLog() will reject with UNSUPPORTED');
} else {
  require('node-gyp-build/bin.js');
}
