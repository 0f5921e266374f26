// What makes the pages quicker to use; every page works without it. No eval, no inline handlers: the content policy forbids them.
"use strict";

// Forms send what is filled in and chosen, so that links say no more than what was asked.
document.addEventListener("formdata", (event) => {
  const data = event.formData;
  const by = data.get("by");
  const fields = { id: ["id"], words: ["words"], vector: ["vector"], text: ["text"], image: ["photo", "among"] };
  const others = by ? Object.keys(fields).filter((name) => name !== by).flatMap((name) => fields[name]) : [];
  for (const name of new Set([...data.keys()])) {
    const kept = data.getAll(name).filter((value) => (value instanceof File ? value.size > 0 : value.trim() !== ""));
    data.delete(name);
    if (!others.includes(name)) kept.forEach((value) => data.append(name, value));
  }
});

// A photo is sent by its own button, whichever way the form is sent.
document.addEventListener("submit", (event) => {
  const photo = event.target.querySelector("[data-photo]");
  if (!photo || event.submitter === photo || event.target.elements.by?.value !== "image") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  photo.click();
}, true);

// A session that is over shows the page to sign in, which has no answer in it.
document.addEventListener("htmx:before:swap", (event) => {
  const status = event.detail?.ctx?.response?.raw?.status ?? event.detail?.ctx?.response?.status;
  if (status === 401) {
    event.preventDefault();
    location.reload();
  }
});

// Images that do not come leave the drawing beneath them.
document.addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement && event.target.closest(".picture")) event.target.remove();
}, true);

// Filters: they hide tiles, and never search. The address keeps them.
function filter(form) {
  const value = (name) => {
    const input = form.elements[name];
    return input ? { at: Number(input.value), used: input.value !== (name.endsWith("_min") ? input.min : input.max) } : null;
  };
  const spans = [["days", value("days_min"), value("days_max")], ["score", value("score_min"), value("score_max")]];
  let seen = 0;
  const answer = document.getElementById("answer");
  for (const tile of answer.querySelectorAll(".tile")) {
    const shown = spans.every(([name, min, max]) => {
      if (!min || !max || (!min.used && !max.used)) return true;
      if (tile.dataset[name] === undefined) return false;
      const x = Number(tile.dataset[name]);
      return (!min.used || x >= min.at) && (!max.used || x <= max.at);
    });
    tile.hidden = !shown;
    seen += shown ? 1 : 0;
  }
  for (const count of answer.querySelectorAll("[data-visible]")) count.textContent = seen;
  const query = new URLSearchParams(location.search);
  for (const input of form.querySelectorAll("input[type=range]")) {
    input.closest("label").querySelector("output").textContent = Number(input.value).toFixed(Number(input.step) < 1 ? 3 : 0);
    const end = input.name.endsWith("_min") ? input.min : input.max;
    if (input.value === end) query.delete(input.name);
    else query.set(input.name, input.value);
  }
  history.replaceState(history.state, "", "?" + query);
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-filters]");
  if (form) filter(form);
});

// A vector from a file: the first row of .npy (f2, f4, f8), or the numbers of a text.
const half = (bits) => {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return exponent === 31 ? NaN : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

function npy(buffer) {
  const view = new DataView(buffer);
  const wide = view.getUint8(6) >= 2;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const begin = (wide ? 12 : 10) + length;
  const header = new TextDecoder("latin1").decode(buffer.slice(wide ? 12 : 10, begin));
  const kind = /'descr'\s*:\s*'([<|=])(f[248])'/.exec(header);
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(header);
  if (!kind || !shape) throw new Error("an .npy of little-endian f2, f4 or f8 is expected");
  const dims = shape[1].split(",").map((n) => n.trim()).filter(Boolean).map(Number);
  const width = dims[dims.length - 1], rows = dims.length > 1 ? dims[0] : 1, size = Number(kind[2][1]);
  if (dims.length < 1 || dims.length > 2 || (rows > 1 && /'fortran_order'\s*:\s*True/.test(header))) {
    throw new Error("one vector, or rows of vectors in C order, are expected");
  }
  const read = (at) => size === 2 ? half(view.getUint16(at, true)) : size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
  return { rows, numbers: Array.from({ length: width }, (_, i) => read(begin + i * size)) };
}

document.addEventListener("change", async (event) => {
  const input = event.target;
  if (!input.matches?.("[data-vector-file]") || !input.files.length) return;
  const said = document.querySelector("[data-vector-said]");
  try {
    const buffer = await input.files[0].arrayBuffer();
    const magic = new Uint8Array(buffer.slice(0, 6));
    let rows = 1, numbers;
    if (magic[0] === 0x93 && magic[1] === 0x4e) ({ rows, numbers } = npy(buffer));
    else numbers = new TextDecoder().decode(buffer).split(/[\s,;[\]()]+/).filter(Boolean).map(Number);
    if (!numbers.length || !numbers.every(Number.isFinite)) throw new Error("it holds something that is no number");
    document.querySelector("textarea[name=vector]").value = numbers.map((x) => Number(x.toPrecision(6))).join(" ");
    said.textContent = `${numbers.length} numbers` + (rows > 1 ? `: the first of ${rows} rows` : "") + " from " + input.files[0].name;
  } catch (error) {
    said.textContent = `${input.files[0].name} cannot be used: ${error.message}`;
  }
});

// What only scripts can do appears with them: the file field, the copy buttons.
function equip() {
  for (const element of document.querySelectorAll(".needs-script[hidden]")) element.hidden = false;
  for (const pre of document.querySelectorAll("#answer pre")) {
    if (pre.parentElement.classList.contains("snippet") || !navigator.clipboard) continue;
    const around = document.createElement("div");
    const button = document.createElement("button");
    around.className = "snippet";
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    pre.replaceWith(around);
    around.append(pre, button);
  }
}
document.addEventListener("htmx:after:swap", equip);
equip();
