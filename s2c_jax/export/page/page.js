// The page: takes a file, lets the network colour it, and offers the result. Nothing leaves the browser.

const element = (id) => document.getElementById(id);
const metadata = JSON.parse(element("metadata").textContent);

function showStatus(text, isError = false) {
  element("status").textContent = text;
  element("status").className = isError ? "error" : "";
}

// Decodes an element of the page that holds base64 of gzip.
async function unpack(id) {
  const text = atob(element(id).textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Returns ONNX Runtime Web and a session with the network.
async function startNetwork() {
  const source = new Blob([await unpack("runtime")], { type: "text/javascript" });
  const ort = await import(URL.createObjectURL(source));
  ort.env.wasm.wasmBinary = (await unpack("wasm")).buffer;
  // Threads need a server that sends cross-origin isolation headers.
  ort.env.wasm.numThreads = 1;
  const options = { executionProviders: ["wasm"] };
  return [ort, await ort.InferenceSession.create(await unpack("model"), options)];
}

// Returns the network's output for a sketch without hints or palette.
async function infer([ort, session], networkInput) {
  const side = networkInput.width;
  const tensor = (data, ...shape) => new ort.Tensor("float32", data, shape);
  const zeros = (...shape) => tensor(new Float32Array(shape.reduce((a, b) => a * b)), ...shape);
  const inputs = {
    sketch: tensor(networkInput.data.map((level) => level / 127.5 - 1), 1, side, side, 3),
  };
  if (session.inputNames.includes("hints")) inputs.hints = zeros(1, side, side, 4);
  if (session.inputNames.includes("palette")) inputs.palette = zeros(1, BANDS, COLORS, 4);
  const { color } = await session.run(inputs);
  return picture(side, side, 3, color.data.map((value) => Math.round((value + 1) * 127.5)));
}

// Reads a file as RGB on white paper.
async function readSketch(file) {
  if (file.size > MAX_FILE_BYTES) throw new Error(`${file.name}: larger than ${MAX_FILE_BYTES / 2 ** 20} MB`);
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error(`${file.name}: not a picture that this browser can read`);
  });
  const { width, height } = bitmap, maxSide = Math.sqrt(MAX_PIXELS);
  if (width * height > MAX_PIXELS) {
    throw new Error(`${file.name}: ${width}x${height} pixels are more than ${maxSide}x${maxSide}`);
  }
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.fillStyle = "white";
  canvas.fillRect(0, 0, width, height);
  canvas.drawImage(bitmap, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height);
  const sketch = picture(width, height, 3);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) sketch.data[3 * i + c] = data[4 * i + c];
  }
  return sketch;
}

// Shows RGBA levels on the canvas, and offers them as a PNG file.
async function showResult(rgba, width, height, name) {
  const canvas = element("result"), link = element("download");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/\.[^.]*$/, "") + "_coloured.png";
  link.hidden = false;
}

const network = startNetwork();
network.then(
  () => showStatus("Ready."),
  (error) => showStatus(`This browser cannot run the network: ${error.message}`, true),
);

async function colorFile(file) {
  element("download").hidden = true;
  try {
    showStatus("Colouring …");
    const running = await network, sketch = await readSketch(file);
    const { width, height } = sketch, times = [performance.now()];
    const networkInput = downscaleSketch(sketch, Number(metadata.image_size));
    times.push(performance.now());
    const networkOutput = await infer(running, networkInput);
    times.push(performance.now());
    await showResult(composite(sketch, networkInput, networkOutput), width, height, file.name);
    times.push(performance.now());
    const seconds = (from, to) => ((times[to] - times[from]) / 1000).toFixed(2);
    showStatus(
      `${width}x${height} pixels in ${seconds(0, 3)} s, the network ${seconds(1, 2)} s of them.`,
    );
  } catch (error) {
    showStatus(error.message, true);
  }
}

// Forget the last choice, so that choosing the same file again is a change.
element("file").addEventListener("click", () => (element("file").value = ""));
element("file").addEventListener("change", () => {
  if (element("file").files[0]) colorFile(element("file").files[0]);
});
element("drop").addEventListener("dragover", (event) => event.preventDefault());
element("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) colorFile(event.dataTransfer.files[0]);
});
element("licence").textContent = metadata.license;
element("model_name").textContent =
  `${metadata.trained_on}, ${metadata.image_size} px, step ${metadata.step}`;
