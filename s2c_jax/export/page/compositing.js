// s2c_jax/compositing.py once more, for browsers: constants and steps are those there, which says why.
// Pictures are {width, height, channels, data}, data in [0, 255] row by row.

const DARK = 128, PAPER_PERCENTILE = 0.9, DARKEST_PAPER = 160, WHITE = 250, POWER = 4, LINE = 0.5;
const RIM = 2, LEAST_FREE = 0.3, LARGE = 4, FINE = 0.3, BOLD = 0.5, TONE = 0.5;

// What is known within so many pixels is asked for the colour under a line, if it is this share of them.
const REACHES = [3, 12, 48, 192], ENOUGH = 20 / 255;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function picture(width, height, channels, data = new Float32Array(width * height * channels)) {
  return { width, height, channels, data };
}

// As Python does: halves to the even number.
function round(value) {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

// Where a picture lies in the square: left, top, width, height.
function fittedBox(width, height, side) {
  const longest = Math.max(width, height);
  const [w, h] = [width, height].map((length) => Math.max(1, round((length * side) / longest)));
  return [(side - w) >> 1, (side - h) >> 1, w, h];
}

const lanczos = {
  support: 3,
  at(x) {
    if (x === 0) return 1;
    if (Math.abs(x) >= 3) return 0;
    const t = Math.PI * x;
    return (3 * Math.sin(t) * Math.sin(t / 3)) / (t * t);
  },
};
const box = { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

// Resamples as Pillow does: a filter as wide as the larger of the two pixels, one axis at a time.
function resize(from, width, height, filter) {
  const across = resizeRows(from, width, filter);
  return transpose(resizeRows(transpose(across), height, filter));
}

function resizeRows(from, width, filter) {
  const { height, channels } = from;
  const scale = from.width / width, wide = Math.max(scale, 1), support = filter.support * wide;
  const to = picture(width, height, channels);
  for (let x = 0; x < width; x++) {
    const center = (x + 0.5) * scale;
    const first = Math.max(Math.floor(center - support + 0.5), 0);
    const last = Math.min(Math.floor(center + support + 0.5), from.width);
    const weights = [];
    for (let i = first; i < last; i++) weights.push(filter.at((i - center + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < channels; c++) {
        let value = 0;
        for (let i = first; i < last; i++) {
          value += weights[i - first] * from.data[(y * from.width + i) * channels + c];
        }
        to.data[(y * width + x) * channels + c] = clamp(Math.round(value / sum), 0, 255);
      }
    }
  }
  return to;
}

function transpose(from) {
  const { width, height, channels, data } = from;
  const to = picture(height, width, channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        to.data[(x * height + y) * channels + c] = data[(y * width + x) * channels + c];
      }
    }
  }
  return to;
}

function crop(from, left, top, width, height) {
  const to = picture(width, height, from.channels);
  for (let y = 0; y < height; y++) {
    const start = ((y + top) * from.width + left) * from.channels;
    to.data.set(from.data.subarray(start, start + width * from.channels), y * width * from.channels);
  }
  return to;
}

// The sketch as the network sees it.
function reduce(sketch, side) {
  const scale = Math.max(sketch.width, sketch.height) / side;
  if (scale > LARGE) {
    const [share, lineWidth] = darkLines(sketch);
    const more = Math.ceil(BOLD * scale - lineWidth);
    const wouldBeDark = (share * (lineWidth + more)) / Math.max(lineWidth, 1e-6);
    if (lineWidth > 0 && lineWidth < FINE * scale && wouldBeDark < TONE) sketch = bolder(sketch, more + 1);
  }
  const [left, top, width, height] = fittedBox(sketch.width, sketch.height, side);
  const inner = resize(sketch, width, height, lanczos);
  const square = picture(side, side, 3);
  square.data.fill(255);
  for (let y = 0; y < height; y++) {
    const row = inner.data.subarray(y * width * 3, (y + 1) * width * 3);
    square.data.set(row, ((y + top) * side + left) * 3);
  }
  return square;
}

// The share of dark pixels, and how wide lines are.
function darkLines({ width, height, data }) {
  const isDark = (i) => Math.max(data[3 * i], data[3 * i + 1], data[3 * i + 2]) < DARK;
  let dark = 0, borders = 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const here = isDark(i);
      dark += here;
      borders += x + 1 < width && isDark(i + 1) !== here;
      borders += y + 1 < height && isDark(i + width) !== here;
    }
  }
  return [dark / (width * height), borders ? (2 * dark) / borders : 0];
}

// The darkest of so many pixels around.
function bolder(sketch, size) {
  return transpose(darkestOfRows(transpose(darkestOfRows(sketch, size)), size));
}

function darkestOfRows(from, size) {
  const { width, height, channels, data } = from;
  const to = picture(width, height, channels), line = new Float32Array((width + 2 * size) * channels);
  for (let y = 0; y < height; y++) {
    // Of white nothing becomes darker.
    line.fill(255);
    line.set(data.subarray(y * width * channels, (y + 1) * width * channels), (size >> 1) * channels);
    let reach = 1;
    for (; 2 * reach <= size; reach *= 2) {
      const shift = reach * channels;
      for (let i = 0; i + shift < line.length; i++) {
        if (line[i + shift] < line[i]) line[i] = line[i + shift];
      }
    }
    const shift = (size - reach) * channels, start = y * width * channels;
    for (let i = 0; i < width * channels; i++) to.data[start + i] = Math.min(line[i], line[i + shift]);
  }
  return to;
}

// The network's colours at the sketch's size, under the sketch's own lines.
function composite(sketch, seen, colored) {
  const { width, height } = sketch;
  const [paper, opacity] = linesOf(sketch);
  const [left, top, columns, rows] = fittedBox(width, height, seen.width);
  let small = [seen, colored].map((square) => crop(square, left, top, columns, rows));
  if (Math.max(width, height) < seen.width) {
    small = small.map((part) => resize(part, width, height, box));
  }
  const [saw, made] = small;
  const free = new Float32Array(saw.width * saw.height);
  for (let i = 0; i < free.length; i++) {
    const sum = saw.data[3 * i] + saw.data[3 * i + 1] + saw.data[3 * i + 2];
    free[i] = clamp(sum / (3 * paper), 0, 1);
  }
  const color = enlarge(withoutLines(made, free), free, opacity, width, height);
  const result = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const blank = Math.min(color[3 * i], color[3 * i + 1], color[3 * i + 2]) >= WHITE;
    for (let c = 0; c < 3; c++) {
      const under = blank ? 255 : color[3 * i + c];
      const level = sketch.data[3 * i + c];
      // Where lines are not opaque, the sketch is a mixture of paper and ink.
      const ink = clamp((level - (1 - opacity[i]) * paper) / Math.max(opacity[i], 1e-3), 0, 255);
      result[4 * i + c] = Math.round(opacity[i] * ink + (1 - opacity[i]) * under);
    }
    result[4 * i + 3] = 255;
  }
  return result;
}

function linesOf({ width, height, data }) {
  const luma = new Float32Array(width * height), counts = new Uint32Array(256);
  for (let i = 0; i < luma.length; i++) {
    luma[i] = 0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2];
    counts[Math.round(luma[i])]++;
  }
  let paper = 0;
  for (let left = PAPER_PERCENTILE * luma.length; paper < 255 && left > counts[paper]; paper++) {
    left -= counts[paper];
  }
  paper = Math.max(paper, DARKEST_PAPER);
  const opacity = luma.map((tone) => clamp((paper - tone) / (paper * (1 - DARK / 255)), 0, 1));
  return [paper, opacity];
}

// What is no line was white, and was coloured; under lines is what is beside them.
function withoutLines(made, free) {
  const { width, height } = made;
  const color = new Float32Array(made.data.length), known = new Uint8Array(free.length);
  let unknown = [];
  for (let i = 0; i < free.length; i++) {
    known[i] = free[i] >= LEAST_FREE;
    if (!known[i]) unknown.push(i);
    for (let c = 0; c < 3; c++) {
      color[3 * i + c] = Math.min(made.data[3 * i + c] / Math.max(free[i], LEAST_FREE), 255);
    }
  }
  if (unknown.length === free.length) return picture(width, height, 3, color);
  // Of the known pixels above and to the left of each place: their number and their colours' sums.
  const sums = new Float64Array((width + 1) * (height + 1) * 4), row = 4 * (width + 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x, to = (y + 1) * row + 4 * (x + 1);
      for (let c = 0; c < 4; c++) {
        const here = known[i] ? (c < 3 ? color[3 * i + c] : 1) : 0;
        sums[to + c] = here + sums[to + c - 4] + sums[to + c - row] - sums[to + c - row - 4];
      }
    }
  }
  const within = (left, top, right, bottom, c) =>
    sums[bottom * row + 4 * right + c] - sums[bottom * row + 4 * left + c] -
    sums[top * row + 4 * right + c] + sums[top * row + 4 * left + c];
  // What lies within reach of a place, as the borders of parts and how often each counts: beyond the
  // picture's edges its last pixels are repeated, as Pillow does.
  const parts = (place, reach, length) => [
    [Math.max(place - reach, 0), Math.min(place + reach + 1, length), 1],
    [0, 1, Math.max(reach - place, 0)],
    [length - 1, length, Math.max(place + reach + 1 - length, 0)],
  ].filter((part) => part[2]);
  for (const reach of [...REACHES, Infinity]) {
    unknown = unknown.filter((i) => {
      const all = reach === Infinity, x = i % width, y = Math.floor(i / width);
      const across = all ? [[0, width, 1]] : parts(x, reach, width);
      const down = all ? [[0, height, 1]] : parts(y, reach, height);
      const total = [0, 0, 0, 0];
      for (const [top, bottom, rows] of down) {
        for (const [left, right, columns] of across) {
          for (let c = 0; c < 4; c++) total[c] += rows * columns * within(left, top, right, bottom, c);
        }
      }
      if (!all && total[3] < ENOUGH * (2 * reach + 1) ** 2) return true;
      for (let c = 0; c < 3; c++) color[3 * i + c] = total[c] / total[3];
      return false;
    });
  }
  return picture(width, height, 3, color);
}

// Brings colours up without crossing lines.
function enlarge(color, free, opacity, width, height) {
  const { width: columns, height: rows, data } = color;
  const [regions, count] = regionsOf(opacity, width, height, Math.floor((width * height) / (columns * rows)));
  const rowOf = Int32Array.from({ length: height }, (_, y) => Math.floor((y * rows) / height));
  const columnOf = Int32Array.from({ length: width }, (_, x) => Math.floor((x * columns) / width));

  // The cells that each region touches, and one more around.
  const tops = new Int32Array(count + 1).fill(rows), lefts = new Int32Array(count + 1).fill(columns);
  const bottoms = new Int32Array(count + 1).fill(-1), rights = new Int32Array(count + 1).fill(-1);
  for (let y = 0, i = 0; y < height; y++) {
    const row = rowOf[y];
    for (let x = 0; x < width; x++, i++) {
      const region = regions[i], column = columnOf[x];
      if (row < tops[region]) tops[region] = row;
      if (row > bottoms[region]) bottoms[region] = row;
      if (column < lefts[region]) lefts[region] = column;
      if (column > rights[region]) rights[region] = column;
    }
  }
  // Where its cells begin among all regions' ones.
  const starts = new Int32Array(count + 1), spans = new Int32Array(count + 1);
  let cells = 0;
  for (let region = 1; region <= count; region++) {
    tops[region] = Math.max(tops[region] - 1, 0);
    lefts[region] = Math.max(lefts[region] - 1, 0);
    bottoms[region] = Math.min(bottoms[region] + 1, rows - 1);
    rights[region] = Math.min(rights[region] + 1, columns - 1);
    spans[region] = rights[region] - lefts[region] + 1;
    starts[region] = cells;
    cells += (bottoms[region] - tops[region] + 1) * spans[region];
  }
  const cellOf = (region, row, column) =>
    starts[region] + (row - tops[region]) * spans[region] + column - lefts[region];

  // How much a region takes of a cell: what it covers of it.
  const weights = new Float32Array(cells);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (regions[i]) weights[cellOf(regions[i], rowOf[y], columnOf[x])]++;
    }
  }
  for (let region = 1; region <= count; region++) {
    let most = 0;
    const first = starts[region], last = region < count ? starts[region + 1] : cells;
    for (let j = first; j < last; j++) {
      const row = tops[region] + Math.floor((j - first) / spans[region]);
      const column = lefts[region] + ((j - first) % spans[region]);
      weights[j] *= Math.max(free[row * columns + column], LEAST_FREE / 2);
      most = Math.max(most, weights[j]);
    }
    for (let j = first; j < last; j++) weights[j] = (weights[j] / most) ** POWER;
  }

  // Rounds to the nearest level, as Python does, before what is as good as white is told from it.
  const result = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    const v = clamp(((y + 0.5) * rows) / height - 0.5, 0, rows - 1);
    const row = Math.floor(v), down = v - row, below = Math.min(row + 1, rows - 1);
    for (let x = 0; x < width; x++, i++) {
      const u = clamp(((x + 0.5) * columns) / width - 0.5, 0, columns - 1);
      const column = Math.floor(u), right = u - column, beside = Math.min(column + 1, columns - 1);
      const region = regions[i];
      let total = 0, red = 0, green = 0, blue = 0;
      for (let part = 0; part < 4; part++) {
        const r = part & 2 ? below : row, k = part & 1 ? beside : column;
        let weight = (part & 2 ? down : 1 - down) * (part & 1 ? right : 1 - right);
        if (region) {
          const inside =
            r >= tops[region] && r <= bottoms[region] && k >= lefts[region] && k <= rights[region];
          weight *= inside ? weights[cellOf(region, r, k)] : 0;
        }
        const place = 3 * (r * columns + k);
        total += weight;
        red += weight * data[place];
        green += weight * data[place + 1];
        blue += weight * data[place + 2];
      }
      total = Math.max(total, 1e-12);
      result[3 * i] = red / total;
      result[3 * i + 1] = green / total;
      result[3 * i + 2] = blue / total;
    }
  }
  return result;
}

// Numbers what lines enclose, from 1 on, and how many there are; 0 is the rest.
function regionsOf(opacity, width, height, smallest) {
  const labels = new Int32Array(width * height), members = new Int32Array(width * height);
  let count = 0, size = 0;
  const take = (i) => {
    if (labels[i] || opacity[i] >= LINE) return;
    labels[i] = count;
    members[size++] = i;
  };
  for (let start = 0; start < labels.length; start++) {
    if (labels[start] || opacity[start] >= LINE) continue;
    count++;
    size = 0;
    take(start);
    for (let next = 0; next < size; next++) {
      const i = members[next], x = i % width;
      if (x > 0) take(i - 1);
      if (x + 1 < width) take(i + 1);
      if (i >= width) take(i - width);
      if (i + width < labels.length) take(i + width);
    }
    if (size < Math.max(smallest, 1)) {
      for (const i of members.subarray(0, size)) labels[i] = -1;
      count--;
    }
  }
  // The largest number of those around, one axis after the other.
  const grown = (from, step, placeOf, length) => {
    const to = new Int32Array(from.length);
    for (let i = 0; i < from.length; i++) {
      const place = placeOf(i);
      const first = Math.max(-RIM, -place), last = Math.min(RIM, length - 1 - place);
      let most = 0;
      for (let by = first; by <= last; by++) {
        const label = from[i + by * step];
        if (label > most) most = label;
      }
      to[i] = most;
    }
    return to;
  };
  const across = grown(labels, 1, (i) => i % width, width);
  const around = grown(across, width, (i) => Math.floor(i / width), height);
  for (let i = 0; i < labels.length; i++) if (labels[i] <= 0) labels[i] = around[i];
  return [labels, count];
}
