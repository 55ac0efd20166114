// SPDX-License-Identifier: MIT
const seglog = require('seglog');
const { useLog } = require('./use-log.cjs');

useLog(seglog, process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
