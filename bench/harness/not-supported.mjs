// SPDX-License-Identifier: MIT

/** A contender, as it is now, cannot run a workload: no failure, and the tables say so. */
export class NotSupported extends Error {
  name = 'NotSupported';
}
