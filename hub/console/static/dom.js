// Small hands for the page: nodes are made and changed only where they differ, and never from HTML text.

// Sets the text of a node, only when it differs: screen readers and the layout are left in peace.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Sets or removes a data attribute, only when it differs.
export function mark(node, name, value) {
  if (value === undefined || value === null || value === "") {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== String(value)) {
    node.dataset[name] = value;
  }
}

// Sets or removes an attribute, only when it differs.
export function attribute(node, name, value) {
  if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// An element with a class and children.
export function make(tag, name = "", ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
}

// A few words on a ground of their `tone`; without one they stand on the common ground.
export function chip(text, tone = "") {
  const node = make("span", "chip", text);
  mark(node, "tone", tone);
  return node;
}

// A shape of a drawing, or the drawing itself: an element of SVG with its attributes.
export function shape(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

// A button that says `text` and does `deed`.
export function button(text, deed, name = "button") {
  const node = make("button", name, text);
  node.type = "button";
  node.addEventListener("click", deed);
  return node;
}

// The label of an input, which has its id already.
export function labelOf(input, text, name = "") {
  const label = make("label", name, text);
  label.htmlFor = input.id;
  return label;
}

// An input below its label; `id` becomes the id of the input.
export function field(text, input, id, name = "field") {
  input.id = id;
  return make("div", name, labelOf(input, text), input);
}

// The head of a column of a table; one without words heads nothing.
export function column(text, name = "") {
  const cell = make(text ? "th" : "td", name, text);
  if (text) cell.scope = "col";
  return cell;
}

// The head of a table, of a column for each text.
export const columns = (texts) => make("thead", "", make("tr", "", ...texts.map((text) => column(text))));

// The cell that says what its row is about.
export function rowHead(...children) {
  const cell = make("th", "", ...children);
  cell.scope = "row";
  return cell;
}

// Makes the children of `parent` those of `items`, keeping the nodes of items that stay: focus survives.
export function keep(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = old.get(key);
    if (node) {
      old.delete(key);
    } else {
      node = create(item);
      node.dataset.key = key;
    }
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    update(node, item);
  }
  for (const node of old.values()) node.remove();
}
