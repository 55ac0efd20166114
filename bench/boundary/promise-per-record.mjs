// SPDX-License-Identifier: MIT
// One promise per record, made and resolved: what does the executor cost? A closure is an object for each promise; a
// static executor leaves the resolvers in variables of its module.

const RECORDS = 256;

export const title = 'a promise per record';

export function addTasks(bench) {
  const kept = new Array(RECORDS);
  let resolveMade;
  const executor = (resolve) => {
    resolveMade = resolve;
  };
  const settle = async (promise) => {
    for (let index = 0; index < RECORDS; index++) {
      kept[index](index);
      kept[index] = undefined;
    }
    await promise;
  };
  bench.add('a closure per promise', async () => {
    let last;
    for (let index = 0; index < RECORDS; index++) {
      last = new Promise((resolve) => {
        kept[index] = resolve;
      });
    }
    await settle(last);
  });
  bench.add('a closure, an object with both resolvers', async () => {
    let last;
    for (let index = 0; index < RECORDS; index++) {
      const waiter = { resolve: undefined, reject: undefined };
      last = new Promise((resolve, reject) => {
        waiter.resolve = resolve;
        waiter.reject = reject;
      });
      kept[index] = waiter.resolve;
    }
    await settle(last);
  });
  bench.add('a static executor', async () => {
    let last;
    for (let index = 0; index < RECORDS; index++) {
      last = new Promise(executor);
      kept[index] = resolveMade;
    }
    await settle(last);
  });
  bench.add('a static executor, behind an async function', async () => {
    const append = async () => {
      const promise = new Promise(executor);
      return promise;
    };
    let last;
    for (let index = 0; index < RECORDS; index++) {
      last = append();
      kept[index] = resolveMade;
    }
    await settle(last);
  });
}
