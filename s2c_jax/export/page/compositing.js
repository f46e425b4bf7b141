// The steps of s2c_jax/drawing/compositing.py. The paper's tone differs: Python interpolates a
// percentile of every 11th pixel, this file takes a histogram of all pixels' rounded luma.

// Returns the flat picture: the network's colours at the sketch's size, under the sketch's own lines.
// RGBA, row by row.
function composite(sketch, networkInput, networkOutput) {
  const { width, height } = sketch;
  const luma = lumaOf(sketch), paperTone = estimatePaperTone(luma);
  const opacity = luma.map((tone) =>
    clamp((paperTone - tone) / (paperTone * (1 - LINE_LEVEL / 255)), 0, 1),
  );
  const [smallSketch, smallColor] = removeLetterbox(sketch, [networkInput, networkOutput]);
  const fraction = lineFreeFraction(smallSketch, paperTone);
  const withoutLines = inpaintUnderLines(removeLines(smallColor, fraction), fraction);
  const color = lineAwareUpsample(withoutLines, fraction, opacity, width, height);
  return putUnderLines(color, sketch, opacity, paperTone);
}

// Crops squares to the part that shows the sketch, downscaled if the sketch is smaller.
function removeLetterbox({ width, height }, squares) {
  const side = squares[0].width;
  const parts = squares.map((square) => crop(square, ...fittedBox(width, height, side)));
  if (Math.max(width, height) >= side) return parts;
  return parts.map((part) => resize(part, width, height, BOX));
}

function lumaOf({ width, height, data }) {
  const [red, green, blue] = LUMA_WEIGHTS, luma = new Float32Array(width * height);
  for (let i = 0; i < luma.length; i++) {
    luma[i] = red * data[3 * i] + green * data[3 * i + 1] + blue * data[3 * i + 2];
  }
  return luma;
}

function estimatePaperTone(luma) {
  const counts = new Uint32Array(256);
  for (const value of luma) counts[Math.round(value)]++;
  let tone = 0;
  for (let left = (PAPER_PERCENTILE / 100) * luma.length; tone < 255 && left > counts[tone]; tone++) {
    left -= counts[tone];
  }
  return Math.max(tone, MIN_PAPER_TONE);
}

// The fraction of each pixel of the small sketch that no line covers.
function lineFreeFraction({ width, height, data }, paperTone) {
  const fraction = new Float32Array(width * height);
  for (let i = 0; i < fraction.length; i++) {
    const sum = data[3 * i] + data[3 * i + 1] + data[3 * i + 2];
    fraction[i] = clamp(sum / (3 * paperTone), 0, 1);
  }
  return fraction;
}

// Divides the network's output, taken for colour times line-free fraction, by the fraction.
function removeLines({ width, height, data }, fraction) {
  const color = picture(width, height, 3);
  for (let i = 0; i < fraction.length; i++) {
    const divisor = Math.max(fraction[i], MIN_LINE_FREE_FRACTION);
    for (let c = 0; c < 3; c++) color.data[3 * i + c] = Math.min(data[3 * i + c] / divisor, 255);
  }
  return color;
}

// Gives pixels that lines cover the mean colour of the known pixels around them, in place.
function inpaintUnderLines(color, fraction) {
  const { width, height, data } = color;
  const known = Uint8Array.from(fraction, (value) => value >= MIN_LINE_FREE_FRACTION);
  let unknown = [...known.keys()].filter((i) => !known[i]);
  if (unknown.length === known.length) return color;
  const sums = summedAreaTable(color, known);
  for (const radius of BLUR_RADII) {
    const minCount = (MIN_BLURRED_ALPHA / 255) * (2 * radius + 1) ** 2;
    unknown = unknown.filter((i) => {
      const columns = blurParts(i % width, radius, width);
      const rows = blurParts(Math.floor(i / width), radius, height);
      const [red, green, blue, count] = sumOver(sums, width, rows, columns);
      if (count < minCount) return true;
      data.set([red / count, green / count, blue / count], 3 * i);
      return false;
    });
  }
  const [red, green, blue, count] = sumOver(sums, width, [[0, height, 1]], [[0, width, 1]]);
  for (const i of unknown) data.set([red / count, green / count, blue / count], 3 * i);
  return color;
}

// For each corner between pixels, sums over the known pixels above it and to its left: of their
// red, green and blue, and their number.
function summedAreaTable({ width, height, data }, known) {
  const sums = new Float64Array((width + 1) * (height + 1) * 4), stride = 4 * (width + 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x, to = (y + 1) * stride + 4 * (x + 1);
      for (let c = 0; c < 4; c++) {
        const here = known[i] ? (c < 3 ? data[3 * i + c] : 1) : 0;
        sums[to + c] = here + sums[to + c - 4] + sums[to + c - stride] - sums[to + c - stride - 4];
      }
    }
  }
  return sums;
}

// The pixels of a box blur along one axis, as ranges: first, end, and how often each pixel counts.
// Beyond the picture's edges its last pixels are repeated, as Pillow does.
function blurParts(center, radius, length) {
  return [
    [Math.max(center - radius, 0), Math.min(center + radius + 1, length), 1],
    [0, 1, Math.max(radius - center, 0)],
    [length - 1, length, Math.max(center + radius + 1 - length, 0)],
  ].filter(([, , times]) => times);
}

// Sums red, green, blue and number over ranges of rows and columns, from a summed-area table.
function sumOver(sums, width, rows, columns) {
  const stride = 4 * (width + 1), total = [0, 0, 0, 0];
  for (const [top, bottom, rowTimes] of rows) {
    for (const [left, right, columnTimes] of columns) {
      for (let c = 0; c < 4; c++) {
        const sum =
          sums[bottom * stride + 4 * right + c] - sums[bottom * stride + 4 * left + c] -
          sums[top * stride + 4 * right + c] + sums[top * stride + 4 * left + c];
        total[c] += rowTimes * columnTimes * sum;
      }
    }
  }
  return total;
}

// Puts the sketch's lines over the colours. Returns RGBA, row by row.
function putUnderLines(color, sketch, opacity, paperTone) {
  const result = new Uint8ClampedArray(opacity.length * 4);
  for (let i = 0; i < opacity.length; i++) {
    const isWhite = Math.min(color[3 * i], color[3 * i + 1], color[3 * i + 2]) >= WHITE_LEVEL;
    const paperPart = (1 - opacity[i]) * paperTone, divisor = Math.max(opacity[i], MIN_INK_OPACITY);
    for (let c = 0; c < 3; c++) {
      // The ink's level, from: pixel = opacity * ink + (1 - opacity) * paper.
      const ink = clamp((sketch.data[3 * i + c] - paperPart) / divisor, 0, 255);
      const under = isWhite ? 255 : color[3 * i + c];
      result[4 * i + c] = Math.round(opacity[i] * ink + (1 - opacity[i]) * under);
    }
    result[4 * i + 3] = 255;
  }
  return result;
}
