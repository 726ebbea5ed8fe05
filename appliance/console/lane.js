// So many at a time, in the order in which they came.

/** Has at most `most` of what `run(work)` is given under way at once; answers with what the work answers. */
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
  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, resolve, reject });
      next();
    });
}
