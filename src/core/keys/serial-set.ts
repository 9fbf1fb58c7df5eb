/** Serial numbers from the first to the last, both included. */
export interface SerialRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** A set of 64-bit serial numbers, kept as ranges in their order that neither overlap nor touch. */
export class SerialSet {
  private list: SerialRange[] = [];
  /** Ranges that were added since the list was last put in order. */
  private added: SerialRange[] = [];

  /** Adds the numbers of a range. */
  add(first: bigint, last: bigint = first): void {
    this.added.push({ first, last });
  }

  /** The ranges in their order. */
  get ranges(): readonly SerialRange[] {
    if (this.added.length > 0) {
      this.list = merge([...this.list, ...this.added]);
      this.added = [];
    }
    return this.list;
  }

  /** Whether the number is in it; takes logarithmic time. */
  has(serial: bigint): boolean {
    const { ranges } = this;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const range = ranges[middle] as SerialRange;
      if (serial < range.first) high = middle;
      else if (serial > range.last) low = middle + 1;
      else return true;
    }
    return false;
  }
}

function merge(ranges: SerialRange[]): SerialRange[] {
  ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: SerialRange[] = [];
  for (const range of ranges) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1n) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last };
  }
  return merged;
}
