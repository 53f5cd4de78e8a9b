// A grid of very many cells, of which only those near the window are there. Arrow keys go from cell to cell.
export class VirtualGrid {
  /** `side`: least width of a cell in pixels; `foot`: height below its square; `make(item, index)`: its element. */
  constructor(box, { side = 112, foot = 0, gap = 4, make }) {
    Object.assign(this, { box, side, foot, gap, make, items: [], cells: new Map(), wanted: false });
    box.setAttribute("role", "list");
    const look = () => { if (!this.wanted) { this.wanted = true; requestAnimationFrame(() => this.draw()); } };
    addEventListener("scroll", look, { passive: true });
    new ResizeObserver(() => { if (box.clientWidth !== this.width) { this.clear(); look(); } }).observe(box);
    box.addEventListener("keydown", (event) => this.move(event));
  }

  set(items) {
    this.items = items;
    this.clear();
    this.draw();
  }

  clear() {
    for (const cell of this.cells.values()) cell.remove();
    this.cells.clear();
  }

  draw() {
    this.wanted = false;
    const width = this.width = this.box.clientWidth;
    this.columns = Math.max(1, Math.floor((width + this.gap) / (this.side + this.gap)));
    const cell = (width - this.gap * (this.columns - 1)) / this.columns;
    this.step = cell + this.foot + this.gap;
    this.box.style.height = Math.ceil(this.items.length / this.columns) * this.step + "px";
    const top = -this.box.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / this.step) - 2) * this.columns;
    const last = Math.min(this.items.length, (Math.ceil((top + innerHeight) / this.step) + 2) * this.columns);
    for (const [index, old] of this.cells) {
      if ((index < first || index >= last) && !old.contains(document.activeElement)) { old.remove(); this.cells.delete(index); }
    }
    for (let index = first; index < last; index += 1) {
      if (this.cells.has(index)) continue;
      const made = this.make(this.items[index], index);
      made.setAttribute("role", "listitem");
      made.setAttribute("aria-setsize", this.items.length);
      made.setAttribute("aria-posinset", index + 1);
      Object.assign(made.style, { position: "absolute", width: cell + "px", transform: `translate(${(index % this.columns) * (cell + this.gap)}px, ${Math.floor(index / this.columns) * this.step}px)` });
      this.cells.set(index, made);
      this.box.append(made);
    }
  }

  /** Put the focus on a cell's first button, which is scrolled to. */
  focus(index) {
    if (index < 0 || index >= this.items.length) return;
    const at = this.box.getBoundingClientRect().top + scrollY + Math.floor(index / this.columns) * this.step;
    if (at < scrollY || at + this.step > scrollY + innerHeight) scrollTo({ top: at - innerHeight / 2, behavior: "instant" });
    this.draw();
    this.cells.get(index)?.querySelector("button, a")?.focus({ preventScroll: true });
  }

  move(event) {
    const at = [...this.cells].find(([, cell]) => cell.contains(document.activeElement))?.[0];
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns }[event.key];
    if (at === undefined || by === undefined) return;
    event.preventDefault();
    this.focus(at + by);
  }
}
