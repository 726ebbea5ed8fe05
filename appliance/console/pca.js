// Principal components of a few vectors with many numbers each, by power iteration on their Gram matrix.

const ROUNDS = 5000;
const NEAR = 1e-8;

/** The first two components' coordinates of `vectors` (arrays of one length), and which share of the variance they show. */
export function plane(vectors) {
  const gram = centredGram(vectors);
  const total = gram.reduce((sum, row, place) => sum + row[place], 0);
  const axes = [component(gram), component(gram)];
  const points = vectors.map((_, place) =>
    axes.map(({ value, direction }) => Math.sqrt(Math.max(0, value)) * direction[place]),
  );
  return { points, share: total > 0 ? axes.reduce((sum, { value }) => sum + value, 0) / total : 1 };
}

function centredGram(vectors) {
  const mean = vectors[0].map((_, place) => vectors.reduce((sum, vector) => sum + vector[place], 0) / vectors.length);
  const centred = vectors.map((vector) => vector.map((value, place) => value - mean[place]));
  return centred.map((one) => centred.map((other) => dot(one, other)));
}

export function dot(one, other) {
  let sum = 0;
  for (let place = 0; place < one.length; place += 1) sum += one[place] * other[place];
  return sum;
}

// The largest eigenvalue and its direction, which are taken out of the matrix.
function component(gram) {
  let direction = unit(gram.map((_, place) => Math.cos(place * 1.7 + 0.3)));
  let value = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const turned = gram.map((row) => dot(row, direction));
    const next = unit(turned);
    const moved = Math.max(...next.map((value, place) => Math.abs(value - direction[place])));
    value = Math.sqrt(dot(turned, turned));
    direction = next;
    if (moved < NEAR) break;
  }
  // Which way it points is chance: the largest is made positive, so that the same tray gives the same map.
  const largest = direction.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most), 0);
  if (largest < 0) direction = direction.map((one) => -one);
  gram.forEach((row, first) =>
    row.forEach((_, second) => (row[second] -= value * direction[first] * direction[second])),
  );
  return { value, direction };
}

function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 ? vector.map((value) => value / length) : vector;
}
