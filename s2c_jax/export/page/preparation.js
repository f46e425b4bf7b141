// The steps of s2c_jax/drawing/preparation.py.

// Letterboxes a sketch to the network's square; thin lines of a large drawing get bolder first.
function downscaleSketch(sketch, side) {
  const scale = Math.max(sketch.width, sketch.height) / side;
  return fitSquare(scale > LARGE_SCALE ? embolden(sketch, scale) : sketch, side);
}

// Widens lines that would be too thin after downscaling, unless they are a tone.
function embolden(sketch, scale) {
  const [darkFraction, lineWidth] = measureLines(sketch);
  if (!(lineWidth > 0 && lineWidth < THIN_LINE * scale)) return sketch;
  const extraWidth = Math.ceil(BOLD_LINE * scale - lineWidth);
  if ((darkFraction * (lineWidth + extraWidth)) / lineWidth >= MAX_BOLD_COVERAGE) return sketch;
  return minimumFilter(sketch, extraWidth + 1);
}

// Returns the fraction of dark pixels, and the mean line width: twice the dark area over its boundary.
function measureLines({ width, height, data }) {
  const isDark = (i) => Math.max(data[3 * i], data[3 * i + 1], data[3 * i + 2]) < LINE_LEVEL;
  let dark = 0, boundary = 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const here = isDark(i);
      dark += here;
      boundary += x + 1 < width && isDark(i + 1) !== here;
      boundary += y + 1 < height && isDark(i + width) !== here;
    }
  }
  return [dark / (width * height), boundary ? (2 * dark) / boundary : 0];
}

// The darkest level within a window of size x size pixels, for each channel.
function minimumFilter(sketch, size) {
  return transpose(minimumFilterRows(transpose(minimumFilterRows(sketch, size)), size));
}

function minimumFilterRows(from, size) {
  const { width, height, channels, data } = from;
  const to = picture(width, height, channels), line = new Float32Array((width + 2 * size) * channels);
  for (let y = 0; y < height; y++) {
    // White around the picture does not change a minimum.
    line.fill(255);
    line.set(data.subarray(y * width * channels, (y + 1) * width * channels), (size >> 1) * channels);
    // Double the window while it fits; two overlapping windows then cover the size.
    let window = 1;
    for (; 2 * window <= size; window *= 2) {
      const shift = window * channels;
      for (let i = 0; i + shift < line.length; i++) {
        if (line[i + shift] < line[i]) line[i] = line[i + shift];
      }
    }
    const shift = (size - window) * channels, start = y * width * channels;
    for (let i = 0; i < width * channels; i++) to.data[start + i] = Math.min(line[i], line[i + shift]);
  }
  return to;
}
