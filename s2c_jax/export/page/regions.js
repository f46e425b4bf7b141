// The steps of s2c_jax/drawing/regions.py. A cell is a pixel of the small picture.

// Upsamples colours to the sketch's size so that no colour crosses a line. Returns RGB, row by row.
function lineAwareUpsample(color, lineFreeFraction, opacity, width, height) {
  const grid = makeGrid(width, height, color.width, color.height);
  const cellSize = Math.floor((width * height) / (grid.columns * grid.rows));
  const [labels, count] = labelRegions(opacity, width, height, cellSize);
  const boxes = regionBoxes(labels, count, grid);
  const weights = cellWeights(labels, count, grid, boxes, lineFreeFraction);
  return interpolate(color, labels, grid, boxes, weights);
}

// Which row and column of cells each row and column of pixels lies in.
function makeGrid(width, height, columns, rows) {
  const rowOf = Int32Array.from({ length: height }, (_, y) => Math.floor((y * rows) / height));
  const columnOf = Int32Array.from({ length: width }, (_, x) => Math.floor((x * columns) / width));
  return { width, height, columns, rows, rowOf, columnOf };
}

// The box of cells of each region: those that it touches, and one more on each side. The cells of
// all boxes lie one after the other in one array, those of a region from starts[region] on.
function regionBoxes(labels, count, { width, height, columns, rows, rowOf, columnOf }) {
  const tops = new Int32Array(count + 1).fill(rows), lefts = new Int32Array(count + 1).fill(columns);
  const bottoms = new Int32Array(count + 1).fill(-1), rights = new Int32Array(count + 1).fill(-1);
  for (let y = 0, i = 0; y < height; y++) {
    const row = rowOf[y];
    for (let x = 0; x < width; x++, i++) {
      const region = labels[i], column = columnOf[x];
      if (row < tops[region]) tops[region] = row;
      if (row > bottoms[region]) bottoms[region] = row;
      if (column < lefts[region]) lefts[region] = column;
      if (column > rights[region]) rights[region] = column;
    }
  }
  const starts = new Int32Array(count + 1), spans = new Int32Array(count + 1);
  let total = 0;
  for (let region = 1; region <= count; region++) {
    tops[region] = Math.max(tops[region] - 1, 0);
    lefts[region] = Math.max(lefts[region] - 1, 0);
    bottoms[region] = Math.min(bottoms[region] + 1, rows - 1);
    rights[region] = Math.min(rights[region] + 1, columns - 1);
    spans[region] = rights[region] - lefts[region] + 1;
    starts[region] = total;
    total += (bottoms[region] - tops[region] + 1) * spans[region];
  }
  const indexOf = (region, row, column) =>
    starts[region] + (row - tops[region]) * spans[region] + column - lefts[region];
  return { tops, lefts, bottoms, rights, spans, starts, total, indexOf };
}

// How much each cell counts in its region's colours, in [0, 1].
function cellWeights(labels, count, grid, { tops, lefts, spans, starts, total, indexOf }, lineFreeFraction) {
  const { width, height, columns, rowOf, columnOf } = grid;
  const weights = new Float32Array(total);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (labels[i]) weights[indexOf(labels[i], rowOf[y], columnOf[x])]++;
    }
  }
  for (let region = 1; region <= count; region++) {
    let most = 0;
    const first = starts[region], last = region < count ? starts[region + 1] : total;
    for (let j = first; j < last; j++) {
      const row = tops[region] + Math.floor((j - first) / spans[region]);
      const column = lefts[region] + ((j - first) % spans[region]);
      weights[j] *= Math.max(lineFreeFraction[row * columns + column], MIN_LINE_FREE_FRACTION / 2);
      most = Math.max(most, weights[j]);
    }
    for (let j = first; j < last; j++) weights[j] = (weights[j] / most) ** SHARED_CELL_EXPONENT;
  }
  return weights;
}

// Interpolates each pixel from the four cells around it, by the weights of the pixel's region.
function interpolate(color, labels, { width, height, columns, rows }, boxes, weights) {
  const { tops, lefts, bottoms, rights, indexOf } = boxes, { data } = color;
  // A clamped array rounds to the nearest level, as Python does, before white is told apart.
  const result = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    const v = clamp(((y + 0.5) * rows) / height - 0.5, 0, rows - 1);
    const row = Math.floor(v), down = v - row, below = Math.min(row + 1, rows - 1);
    for (let x = 0; x < width; x++, i++) {
      const u = clamp(((x + 0.5) * columns) / width - 0.5, 0, columns - 1);
      const column = Math.floor(u), right = u - column, beside = Math.min(column + 1, columns - 1);
      const region = labels[i];
      let total = 0, red = 0, green = 0, blue = 0;
      for (let corner = 0; corner < 4; corner++) {
        const r = corner & 2 ? below : row, k = corner & 1 ? beside : column;
        let weight = (corner & 2 ? down : 1 - down) * (corner & 1 ? right : 1 - right);
        if (region) {
          const inside =
            r >= tops[region] && r <= bottoms[region] && k >= lefts[region] && k <= rights[region];
          weight *= inside ? weights[indexOf(region, r, k)] : 0;
        }
        const at = 3 * (r * columns + k);
        total += weight;
        red += weight * data[at];
        green += weight * data[at + 1];
        blue += weight * data[at + 2];
      }
      total = Math.max(total, MIN_WEIGHT);
      result[3 * i] = red / total;
      result[3 * i + 1] = green / total;
      result[3 * i + 2] = blue / total;
    }
  }
  return result;
}

// Returns each pixel's region, numbered from 1, and the number of regions; 0 is opaque line.
function labelRegions(opacity, width, height, minSize) {
  const labels = new Int32Array(width * height), members = new Int32Array(width * height);
  let count = 0, size = 0;
  const add = (i) => {
    if (labels[i] || opacity[i] >= LINE_OPACITY) return;
    labels[i] = count;
    members[size++] = i;
  };
  for (let start = 0; start < labels.length; start++) {
    if (labels[start] || opacity[start] >= LINE_OPACITY) continue;
    count++;
    size = 0;
    add(start);
    for (let next = 0; next < size; next++) {
      const i = members[next], x = i % width;
      if (x > 0) add(i - 1);
      if (x + 1 < width) add(i + 1);
      if (i >= width) add(i - width);
      if (i + width < labels.length) add(i + width);
    }
    if (size < Math.max(minSize, 1)) {
      for (const i of members.subarray(0, size)) labels[i] = -1;
      count--;
    }
  }
  // Regions reach a little under their lines.
  const across = maximumFilterAxis(labels, 1, (i) => i % width, width);
  const around = maximumFilterAxis(across, width, (i) => Math.floor(i / width), height);
  for (let i = 0; i < labels.length; i++) if (labels[i] <= 0) labels[i] = around[i];
  return [labels, count];
}

// The largest label within LINE_RIM pixels along one axis, at least 0.
function maximumFilterAxis(labels, step, positionOf, length) {
  const result = new Int32Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const position = positionOf(i);
    const first = Math.max(-LINE_RIM, -position), last = Math.min(LINE_RIM, length - 1 - position);
    let most = 0;
    for (let offset = first; offset <= last; offset++) {
      const label = labels[i + offset * step];
      if (label > most) most = label;
    }
    result[i] = most;
  }
  return result;
}
