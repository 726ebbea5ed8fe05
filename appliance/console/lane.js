// So many at a time, in the order in which they came.

/** A function that has at most `most` of the work it is given under way at once, and answers with what the work answers.
 * Its `crowded` says whether more of it waits. */
export function lane(most) {
  const waiting = [];
  let running = 0;
  function next() {
    if (running >= most || waiting.length === 0) return;
    running += 1;
    const { work, resolve, reject } = waiting.shift();
    work()
      .then(resolve, reject)
      .finally(() => {
        running -= 1;
        next();
      });
  }
  const run = (work) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, resolve, reject });
      next();
    });
  return Object.defineProperty(run, "crowded", { get: () => waiting.length > 0 });
}
