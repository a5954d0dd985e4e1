/** Where the rows of the gradient flow lie: all of one height, but for those that are expanded. Pure. */

export interface FlowLayout {
  readonly count: number;
  readonly rowHeight: number;
  /** Extra height below an expanded row, by layer, in order. */
  readonly expanded: readonly (readonly [layer: number, height: number])[];
}

export function rowTop({ rowHeight, expanded }: FlowLayout, layer: number): number {
  let top = layer * rowHeight;
  for (const [open, height] of expanded) if (open < layer) top += height;
  return top;
}

export function totalHeight(layout: FlowLayout): number {
  return rowTop(layout, layout.count);
}

/** The layer whose row, with what is expanded below it, lies at a height; kept within the layers there are. */
export function rowAt(layout: FlowLayout, y: number): number {
  let [low, high] = [0, layout.count - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rowTop(layout, middle) <= y) low = middle;
    else high = middle - 1;
  }
  return Math.max(low, 0);
}

/** Rows to render for a part of the list: those in sight and some beyond, so that scrolling shows no holes. */
export function rowsInSight(
  layout: FlowLayout,
  top: number,
  height: number,
  beyond: number,
): readonly [first: number, end: number] {
  if (layout.count === 0) return [0, 0];
  return [
    Math.max(rowAt(layout, top) - beyond, 0),
    Math.min(rowAt(layout, top + Math.max(height, 0)) + 1 + beyond, layout.count),
  ];
}

/** Where to scroll so that a row is in sight, moving as little as needed. */
export function scrollTo(layout: FlowLayout, layer: number, top: number, height: number): number {
  const from = rowTop(layout, layer);
  const to = from + layout.rowHeight;
  if (from < top) return from;
  return to > top + height ? to - height : top;
}

/** Columns of a row by the width that the pane has. */
export interface FlowColumns {
  readonly name: number;
  readonly profile: number;
  readonly value: number;
  readonly strip: number;
  readonly map: number;
}

/**
 * Every width is for the same information; a narrow pane shortens names and pictures, and drops the map of the network. Without a
 * history the values have its room.
 */
export function columnsFor(width: number, hasMap: boolean, hasHistory = true): FlowColumns {
  const map = hasMap && width >= 420 ? 44 : 0;
  const name = Math.round(Math.min(Math.max(width * 0.26, 92), 230));
  const value = 64;
  const rest = Math.max(width - name - value - map, 80);
  const profile = hasHistory ? Math.round(rest * 0.5) : rest;
  return { name, profile, value, strip: rest - profile, map };
}
