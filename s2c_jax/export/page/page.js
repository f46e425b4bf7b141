// The page: a file comes in, the network colours it, a file goes out. Nothing leaves the browser.

const MAX_BYTES = 32 * 2 ** 20, MAX_PIXELS = 4096 * 4096;
const about = JSON.parse(document.getElementById("about").textContent);
const get = (id) => document.getElementById(id);
const say = (text, isError = false) => {
  get("status").textContent = text;
  get("status").className = isError ? "error" : "";
};

// What is in the page as gzip in base64.
async function unpack(id) {
  const text = atob(get(id).textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const source = new Blob([await unpack("runtime")], { type: "text/javascript" });
  const ort = await import(URL.createObjectURL(source));
  ort.env.wasm.wasmBinary = (await unpack("wasm")).buffer;
  // More need a server that says so.
  ort.env.wasm.numThreads = 1;
  return [ort, await ort.InferenceSession.create(await unpack("model"), { executionProviders: ["wasm"] })];
}

function normalized(square) {
  return square.data.map((level) => level / 127.5 - 1);
}

async function infer([ort, session], square) {
  const side = square.width, inputs = { sketch: new ort.Tensor("float32", normalized(square), [1, side, side, 3]) };
  const zeros = (...shape) => new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b)), shape);
  if (session.inputNames.includes("hints")) inputs.hints = zeros(1, side, side, 4);
  if (session.inputNames.includes("palette")) inputs.palette = zeros(1, 4, 4, 4);
  const { color } = await session.run(inputs);
  return picture(side, side, 3, color.data.map((value) => Math.round((value + 1) * 127.5)));
}

async function read(file) {
  if (file.size > MAX_BYTES) throw new Error(`${file.name}: larger than 32 MB`);
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error(`${file.name}: no picture that this browser can read`);
  });
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) throw new Error(`${file.name}: ${width}x${height} pixels are more than 4096x4096`);
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

function show(canvas, width, height, rgba) {
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
}

const network = start();
network.then(
  () => say("Ready."),
  (error) => say(`This browser cannot run it: ${error.message}`, true),
);

async function color(file) {
  get("download").hidden = true;
  try {
    say("Colouring …");
    const running = await network, sketch = await read(file);
    const begun = performance.now();
    const seen = reduce(sketch, Number(about.image_size)), reduced = performance.now();
    const colored = await infer(running, seen), inferred = performance.now();
    show(get("result"), sketch.width, sketch.height, composite(sketch, seen, colored));
    const blob = await new Promise((resolve) => get("result").toBlob(resolve));
    URL.revokeObjectURL(get("download").href);
    get("download").href = URL.createObjectURL(blob);
    get("download").download = file.name.replace(/\.[^.]*$/, "") + "_coloured.png";
    get("download").hidden = false;
    const seconds = (from, to) => ((to - from) / 1000).toFixed(2);
    say(
      `${sketch.width}x${sketch.height} pixels in ${seconds(begun, performance.now())} s, ` +
        `the network ${seconds(reduced, inferred)} s of them.`,
    );
  } catch (error) {
    say(error.message, true);
  }
}

// So that the same file, drawn on, is a change.
get("file").addEventListener("click", () => (get("file").value = ""));
get("file").addEventListener("change", () => get("file").files[0] && color(get("file").files[0]));
get("drop").addEventListener("dragover", (event) => event.preventDefault());
get("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) color(event.dataTransfer.files[0]);
});
get("licence").textContent = about.license;
get("model_name").textContent = `${about.trained_on}, ${about.image_size} px, step ${about.step}`;
