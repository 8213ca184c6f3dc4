// The values under the pointer: a line and a small box over a picture. They come inside the file of
// the picture, see figures/traces.py, and are read when somebody points at it: no kernel is asked,
// and nobody who only drags a slider pays for them.

const CHUNK = "lrLb";
const NEAR = 3; // pixels, between points that lie above each other

// The chunks of a PNG follow each other: length, type, content, checksum.
const contentOf = (bytes, type) => {
  for (let at = 8; at + 12 <= bytes.byteLength; ) {
    const length = bytes.getUint32(at);
    const letters = [0, 1, 2, 3].map((k) => String.fromCharCode(bytes.getUint8(at + 4 + k)));
    if (letters.join("") === type)
      return new DataView(bytes.buffer, bytes.byteOffset + at + 8, length);
    at += length + 12;
  }
  return null;
};

const readRegions = (bytes) => {
  const content = bytes?.byteLength ? contentOf(bytes, CHUNK) : null;
  if (!content) return [];
  let at = 4 + content.getUint32(0, true);
  const words = new Uint8Array(content.buffer, content.byteOffset + 4, at - 4);
  const next = () => content.getFloat32((at += 4) - 4, true);
  return JSON.parse(new TextDecoder().decode(words)).map((region) => ({
    ...region,
    traces: region.traces.map(({ names, points }) => ({
      names,
      points: Array.from({ length: points }, () => ({
        x: next(), y: next(), values: names.map(next),
      })),
    })),
  }));
};

const inWords = (value) => {
  if (Number.isNaN(value)) return "not there yet";
  const size = Math.abs(value);
  if (size === Infinity) return "diverged";
  if (Number.isInteger(value) && size < 1e5) return `${value}`;
  const short = Number(value.toPrecision(3));
  return size < 1e-4 || size >= 1e5 ? short.toExponential().replace("e+", "e") : `${short}`;
};

// What is found near a place: of each trace the nearest point, if it lies above that of another.
const find = (region, x, y) => {
  const far = region.nearest === "x"
    ? (point) => Math.abs(point.x - x)
    : (point) => Math.hypot(point.x - x, point.y - y);
  const nearest = ({ names, points }) => {
    const point = points.reduce((one, other) => (far(other) < far(one) ? other : one), points[0]);
    return { names, point };
  };
  const each = region.traces.filter(({ points }) => points.length).map(nearest);
  if (!each.length) return null;
  const first = each.reduce((one, other) => (far(other.point) < far(one.point) ? other : one));
  const found = region.nearest === "x"
    ? each.filter(({ point }) => Math.abs(point.x - first.point.x) <= NEAR)
    : [first];
  return { first, found };
};

const linesOf = ({ first, found }) => [
  `${first.names[0]} ${inWords(first.point.values[0])}`,
  ...found.flatMap(({ names, point }) =>
    names.slice(1).map((name, k) => `${name} ${inWords(point.values[k + 1])}`),
  ),
];

const element = (kind, parent) => {
  const made = document.createElement("div");
  made.className = kind;
  parent.append(made);
  return made;
};

// Shows values over the image in its place; `file` gives the bytes of the picture. Arrow keys go
// along the points, unless the picture uses them otherwise. Returns what to call for a new picture.
const showValues = (place, image, file, { keys }) => {
  const cross = element("lrlab-cross", place);
  const box = element("lrlab-values", place);
  const said = element("lrlab-said", place);
  said.setAttribute("role", "status");
  const dots = [];
  let bytes = null;
  let regions = [];
  let at = null; // the place that is shown, in pixels of the picture: its region, x and y

  const read = () => {
    if (bytes !== file()) regions = readRegions((bytes = file()));
    return regions;
  };
  const hide = () => {
    at = null;
    for (const part of [cross, box, ...dots]) part.hidden = true;
  };
  const show = (speak = false) => {
    const region = at && read()[at.region];
    const hit = region && find(region, at.x, at.y);
    if (!hit) return hide();
    const scale = image.clientWidth / image.naturalWidth;
    const [left, top, right, bottom] = region.box.map((pixels) => pixels * scale);
    const { x, y } = hit.first.point;
    cross.hidden = region.nearest !== "x";
    Object.assign(cross.style, { left: `${x * scale}px`, top: `${top}px`, height: `${bottom - top}px` });
    const shown = hit.found.slice(0, 12);
    while (dots.length < shown.length) dots.push(element("lrlab-dot", place));
    dots.forEach((dot, k) => {
      dot.hidden = k >= shown.length;
      if (dot.hidden) return;
      const { point } = shown[k];
      Object.assign(dot.style, { left: `${point.x * scale}px`, top: `${point.y * scale}px` });
    });
    const lines = linesOf({ ...hit, found: shown });
    box.replaceChildren(...lines.map((line) => {
      const row = document.createElement("div");
      row.textContent = line;
      return row;
    }));
    box.hidden = false;
    // Beside the line, on the side where there is more room, and inside of the picture.
    const after = x * scale < (left + right) / 2;
    const over = y * scale - box.offsetHeight / 2;
    Object.assign(box.style, {
      left: `${after ? x * scale + 12 : x * scale - 12 - box.offsetWidth}px`,
      top: `${Math.max(2, Math.min(over, place.clientHeight - box.offsetHeight - 2))}px`,
    });
    if (speak) said.textContent = lines.join(", ");
  };
  place.addEventListener("pointermove", (event) => {
    const { left, top, width } = image.getBoundingClientRect();
    const scale = image.naturalWidth / width;
    const [x, y] = [(event.clientX - left) * scale, (event.clientY - top) * scale];
    const inside = ({ box: [l, t, r, b] }) => l - 6 <= x && x <= r + 6 && t <= y && y <= b;
    const region = read().findIndex(inside);
    at = region < 0 ? null : { region, x, y };
    show();
  });
  place.addEventListener("pointerleave", hide);
  place.addEventListener("blur", hide);

  // The next place in a direction: along the points of a region, or in another region.
  const step = (key) => {
    const known = read().map(({ traces }) => traces.flatMap(({ points }) => points));
    if (!known.some((points) => points.length)) return null;
    let region = at?.region ?? known.findIndex((points) => points.length);
    if (key === "ArrowUp" || key === "ArrowDown")
      region = (region + (key === "ArrowDown" ? 1 : known.length - 1)) % known.length;
    const points = read()[region].nearest === "x"
      ? [...new Map(known[region].map((point) => [Math.round(point.x), point])).values()]
          .sort((one, other) => one.x - other.x)
      : known[region];
    if (!points.length) return null;
    const far = (point) => Math.hypot(point.x - at.x, read()[region].nearest === "x" ? 0 : point.y - at.y);
    const now = at ? points.reduce((best, p, k) => (far(p) < far(points[best]) ? k : best), 0) : -1;
    const last = points.length - 1;
    const to = { ArrowRight: now + 1, ArrowLeft: now < 0 ? last : now - 1, Home: 0, End: last }[key] ?? Math.max(now, 0);
    const { x, y } = points[Math.max(0, Math.min(to, last))];
    return { region, x, y };
  };
  if (keys) {
    place.tabIndex = 0;
    place.dataset.lmSuppressShortcuts = "true";
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", "The picture: arrow keys read its values");
    place.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return hide();
      if (!event.key.startsWith("Arrow") && event.key !== "Home" && event.key !== "End") return;
      event.preventDefault();
      event.stopPropagation();
      at = step(event.key);
      show(true);
    });
  }
  hide();
  return () => {
    if (at) show();
  };
};
