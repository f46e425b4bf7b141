// Pictures are {width, height, channels, data}: data holds levels in [0, 255], row by row.
// All scripts become one module. Names in capitals are constants of s2c_jax/drawing, whose comments
// explain them; export/html.py writes their values into the page.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function picture(width, height, channels, data = new Float32Array(width * height * channels)) {
  return { width, height, channels, data };
}

// Rounds as Python does: halves go to the even number.
function round(value) {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

// Where a picture lies in the letterboxed square: left, top, width, height.
function fittedBox(width, height, side) {
  const longest = Math.max(width, height);
  const [w, h] = [width, height].map((length) => Math.max(1, round((length * side) / longest)));
  return [(side - w) >> 1, (side - h) >> 1, w, h];
}

// Scales a picture to fit a white square, and centres it.
function fitSquare(from, side) {
  const [left, top, width, height] = fittedBox(from.width, from.height, side);
  const inner = resize(from, width, height, LANCZOS);
  const square = picture(side, side, 3);
  square.data.fill(255);
  for (let y = 0; y < height; y++) {
    const row = inner.data.subarray(y * width * 3, (y + 1) * width * 3);
    square.data.set(row, ((y + top) * side + left) * 3);
  }
  return square;
}

const LANCZOS = {
  support: 3,
  at(x) {
    if (x === 0) return 1;
    if (Math.abs(x) >= 3) return 0;
    const t = Math.PI * x;
    return (3 * Math.sin(t) * Math.sin(t / 3)) / (t * t);
  },
};
const BOX = { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

// Resamples as Pillow does: one axis at a time, with a filter that widens when it downscales.
function resize(from, width, height, filter) {
  const resizedRows = resizeRows(from, width, filter);
  return transpose(resizeRows(transpose(resizedRows), height, filter));
}

function resizeRows(from, width, filter) {
  const { height, channels } = from;
  const scale = from.width / width, stretch = Math.max(scale, 1), support = filter.support * stretch;
  const to = picture(width, height, channels);
  for (let x = 0; x < width; x++) {
    const center = (x + 0.5) * scale;
    const first = Math.max(Math.floor(center - support + 0.5), 0);
    const last = Math.min(Math.floor(center + support + 0.5), from.width);
    const weights = [];
    for (let i = first; i < last; i++) weights.push(filter.at((i - center + 0.5) / stretch));
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
