/** The last minutes of figures, for the charts: one column for each series, the oldest first, bounded. */
import { Fields } from '../api/fields'

/** Five minutes of one status a second. */
export const samplesMax = 300

/** After so long without a status there is a gap in the lines. */
const gapSeconds = 5

export class History<Name extends string> {
  /** Seconds since 1970. */
  readonly times: number[] = []
  private readonly columns: Map<Name, (number | null)[]>

  constructor(names: readonly Name[]) {
    this.columns = new Map(names.map(name => [name, []]))
  }

  column(name: Name): readonly (number | null)[] {
    return this.columns.get(name) ?? []
  }

  add(seconds: number, sample: Readonly<Record<Name, number | null>>): void {
    const last = this.times.at(-1)
    // A clock that was set back: what is older cannot be drawn with what comes.
    if (last !== undefined && seconds < last) this.clear()
    if (last !== undefined && seconds - last > gapSeconds) this.append(seconds - 1, null)
    this.append(seconds, sample)
  }

  private append(seconds: number, sample: Readonly<Record<Name, number | null>> | null): void {
    this.times.push(seconds)
    for (const [name, values] of this.columns) values.push(sample?.[name] ?? null)
    if (this.times.length <= samplesMax) return
    this.times.shift()
    for (const values of this.columns.values()) values.shift()
  }

  /** All of it, to be kept elsewhere. */
  columnsByName(): { times: readonly number[]; columns: Record<string, readonly (number | null)[]> } {
    return { times: this.times, columns: Object.fromEntries(this.columns) }
  }

  /** What was kept, as far as it is what this keeps and younger than what is forgotten. Anything else is nothing. */
  restore(kept: unknown, nowSeconds: number): void {
    const of = new Fields(kept)
    const times = of.values('times', samplesMax)
    const columns = of.fields('columns')
    times.forEach((time, at) => {
      if (typeof time !== 'number' || !(time > nowSeconds - samplesMax && time <= nowSeconds)) return
      if (time < (this.times.at(-1) ?? 0)) return
      this.times.push(time)
      for (const [name, values] of this.columns) {
        const value = columns.values(name, samplesMax)[at]
        values.push(typeof value === 'number' && Number.isFinite(value) ? value : null)
      }
    })
  }

  private clear(): void {
    this.times.length = 0
    for (const values of this.columns.values()) values.length = 0
  }
}

/** The least, the mean and the most of what is known. */
export function summary(values: readonly (number | null)[]): { least: number; mean: number; most: number } | null {
  let [least, most, sum, known] = [Infinity, -Infinity, 0, 0]
  for (const value of values) {
    if (value === null) continue
    least = Math.min(least, value)
    most = Math.max(most, value)
    sum += value
    known++
  }
  return known > 0 ? { least, mean: sum / known, most } : null
}
